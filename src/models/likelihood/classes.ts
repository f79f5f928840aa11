/** Likelihoods of classes. */
import {
  crossEntropy,
  filled,
  logSumExp,
  matmul,
  mul,
  reduceSum,
  reshape,
  sub,
  type Tensor,
} from '../../graph/index.ts';
import type { Likelihood } from './kind.ts';

export const softmax = (classes: number): Likelihood => ({
  name: 'softmax',
  outputs: classes,
  targets: classes,
  places: 1,
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
  places,
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
