/** Rank normalisation, folding and splitting of chains (Vehtari, Gelman, Simpson, Carpenter & Bürkner 2021). */
import { normalQuantile } from '../math/special.ts';

/** Halves every chain; of an odd number of draws the middle one is dropped. `[C][n]` → `[2C][⌊n/2⌋]`. */
export function split(chains: readonly Float64Array[]): Float64Array[] {
  return chains.flatMap((chain) => {
    const half = Math.floor(chain.length / 2);
    return [chain.subarray(0, half), chain.subarray(chain.length - half)];
  });
}

/** All draws of all chains, ascending. */
export function pooledAscending(chains: readonly Float64Array[]): Float64Array {
  const pooled = new Float64Array(chains.reduce((sum, chain) => sum + chain.length, 0));
  let at = 0;
  for (const chain of chains) {
    pooled.set(chain, at);
    at += chain.length;
  }
  return pooled.sort();
}

/** Quantile of ascending numbers by linear interpolation (Hyndman & Fan 1996, type 7). `p` in [0, 1]. */
export function quantileOf(ascending: Float64Array, p: number): number {
  const position = (ascending.length - 1) * p;
  const below = Math.floor(position);
  const above = Math.min(below + 1, ascending.length - 1);
  return ascending[below] + (position - below) * (ascending[above] - ascending[below]);
}

/** Normal scores Φ⁻¹((r - 3/8) / (S + 1/4)) of the pooled ranks r, ties averaged (eq. 14 of the paper). */
export function normalScores(chains: readonly Float64Array[]): Float64Array[] {
  const ascending = pooledAscending(chains);
  const scores = new Map<number, number>();
  for (let first = 0; first < ascending.length; ) {
    let end = first + 1;
    while (end < ascending.length && ascending[end] === ascending[first]) end++;
    const rank = (first + 1 + end) / 2;
    scores.set(ascending[first], normalQuantile((rank - 0.375) / (ascending.length + 0.25)));
    first = end;
  }
  return chains.map((chain) => chain.map((x) => scores.get(x) as number));
}

/** Distances from the pooled median, |x - median|: the scale of the draws in place of their position. */
export function fold(chains: readonly Float64Array[]): Float64Array[] {
  const median = quantileOf(pooledAscending(chains), 0.5);
  return chains.map((chain) => chain.map((x) => Math.abs(x - median)));
}
