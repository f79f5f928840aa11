/** Normal noise: of one learned deviation, or of one for each row. */
import {
  add,
  composite,
  constant,
  exp,
  mul,
  neg,
  reduceTo,
  reshape,
  slice,
  sub,
  type Tensor,
} from '../../graph/index.ts';
import { HALF_LOG_TWO_PI } from '../../math/special.ts';
import { boundedLogSigma } from './bounds.ts';
import { type Likelihood, LOG_SIGMA } from './kind.ts';

/** r = y − μ and r e^{−2s}. */
function misfit(y: Tensor, mean: Tensor, logSigma: Tensor) {
  const r = sub(y, mean);
  return { r, weighted: mul(r, exp(mul(logSigma, constant(-2, y)))) };
}

/** −½ log 2π − s − ½ (y−μ)² e^{−2s}, element by element. */
const normalLogDensity = composite(
  'normalLogDensity',
  (y, mean, logSigma) => {
    const { r, weighted } = misfit(y, mean, logSigma);
    return sub(mul(mul(r, weighted), constant(-0.5, y)), add(logSigma, constant(HALF_LOG_TWO_PI, y)));
  },
  ([y, mean, logSigma], _density, slope) => {
    const { r, weighted } = misfit(y, mean, logSigma);
    const pull = mul(slope, weighted);
    return [
      reduceTo(neg(pull), y.shape),
      reduceTo(pull, mean.shape),
      reduceTo(mul(slope, sub(mul(r, weighted), constant(1, y))), logSigma.shape),
    ];
  },
);

/** `normalLogDensity` without the target axis of length one. */
export function gaussianLogDensity(y: Tensor, mean: Tensor, logSigma: Tensor): Tensor {
  const density = normalLogDensity(y, mean, logSigma);
  return reshape(density, [density.shape[0], density.shape[2]]);
}

/** One learned σ for all rows (the paper's regression). */
export const gaussian: Likelihood = {
  name: 'gaussian',
  outputs: 1,
  targets: 1,
  places: 1,
  parameters: [{ name: LOG_SIGMA, shape: [1, 1], start: { constant: 0 } }],
  logLikelihood: (outputs, own, y) => gaussianLogDensity(y, outputs, own[LOG_SIGMA]),
  predict: (outputs, own) => ({ mean: outputs, logSigma: own[LOG_SIGMA] }),
};

/** The two outputs of a network that says a location and a scale for each row; log σ is bounded. */
export function locationAndScale(outputs: Tensor): { readonly mean: Tensor; readonly logSigma: Tensor } {
  return { mean: slice(outputs, 1, 0, 1), logSigma: boundedLogSigma(slice(outputs, 1, 1, 2)) };
}

/** The network's second output is log σ of the row. */
export const gaussianPerInput: Likelihood = {
  name: 'gaussian-per-input',
  outputs: 2,
  targets: 1,
  places: 1,
  parameters: [],
  logLikelihood: (outputs, _own, y) => {
    const { mean, logSigma } = locationAndScale(outputs);
    return gaussianLogDensity(y, mean, logSigma);
  },
  predict: locationAndScale,
};
