/** Which chains ail, from made-up draws: every rule and the order of what is found. */
import { describe, expect, it } from 'vitest';
import { ailments } from '../../src/answers/ailments.ts';
import { normals } from '../../src/math/random.ts';

/** Four chains of draws around −1, of which chain c is changed as `change` says. */
function chains(change: (value: number, c: number, share: number) => number = (v) => v, draws = 100): Float64Array[] {
  return [0, 1, 2, 3].map((c) => {
    const z = new Float64Array(draws);
    normals([7, c], z);
    return z.map((v, i) => change(-1 + 0.05 * v, c, i / draws));
  });
}
const none = [null, null, null, null];
const names = (series: Float64Array[], energyTail: (number | null)[] = none) =>
  ailments({ series, energyTail }).map(({ chain, name }) => `${chain} ${name}`);

describe('a chain', () => {
  it('that is like the others does not ail', () => {
    expect(names(chains(), [0.05, 0.01, null, 0.09])).toEqual([]);
  });

  it('far below the others is stuck, one as far above is not', () => {
    expect(names(chains((v, c) => (c === 1 ? v - 2 : v)))).toEqual(['1 stuck']);
    expect(names(chains((v, c) => (c === 1 ? v + 2 : v)))).toEqual([]);
  });

  it('whose draws are not finite is stuck, unless all are so', () => {
    expect(names(chains((v, c, share) => (c === 2 && share > 0.9 ? Number.NaN : v)))).toEqual(['2 stuck']);
    expect(names(chains(() => Number.NaN))).toEqual([]);
  });

  it('whose log likelihood rises or falls drifts', () => {
    expect(names(chains((v, c, share) => (c === 3 ? v + 0.3 * share : v)))).toEqual(['3 drifts']);
    expect(names(chains((v, c, share) => (c === 0 ? v - 0.3 * share : v)))).toEqual(['0 drifts']);
  });

  it('whose steps err in energy takes too large ones', () => {
    expect(names(chains(), [null, 0.2, 0.05, null])).toEqual(['1 step too large']);
  });
});

it('the worst come first: stuck, then steps by their error, then drift by its R-hat', () => {
  const series = chains((v, c, share) => v + [0.3 * share, 0.6 * share, -3, 0][c]);
  expect(names(series, [null, null, null, 0.2])).toEqual(['2 stuck', '3 step too large', '1 drifts', '0 drifts']);
});

it('too few draws say nothing', () => {
  expect(names(chains((v, c) => (c === 1 ? v - 2 : v), 49))).toEqual([]);
});
