/** Student's t with four degrees of freedom, whose functions are algebraic; its variance is twice its squared scale. */
import type { Law } from './law.ts';

const DEVIATION = Math.SQRT2;
const LOG_PEAK = Math.log(3 / 8);
/** Each doubles the digits; they start with one. */
const NEWTON_STEPS = 5;

const score = (y: number, mean: number, sd: number) => ((y - mean) * DEVIATION) / sd;

/** Probability of less than z at scale one: ¼(1 + u)²(2 − u) with u = z/√(4 + z²); 1 + u is a quotient where it is small. */
function tail(z: number): number {
  const root = Math.sqrt(4 + z * z);
  const rise = z < 0 ? 4 / (root * (root - z)) : 1 + z / root;
  return 0.25 * rise * rise * (3 - rise);
}

/** The quantile of p ≤ ½: v = 1 + u solves v²(3 − v) = 4p, by Newton's steps from the root of its first term. */
function lower(p: number): number {
  let v = Math.sqrt((4 * p) / 3);
  for (let k = 0; k < NEWTON_STEPS; k++) v -= (v * v * (3 - v) - 4 * p) / (v * (6 - 3 * v));
  return (2 * (v - 1)) / Math.sqrt(v * (2 - v));
}

export const STUDENT_T: Law = {
  name: 'student-t',
  score,
  logDensity(y, mean, sd) {
    const z = score(y, mean, sd);
    return LOG_PEAK - Math.log(sd / DEVIATION) - 2.5 * Math.log1p(0.25 * z * z);
  },
  below: (y, mean, sd) => tail(score(y, mean, sd)),
  above: (y, mean, sd) => tail(-score(y, mean, sd)),
  quantile: (p, mean, sd) => mean + (sd / DEVIATION) * (p <= 0.5 ? lower(p) : -lower(1 - p)),
  moments: (mean, scale) => ({ mean, sd: DEVIATION * scale }),
};
