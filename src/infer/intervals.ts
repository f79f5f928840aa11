/** Uncertainty of scores themselves: binomial intervals of a share, bootstrap intervals of a paired difference. */
import { uniforms } from '../math/random.ts';
import { normalQuantile } from '../math/special.ts';
import { fold } from '../math/threefry.ts';
import type { Key } from '../types.ts';

/** Wilson's interval of a probability from `hits` of `n` trials, with confidence 0.95 by default. */
export function binomialInterval(hits: number, n: number, confidence = 0.95): [number, number] {
  const z = normalQuantile(0.5 + confidence / 2);
  const share = hits / n;
  const centre = (share + (z * z) / (2 * n)) / (1 + (z * z) / n);
  const half = (z / (1 + (z * z) / n)) * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n));
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}

export interface Difference {
  readonly mean: number;
  /** Percentile bootstrap, 95 %. */
  readonly interval: readonly [number, number];
}

const RESAMPLES = 2000;

/** Mean of a − b over rows that both scored, with a bootstrap interval over rows. */
export function pairedDifference(a: ArrayLike<number>, b: ArrayLike<number>, key: Key): Difference {
  const n = a.length;
  const difference = Float64Array.from(a, (value, i) => value - b[i]);
  const picks = new Float64Array(n);
  const means = Float64Array.from({ length: RESAMPLES }, (_, r) => {
    uniforms(fold(key, r), picks);
    return picks.reduce((sum, u) => sum + difference[Math.floor(u * n)], 0) / n;
  }).sort();
  const at = (p: number) => means[Math.min(RESAMPLES - 1, Math.floor(p * RESAMPLES))];
  return { mean: difference.reduce((sum, v) => sum + v, 0) / n, interval: [at(0.025), at(0.975)] };
}
