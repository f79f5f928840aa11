/** What the numbers of a stored tensor tell of its being a constant. */

export interface Numbers {
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

/** Of tensors of so few numbers, two different ones tell nothing. */
const FEW = 4;

export const isOne = ({ values }: Numbers): boolean => values.length === 1;

/** Numbers that take two values only, zeros and ones say: they let through or hold back. */
export const isMask = ({ values }: Numbers): boolean => values.length > FEW && different(values, 3) === 2;

const isSame = ({ values }: Numbers): boolean => different(values, 2) < 2;

/** How many different numbers there are, counted up to `enough`. */
function different(values: ArrayLike<number>, enough: number): number {
  const seen = new Set<number>();
  for (let i = 0; i < values.length && seen.size < enough; i++) seen.add(values[i]);
  return seen.size;
}

/** Why a factor or a summand between layers is no learned scale or shift; undefined where it may be one. */
export function affineConstant(numbers: Numbers, beforeLayer: boolean): string | undefined {
  if (isOne(numbers)) return 'one number, and no bias of a layer';
  if (isSame(numbers)) return 'the same number throughout';
  if (isMask(numbers)) return 'a mask: two different numbers only';
  return beforeLayer ? undefined : 'it scales the outputs after the last weight';
}
