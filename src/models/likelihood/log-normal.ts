/**
 * Positive targets: the logarithm of the target, standardised, is normal with one learned σ. The noise of a row thus grows with
 * what is predicted, and no interval reaches zero.
 */
import { boundedLocation } from './bounds.ts';
import { gaussian, gaussianLogDensity } from './gaussian.ts';
import { type Likelihood, LOG_SIGMA } from './kind.ts';

export const logNormal: Likelihood = {
  ...gaussian,
  name: 'log-normal',
  scale: 'log',
  logLikelihood: (outputs, own, y) => gaussianLogDensity(y, boundedLocation(outputs), own[LOG_SIGMA]),
  predict: (outputs, own) => ({ mean: boundedLocation(outputs), logSigma: own[LOG_SIGMA] }),
};
