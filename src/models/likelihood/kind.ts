/** What a likelihood is to the rest: names, parameters of its own, and two graphs. */
import type { Tensor } from '../../graph/index.ts';
import type { Parameter } from '../model.ts';

/** Likelihoods of a regression, the simplest first. */
export const REGRESSION_LIKELIHOODS = ['gaussian', 'log-normal', 'gaussian-per-input', 'student-t'] as const;
export type RegressionLikelihood = (typeof REGRESSION_LIKELIHOODS)[number];
export type LikelihoodName = RegressionLikelihood | 'softmax';

export interface Likelihood {
  readonly name: LikelihoodName;
  /** Outputs the network must have for `classes` classes (1 for regression). */
  readonly outputs: number;
  /** Rows of the target tensor: 1, or K one-hot. */
  readonly targets: number;
  /** Answers of a row: 1, or the tokens of a window. */
  readonly places: number;
  /** What the graphs take for the target of a regression: itself, or its logarithm, either standardised. Default: itself. */
  readonly scale?: 'log';
  /** Parameters of its own, sampled with the network's. */
  readonly parameters: readonly Parameter[];
  /** log p(y | outputs) of every row, `[C, B]`. */
  logLikelihood(outputs: Tensor, own: Readonly<Record<string, Tensor>>, y: Tensor): Tensor;
  /**
   * What a member predicts: location `mean` and log scale `logSigma` of the likelihood's law, `[C, 1, B or 1]`, or
   * `logProbability` `[C, K, B]`.
   */
  predict(outputs: Tensor, own: Readonly<Record<string, Tensor>>): Record<string, Tensor>;
}

/** Name of the learned log noise deviation, log σ. */
export const LOG_SIGMA = 'logSigma';
