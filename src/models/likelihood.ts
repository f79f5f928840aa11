/**
 * Likelihoods: what the outputs of a network say about the target.
 *
 * Symbols: μ mean, s = log σ, C chains, B rows, K classes. Shapes: outputs `[C, K or 1 or 2, B]`, targets `[C, 1, B]`
 * (standardised) or one-hot `[C, K, B]`, log likelihood of each row `[C, B]`.
 */
import {
  add,
  composite,
  constant,
  crossEntropy,
  exp,
  filled,
  logSumExp,
  matmul,
  mul,
  neg,
  reduceSum,
  reduceTo,
  reshape,
  slice,
  sub,
  type Tensor,
} from '../graph/index.ts';
import { HALF_LOG_TWO_PI } from '../math/special.ts';
import type { Parameter } from './model.ts';

export type LikelihoodName = 'gaussian' | 'gaussian-per-input' | 'softmax';

export interface Likelihood {
  readonly name: LikelihoodName;
  /** Outputs the network must have for `classes` classes (1 for regression). */
  readonly outputs: number;
  /** Rows of the target tensor: 1, or K one-hot. */
  readonly targets: number;
  /** Parameters of its own, sampled with the network's. */
  readonly parameters: readonly Parameter[];
  /** log p(y | outputs) of every row, `[C, B]`. */
  logLikelihood(outputs: Tensor, own: Readonly<Record<string, Tensor>>, y: Tensor): Tensor;
  /** What a member predicts: `mean` and `logSigma` `[C, 1, B or 1]`, or `logProbability` `[C, K, B]`. */
  predict(outputs: Tensor, own: Readonly<Record<string, Tensor>>): Record<string, Tensor>;
}

/** Name of the learned log noise deviation, log σ. */
export const LOG_SIGMA = 'logSigma';

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
function gaussianLogDensity(y: Tensor, mean: Tensor, logSigma: Tensor): Tensor {
  const density = normalLogDensity(y, mean, logSigma);
  return reshape(density, [density.shape[0], density.shape[2]]);
}

/** One learned σ for all rows (the paper's regression). */
const gaussian: Likelihood = {
  name: 'gaussian',
  outputs: 1,
  targets: 1,
  parameters: [{ name: LOG_SIGMA, shape: [1, 1], start: { constant: 0 } }],
  logLikelihood: (outputs, own, y) => gaussianLogDensity(y, outputs, own[LOG_SIGMA]),
  predict: (outputs, own) => ({ mean: outputs, logSigma: own[LOG_SIGMA] }),
};

/** The network's second output is log σ of the row. */
const gaussianPerInput: Likelihood = {
  name: 'gaussian-per-input',
  outputs: 2,
  targets: 1,
  parameters: [],
  logLikelihood: (outputs, _own, y) => gaussianLogDensity(y, slice(outputs, 1, 0, 1), slice(outputs, 1, 1, 2)),
  predict: (outputs) => ({ mean: slice(outputs, 1, 0, 1), logSigma: slice(outputs, 1, 1, 2) }),
};

const softmax = (classes: number): Likelihood => ({
  name: 'softmax',
  outputs: classes,
  targets: classes,
  parameters: [],
  logLikelihood: (outputs, _own, y) => reduceSum(mul(y, logSoftmax(outputs)), [1]),
  predict: (outputs) => ({ logProbability: logSoftmax(outputs) }),
});

const logSoftmax = (logits: Tensor): Tensor => sub(logits, logSumExp(logits, 1));

/**
 * A class at each of several places of a row (the next character at each place of a text): targets `[C, places, B]` are
 * class indices, outputs `[C, K, places·B]`, the log likelihood of a row sums over its places.
 */
export const tokens = (classes: number, places: number): Likelihood => ({
  name: 'softmax',
  outputs: classes,
  targets: places,
  parameters: [],
  logLikelihood: (outputs, _own, y) => {
    const [chains, , rows] = y.shape;
    const each = crossEntropy(outputs, reshape(y, [chains, places * rows]), 1);
    // A product with ones: the runtime's own sum takes another order where there is one chain.
    const sums = matmul(filled(-1, [chains, 1, places], y.dtype), reshape(each, y.shape));
    return reshape(sums, [chains, rows]);
  },
  predict: (outputs) => ({ logProbability: logSoftmax(outputs) }),
});

/** The likelihood of that name; `classes` counts for softmax. */
export function likelihood(name: LikelihoodName, classes: number): Likelihood {
  if (name === 'softmax') return softmax(classes);
  return name === 'gaussian' ? gaussian : gaussianPerInput;
}
