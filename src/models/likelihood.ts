/**
 * Likelihoods by name: what the outputs of a network say about the target.
 *
 * Symbols: μ mean, s = log σ, C chains, B rows, K classes. Shapes: outputs `[C, K or 1 or 2, B]`, targets `[C, 1, B]`
 * (standardised), one-hot `[C, K, B]`, or for windows of P tokens their classes `[C, P, B]` with outputs `[C, K, P·B]`; log likelihood of
 * each row `[C, B]`.
 */
import { softmax } from './likelihood/classes.ts';
import { gaussian, gaussianPerInput } from './likelihood/gaussian.ts';
import type { Likelihood, LikelihoodName } from './likelihood/kind.ts';
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

/** What each says about the target, in a line, and how it is made; the number of classes counts for softmax alone. */
export const LIKELIHOODS: Readonly<
  Record<LikelihoodName, { readonly about: string; make(classes: number): Likelihood }>
> = {
  gaussian: { about: 'numbers, normal with one learned σ', make: () => gaussian },
  'log-normal': { about: 'numbers above zero, whose logarithm is normal with one learned σ', make: () => logNormal },
  'gaussian-per-input': { about: 'numbers, normal with a σ of each row', make: () => gaussianPerInput },
  'student-t': { about: 'numbers with heavy tails, and a scale of each row', make: () => studentT },
  softmax: { about: 'classes', make: softmax },
};

/** The likelihood of that name; `classes` counts for softmax. */
export const likelihood = (name: LikelihoodName, classes: number): Likelihood => LIKELIHOODS[name].make(classes);
