/** Reliability of class probabilities: does a confidence of 0.8 come true four times in five? */

/** One bin (lower, upper] of confidence that holds at least one row. */
interface ReliabilityBin {
  readonly lower: number;
  readonly upper: number;
  /** Rows in the bin. */
  readonly count: number;
  /** Mean confidence of the rows. */
  readonly confidence: number;
  /** Share of the rows whose predicted class is right. */
  readonly accuracy: number;
}

/** The filled bins in ascending order and their expected calibration error. */
export interface Reliability {
  /** Expected calibration error Σ_b count_b/n |accuracy_b - confidence_b|, in [0, 1]. */
  readonly ece: number;
  readonly bins: readonly ReliabilityBin[];
}

/**
 * Bins rows by confidence into equal widths (Guo et al., ICML 2017, "On calibration of modern neural networks", eq. 3).
 * @param confidence `[n]` probability of the predicted class, in (0, 1]. @param correct `[n]` 1 where it is right.
 * @param count number of bins; 15 is the customary choice.
 */
export function reliability(confidence: ArrayLike<number>, correct: ArrayLike<number>, count = 15): Reliability {
  const rows = new Float64Array(count);
  const sum = new Float64Array(count);
  const right = new Float64Array(count);
  for (let i = 0; i < confidence.length; i++) {
    const bin = Math.min(count, Math.max(1, Math.ceil(confidence[i] * count))) - 1;
    rows[bin]++;
    sum[bin] += confidence[i];
    right[bin] += correct[i];
  }
  let ece = 0;
  const bins: ReliabilityBin[] = [];
  for (let b = 0; b < count; b++) {
    if (rows[b] === 0) continue;
    bins.push({
      lower: b / count,
      upper: (b + 1) / count,
      count: rows[b],
      confidence: sum[b] / rows[b],
      accuracy: right[b] / rows[b],
    });
    ece += Math.abs(right[b] - sum[b]) / confidence.length;
  }
  return { ece: confidence.length > 0 ? ece : Number.NaN, bins };
}

/**
 * Adaptive calibration error (Nixon et al. 2019): the mean over bins of equal numbers of rows of |accuracy − confidence|, on the
 * probability of the predicted class.
 */
export function adaptiveCalibrationError(
  confidence: ArrayLike<number>,
  correct: ArrayLike<number>,
  count = 15,
): number {
  const order = Array.from(confidence, (_, i) => i).sort((a, b) => confidence[a] - confidence[b]);
  const bins = Math.min(count, order.length);
  let sum = 0;
  for (let b = 0; b < bins; b++) {
    const rows = order.slice(Math.round((b * order.length) / bins), Math.round(((b + 1) * order.length) / bins));
    const gap = rows.reduce((total, i) => total + correct[i] - confidence[i], 0) / rows.length;
    sum += Math.abs(gap) / bins;
  }
  return sum;
}
