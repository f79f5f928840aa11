/**
 * Likelihoods by name: what the outputs of a network say about the target.
 *
 * Symbols: μ mean, s = log σ, C chains, B rows, K classes. Shapes: outputs `[C, K or 1 or 2, B]`, targets `[C, 1, B]`
 * (standardised) or one-hot `[C, K, B]`, log likelihood of each row `[C, B]`.
 */
import { softmax } from './likelihood/classes.ts';
import { gaussian, gaussianPerInput } from './likelihood/gaussian.ts';
import type { Likelihood, LikelihoodName, RegressionLikelihood } from './likelihood/kind.ts';
import { logNormal } from './likelihood/log-normal.ts';
import { studentT } from './likelihood/student-t.ts';

export { tokens } from './likelihood/classes.ts';
export {
  type Likelihood,
  type LikelihoodName,
  LOG_SIGMA,
  REGRESSION_LIKELIHOODS,
  type RegressionLikelihood,
} from './likelihood/kind.ts';

const REGRESSION: Readonly<Record<RegressionLikelihood, Likelihood>> = {
  gaussian,
  'gaussian-per-input': gaussianPerInput,
  'student-t': studentT,
  'log-normal': logNormal,
};

/** The likelihood of that name; `classes` counts for softmax. */
export const likelihood = (name: LikelihoodName, classes: number): Likelihood =>
  name === 'softmax' ? softmax(classes) : REGRESSION[name];
