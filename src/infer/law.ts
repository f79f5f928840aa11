/**
 * Laws of a member's target, in the units of y: families whose every member is known by its mean and deviation. One law holds for
 * all members of an ensemble, which is their equal mixture.
 */
import { HALF_LOG_TWO_PI, normalCdf, normalQuantile } from '../math/special.ts';

export interface Law {
  readonly name: string;
  /** How far y lies from the location, in scales of the likelihood's graph; −∞ below the support. */
  score(y: number, mean: number, sd: number): number;
  /** log density at y; −∞ outside the support. */
  logDensity(y: number, mean: number, sd: number): number;
  /** Probability of less than y, and of more; each keeps its digits where it is small. */
  below(y: number, mean: number, sd: number): number;
  above(y: number, mean: number, sd: number): number;
  /** The number below which probability p in (0, 1) lies. */
  quantile(p: number, mean: number, sd: number): number;
  /** Mean and deviation from what the likelihood's graph says: location and scale. */
  moments(location: number, scale: number): { readonly mean: number; readonly sd: number };
}

export const NORMAL: Law = {
  name: 'normal',
  score: (y, mean, sd) => (y - mean) / sd,
  logDensity(y, mean, sd) {
    const z = (y - mean) / sd;
    return -0.5 * z * z - Math.log(sd) - HALF_LOG_TWO_PI;
  },
  below: (y, mean, sd) => normalCdf((y - mean) / sd),
  above: (y, mean, sd) => normalCdf((mean - y) / sd),
  quantile: (p, mean, sd) => mean + sd * normalQuantile(p),
  moments: (mean, sd) => ({ mean, sd }),
};
