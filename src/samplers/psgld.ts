/** SGLD with RMSProp's preconditioner (Li et al. 2016). */
import { normals } from '../math/random.ts';
import type { Sampler } from '../types.ts';
import { gradientSampler, stepKey } from './chain.ts';
import { SGLD_DEFAULTS, type SgldOptions } from './sgld.ts';

export interface PsgldOptions extends SgldOptions {
  /** Memory of the mean square of the gradient. */
  readonly decay: number;
  /** Added to its root, relative to the mean root: bounds G. */
  readonly floor: number;
}

const PSGLD_DEFAULTS: PsgldOptions = { ...SGLD_DEFAULTS, decay: 0.99, floor: 0.01 };

/**
 * Preconditioned SGLD (Li et al. 2016): G = diag(1/(λ + √v)) with v the running mean square of ĝ, normalised to mean
 * 1 so that ε keeps its meaning. G freezes after warm-up: then Γ = 0 and the target is exact up to O(ε).
 */
export function psgld(options: Partial<PsgldOptions> = {}): Sampler {
  const { stepSize, temperature, decay, floor } = { ...PSGLD_DEFAULTS, ...options };
  return gradientSampler({
    name: 'psgld',
    stepSize,
    init: (chains, d) => ({
      gradientCount: new Float64Array(chains),
      gradientSquare: new Float64Array(chains * d),
      speed: new Float64Array(chains * d).fill(1),
    }),
    move(state, c, d, t, gradient, z) {
      const { theta, keys, gradientCount, gradientSquare, speed } = state;
      const at = c * d;
      if (state.adapting[0] === 1) {
        const w = Math.max(1 / ++gradientCount[c], 1 - decay);
        let root = 0;
        for (let i = at; i < at + d; i++) {
          gradientSquare[i] += w * (gradient[i] ** 2 - gradientSquare[i]);
          root += Math.sqrt(gradientSquare[i]) / d;
        }
        let total = 0;
        for (let i = at; i < at + d; i++) {
          speed[i] = root > 0 ? 1 / (floor * root + Math.sqrt(gradientSquare[i])) : 1;
          total += speed[i] / d;
        }
        for (let i = at; i < at + d; i++) speed[i] /= total;
      }
      normals(stepKey(keys, c, 'noise', t), z, at, d);
      const epsilon = state.stepSize[c];
      for (let i = at; i < at + d; i++) {
        theta[i] += epsilon * speed[i] * gradient[i] + Math.sqrt(2 * temperature * epsilon * speed[i]) * z[i];
      }
    },
  }) as Sampler;
}
