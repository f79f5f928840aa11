/** Scores of an ensemble on rows with known targets: the numbers that are shown, and those of every row behind them. */
import type { Reliability } from '../infer/calibration.ts';
import type { LeftOut } from '../infer/usable.ts';

/** Scores of one ensemble on one split. LPPD is in nats per row, of a text per token; for regression, of the standardised target. */
export interface Scores {
  readonly rows: number;
  readonly members: number;
  /** Members left out of some row, since they predict nothing finite there. */
  readonly nonFiniteMembers: number;
  /** What was left out; rows that no member predicts count as missed. Absent for the mean of single networks. */
  readonly leftOut?: LeftOut;
  /** −∞ where a row's observation has no probability, or no member predicts it. */
  readonly lppd: number;
  /** Regression: root mean squared error of the mean, in the units of the target. */
  readonly rmse?: number;
  /** Regression: share of rows inside the equal-tailed 50, 80, 90 and 95 % intervals. */
  readonly coverage?: readonly { readonly level: number; readonly observed: number }[];
  /** Text: exp(−LPPD). */
  readonly perplexity?: number;
  readonly accuracy?: number;
  readonly brier?: number;
  readonly ece?: number;
  /** The paper's calibration error, by its own rules: comparable with its tables only. */
  readonly paperCalibrationError: number;
  /** Classification: the paper's accuracy, of the majority vote. */
  readonly accuracyVote?: number;
}

/** Scores with what comparisons and checks need. */
export interface PointwiseScores extends Scores {
  /** log predictive density of every row. */
  readonly pointwise: Float64Array;
  /** Members that predict each row; where there are none, the numbers below are NaN. */
  readonly usable: Uint32Array;
  /** What is predicted for every row, of the standardised target or of the classes. */
  readonly numbers?: RowNumbers;
  readonly classes?: RowClasses;
}

/** `[n]` each; `pit` is the probability integral transform. */
export type RowNumbers = Readonly<Record<'mean' | 'aleatoric' | 'epistemic' | 'pit', Float64Array>>;

/** `[n]` each: probability of the predicted class, whether it is right, and the mutual information of label and member. */
export interface RowClasses extends Pick<Reliability, 'bins'> {
  readonly confidence: Float64Array;
  readonly correct: Uint8Array;
  readonly epistemic: Float64Array;
}
