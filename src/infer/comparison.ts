/** Whether predictions are worse than others of the same rows, by a test that no outlier disarms. */

/** Of the log densities of the same rows, in nats. */
export interface Comparison {
  /** Rows that both judge; mean of ours − theirs, and its standard error. */
  readonly rows: number;
  readonly mean: number;
  readonly error: number;
  /** Σ theirs − ours: the log of an e-value against "ours is the law of the rows". */
  readonly evidence: number;
}

/** Standard errors that a difference must exceed to be called one. */
const SIGNIFICANT = 3;
/** Standard errors that raise a doubt: chance in one case of fifty. */
const DOUBTFUL = 2;
/** If ours were the law of the rows, the product of density ratios would exceed 1000 with probability at most 1/1000 (Markov). */
export const EVIDENCE = Math.log(1000);

/** Compares log densities `[n]`. A row is left out where neither gives it a density, or where one is not a number. */
export function compare(ours: ArrayLike<number>, theirs: ArrayLike<number>): Comparison {
  const difference = Array.from(ours, (value, i) => value - theirs[i]).filter((v) => !Number.isNaN(v));
  const n = difference.length;
  const sum = difference.includes(Number.NEGATIVE_INFINITY)
    ? Number.NEGATIVE_INFINITY
    : difference.reduce((total, v) => total + v, 0);
  const mean = sum / n;
  const variance = difference.reduce((total, v) => total + (v - mean) ** 2, 0) / Math.max(1, n - 1);
  return { rows: n, mean, error: Math.sqrt(variance / n), evidence: -sum };
}

/**
 * Whether ours is worse by more than `relevant` nats per row. A few rows with huge losses make a standard error as large as the
 * mean itself; the e-value counts their losses in full (Grünwald, de Heide and Koolen, "Safe testing", 2024).
 */
export const isWorse = ({ mean, error, evidence }: Comparison, relevant: number): boolean =>
  mean < -relevant && (mean + SIGNIFICANT * error < 0 || evidence > EVIDENCE);

/** Whether ours looks worse by more than `relevant` nats per row, though chance may explain it. */
export const looksWorse = (compared: Comparison, relevant: number): boolean =>
  compared.mean < -relevant && compared.mean + DOUBTFUL * compared.error < 0 && !isWorse(compared, relevant);
