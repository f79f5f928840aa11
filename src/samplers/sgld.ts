/**
 * Stochastic gradient Langevin dynamics: θ ← θ + εGĝ + √(2Tε) G^{1/2} n (Welling & Teh 2011). Note the convention: ε
 * multiplies ĝ itself, so the target's diffusion is dθ = g dt + √2 dW with dt = ε.
 */
import { normals } from '../math/random.ts';
import type { Sampler } from '../types.ts';
import { type ChainState, gradientSampler, stepKey } from './chain.ts';

export interface SgldOptions {
  readonly stepSize: number;
  /** T ≥ 0; 0 is plain gradient ascent. */
  readonly temperature: number;
}

export const SGLD_DEFAULTS: SgldOptions = { stepSize: 1e-4, temperature: 1 };

export function sgld(options: Partial<SgldOptions> = {}): Sampler {
  const { stepSize, temperature } = { ...SGLD_DEFAULTS, ...options };
  return gradientSampler({
    name: 'sgld',
    stepSize,
    init: () => ({}),
    move: (state, c, d, t, gradient, z) => langevinMove(state, c, d, t, gradient, z, state.stepSize[c], temperature),
  }) as Sampler;
}

/** θ ← θ + εĝ + √(2Tε) n on chain c. */
export function langevinMove(
  { theta, keys }: ChainState,
  c: number,
  d: number,
  t: number,
  gradient: Float64Array,
  z: Float64Array,
  epsilon: number,
  temperature: number,
): void {
  const at = c * d;
  const spread = Math.sqrt(2 * temperature * epsilon);
  if (spread > 0) normals(stepKey(keys, c, 'noise', t), z, at, d);
  for (let i = at; i < at + d; i++) theta[i] += epsilon * gradient[i] + (spread > 0 ? spread * z[i] : 0);
}
