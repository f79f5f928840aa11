/** Bayesian logistic regression: labels 0 or 1, weights ~ N(0, 1). */
import type { ReferenceTarget } from './regression.ts';
import { eachChain } from './target.ts';

/** `x` is `[N × p]` row-major, with its column of ones. */
export function logisticRegression(x: Float64Array, labels: ArrayLike<number>): ReferenceTarget {
  const n = labels.length;
  const p = x.length / n;
  return {
    start: new Float64Array(p),
    names: Array.from({ length: p }, (_, i) => `weight[${i + 1}]`),
    parameters: (theta, at) => [...theta.subarray(at, at + p)],
    ...eachChain(p, (theta, at, grad) => {
      let value = 0;
      for (let k = 0; k < p; k++) {
        grad[at + k] = -theta[at + k];
        value -= 0.5 * theta[at + k] ** 2;
      }
      for (let i = 0; i < n; i++) {
        let logit = 0;
        for (let k = 0; k < p; k++) logit += x[i * p + k] * theta[at + k];
        // log p(label) = label·logit − log(1 + e^logit), without overflow.
        value += labels[i] * logit - Math.max(logit, 0) - Math.log1p(Math.exp(-Math.abs(logit)));
        const residual = labels[i] - 1 / (1 + Math.exp(-logit));
        for (let k = 0; k < p; k++) grad[at + k] += residual * x[i * p + k];
      }
      return value;
    }),
  };
}
