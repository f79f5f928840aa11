/**
 * Conformal prediction: intervals and sets that hold a new observation with the probability asked for, whatever the model,
 * as long as calibration rows and new rows are exchangeable. A score says how badly a row fits its prediction; a new
 * row's interval or set is everything that would score no worse than the threshold.
 *
 * Sources: Vovk et al. 2005 (split conformal, Mondrian groups); Romano, Patterson & Candès 2019 (CQR); Romano, Sesia &
 * Candès 2020 (APS); Angelopoulos et al. 2021 (RAPS).
 */
import { specError } from '../errors.ts';

/** The ⌈(n+1)·level⌉-th smallest of the n calibration scores; Infinity where there are too few for that level. */
export function conformalThreshold(scores: ArrayLike<number>, level: number): number {
  if (!(level > 0 && level < 1)) {
    throw specError(`conformal: expected a level between 0 and 1, got ${level}. Pass 0.9 for 90 %.`);
  }
  const rank = Math.ceil((scores.length + 1) * level - 1e-12);
  return rank > scores.length ? Number.POSITIVE_INFINITY : Float64Array.from(scores).sort()[rank - 1];
}

/** The fewest calibration rows that give a threshold at that level. */
export const fewestRows = (level: number): number => Math.ceil(level / (1 - level) - 1e-9);

/** Thresholds within groups (Mondrian): coverage holds in each. `groups[i]` is the group of row i. */
export function groupThresholds(
  scores: ArrayLike<number>,
  groups: readonly string[],
  level: number,
): Map<string, number> {
  const members = new Map<string, number[]>();
  groups.forEach((group, i) => {
    members.set(group, [...(members.get(group) ?? []), scores[i]]);
  });
  return new Map([...members].map(([group, own]) => [group, conformalThreshold(own, level)]));
}

/** Split conformal with a scale: |y − mean| / sd, per row. The interval is mean ± threshold · sd. */
export function scaledScores(y: ArrayLike<number>, mean: ArrayLike<number>, sd: ArrayLike<number>): Float64Array {
  return Float64Array.from(y, (value, i) => Math.abs(value - mean[i]) / sd[i]);
}

/** Conformalised quantile regression: max(lower − y, y − upper). The interval is [lower − threshold, upper + threshold]. */
export function quantileScores(y: ArrayLike<number>, lower: ArrayLike<number>, upper: ArrayLike<number>): Float64Array {
  return Float64Array.from(y, (value, i) => Math.max(lower[i] - value, value - upper[i]));
}

export interface SetOptions {
  /** RAPS: penalty λ ≥ 0 on every class beyond the first `free`; 0 is APS. */
  readonly penalty: number;
  readonly free: number;
}

export const APS: SetOptions = { penalty: 0, free: 0 };
export const RAPS: SetOptions = { penalty: 0.01, free: 5 };

/**
 * APS or RAPS score of class k in one row of probabilities: the probability of all classes ranked before it, plus `u` times
 * its own (u uniform in [0, 1) makes the coverage exact; 1 is conservative), plus the penalty of its rank.
 */
export function setScore(probability: ArrayLike<number>, k: number, u: number, { penalty, free }: SetOptions): number {
  let before = 0;
  let rank = 1;
  for (let c = 0; c < probability.length; c++) {
    if (probability[c] > probability[k] || (probability[c] === probability[k] && c < k)) {
      before += probability[c];
      rank++;
    }
  }
  return before + u * probability[k] + penalty * Math.max(0, rank - free);
}

/** The classes of a row that score no worse than the threshold, most probable first; never empty. */
export function predictionSet(
  probability: ArrayLike<number>,
  threshold: number,
  u: number,
  options: SetOptions,
): number[] {
  const ranked = Array.from(probability, (_, k) => k).sort((a, b) => probability[b] - probability[a] || a - b);
  const held = ranked.filter((k) => setScore(probability, k, u, options) <= threshold);
  return held.length > 0 ? held : [ranked[0]];
}
