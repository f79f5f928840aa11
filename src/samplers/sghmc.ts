/** Stochastic gradient Hamiltonian Monte Carlo with persistent momentum (Chen et al. 2014). */
import { normals } from '../math/random.ts';
import type { Sampler } from '../types.ts';
import { gradientSampler, stepKey } from './chain.ts';

export interface SghmcOptions {
  /** h, the learning rate: ε² in time units. */
  readonly stepSize: number;
  /** α in (0, 1): friction. */
  readonly friction: number;
  /** Whether the injected noise is lessened by the measured gradient noise, β̂ = ½hV̂. */
  readonly noiseEstimate: boolean;
}

const SGHMC_DEFAULTS: SghmcOptions = { stepSize: 1e-4, friction: 0.05, noiseEstimate: false };

/**
 * v ← (1−α)v + hĝ + N(0, 2(α−β̂)h), θ ← θ + v. With `noiseEstimate`, V̂ is the variance of ĝ about its running mean during
 * warm-up (which holds the spread of the gradient itself too), β̂ ≤ α.
 */
export function sghmc(options: Partial<SghmcOptions> = {}): Sampler {
  const { stepSize, friction, noiseEstimate } = { ...SGHMC_DEFAULTS, ...options };
  return gradientSampler({
    name: 'sghmc',
    stepSize,
    init: (chains, d) => ({
      momentum: new Float64Array(chains * d),
      gradientCount: new Float64Array(chains),
      gradientMean: new Float64Array(chains * d),
      gradientVariance: new Float64Array(chains * d),
    }),
    move(state, c, d, t, gradient, z) {
      const { theta, keys, momentum, gradientCount, gradientMean, gradientVariance } = state;
      const at = c * d;
      const h = state.stepSize[c];
      normals(stepKey(keys, c, 'noise', t), z, at, d);
      const n = state.adapting[0] === 1 ? ++gradientCount[c] : 0;
      for (let i = at; i < at + d; i++) {
        if (n > 0) {
          const off = gradient[i] - gradientMean[i];
          gradientMean[i] += off / n;
          gradientVariance[i] += (off * (gradient[i] - gradientMean[i]) - gradientVariance[i]) / n;
        }
        const known = noiseEstimate ? Math.min(0.5 * h * gradientVariance[i], friction) : 0;
        momentum[i] = (1 - friction) * momentum[i] + h * gradient[i] + Math.sqrt(2 * (friction - known) * h) * z[i];
        theta[i] += momentum[i];
      }
    },
  }) as Sampler;
}
