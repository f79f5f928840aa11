/** What a network is to the rest: named parameters in one flat vector, their start values, and a forward pass. */
import { reshape, split, type Tensor } from '../graph/index.ts';
import type { Key } from '../types.ts';

/** One named parameter: its place in the flat vector follows the order of the list. */
export interface Parameter {
  readonly name: string;
  /** Shape for one chain, for example `[out, in]`. */
  readonly shape: readonly number[];
}

/** A network for a block of C chains. */
export interface Model {
  readonly name: string;
  readonly parameters: readonly Parameter[];
  /** Start values of one chain `[d]`. */
  initial(key: Key): Float64Array;
  /** From parameters `[C, …shape]` by name and inputs `[C or 1, features, rows]` to outputs `[C, outputs, rows]`. */
  forward(parameters: Readonly<Record<string, Tensor>>, x: Tensor): Tensor;
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

/** d: the number of scalars in a list of parameters. */
export const dimensionOf = (parameters: readonly Parameter[]): number =>
  parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0);

/** Cuts the flat vectors `theta` `[C, d]` into the named parameters `[C, …shape]`. */
export function unflatten(theta: Tensor, parameters: readonly Parameter[]): Record<string, Tensor> {
  const chains = theta.shape[0];
  const pieces = split(
    theta,
    1,
    parameters.map(({ shape }) => sizeOf(shape)),
  );
  return Object.fromEntries(parameters.map(({ name, shape }, i) => [name, reshape(pieces[i], [chains, ...shape])]));
}
