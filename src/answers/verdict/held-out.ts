/** What the checks of predictions look at: held-out rows as they were predicted, beside what was observed. */

/** Predictions of held-out rows, beside what was observed. Arrays are `[n]`, over the rows that some draw predicts. */
export interface HeldOutFacts {
  readonly rows: number;
  /** log predictive density of every row, and what the start of the chains and a constant give it. */
  readonly pointwise: Float64Array;
  readonly start?: Float64Array;
  readonly constant?: Float64Array;
  /** Share of the validation rows that are copies of training rows; they are not among the others here. */
  readonly copied?: number;
  /** 1 for rows that had a part in the choice of the start: early stopping, and σ. */
  readonly chose?: Uint8Array;
  /** Of every row, by the mean or the likeliest class: squared error, or 1 where it is wrong; and the same of the start. */
  readonly loss?: Float64Array;
  readonly startLoss?: Float64Array;
  /** Share of the predictions of single draws that are not usable. */
  readonly unusable: number;
  /** Rows that no draw predicts; they are not among the others here. */
  readonly unpredicted?: number;
  readonly draws: number;
  readonly likelihood?: string;
  /** Whether a chain was stopped by hand before its end. */
  readonly stopped?: boolean;
  /** Where row i stands, for the user. */
  where(i: number): string;
  readonly regression?: HeldOutNumbers;
  readonly classes?: {
    readonly confidence: Float64Array;
    readonly correct: ArrayLike<number>;
    readonly epistemic: Float64Array;
  };
}

/** In the units of the target. */
export interface HeldOutNumbers {
  readonly y: Float64Array;
  readonly mean: Float64Array;
  readonly aleatoric: Float64Array;
  readonly epistemic: Float64Array;
  /** Probability integral transform. */
  readonly pit: Float64Array;
  /** Smallest and largest target, and the mean, of the training rows. */
  readonly trained?: { readonly lowest: number; readonly highest: number; readonly mean: number };
}
