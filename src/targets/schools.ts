/** Eight schools, non-centred: effects μ + τ·z with z ~ N(0, 1), μ ~ N(0, 5²), τ ~ half-Cauchy(5); log τ is sampled. */
import type { ReferenceTarget } from './regression.ts';
import { eachChain } from './target.ts';

const PRIOR_SCALE = 5;

export function eightSchools(y: readonly number[], sigma: readonly number[]): ReferenceTarget {
  const n = y.length;
  return {
    start: new Float64Array(n + 2),
    names: [...y.map((_, i) => `theta[${i + 1}]`), 'mu', 'tau'],
    parameters(theta, at) {
      const mu = theta[at + n];
      const tau = Math.exp(theta[at + n + 1]);
      return [...y.map((_, i) => mu + tau * theta[at + i]), mu, tau];
    },
    ...eachChain(n + 2, (theta, at, grad) => {
      const mu = theta[at + n];
      const tau = Math.exp(theta[at + n + 1]);
      const ratio = (tau / PRIOR_SCALE) ** 2;
      let value = -0.5 * (mu / PRIOR_SCALE) ** 2 - Math.log1p(ratio) + Math.log(tau);
      grad[at + n] = -mu / PRIOR_SCALE ** 2;
      grad[at + n + 1] = 1 - (2 * ratio) / (1 + ratio);
      for (let i = 0; i < n; i++) {
        const z = theta[at + i];
        const pull = (y[i] - mu - tau * z) / sigma[i] ** 2;
        value -= 0.5 * (z * z + sigma[i] ** 2 * pull * pull);
        grad[at + i] = -z + tau * pull;
        grad[at + n] += pull;
        grad[at + n + 1] += tau * z * pull;
      }
      return value;
    }),
  };
}
