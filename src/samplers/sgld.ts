/**
 * Stochastic gradient Langevin dynamics: θ ← θ + εGĝ + √(2Tε) G^{1/2} n (Welling & Teh 2011). Note the convention: ε
 * multiplies ĝ itself, so the target's diffusion is dθ = g dt + √2 dW with dt = ε.
 */
import { normals } from '../math/random.ts';
import type { Sampler } from '../types.ts';
import { type ChainState, chainKey, gradientSampler } from './chain.ts';

export interface SgldOptions {
  readonly stepSize: number;
  /** T ≥ 0; 0 is plain gradient ascent. */
  readonly temperature: number;
}

const SGLD_DEFAULTS: SgldOptions = { stepSize: 1e-4, temperature: 1 };

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
function langevinMove(
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
  if (spread > 0) normals(chainKey(keys, c, 'noise', t), z, at, d);
  for (let i = at; i < at + d; i++) theta[i] += epsilon * gradient[i] + (spread > 0 ? spread * z[i] : 0);
}

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
      normals(chainKey(keys, c, 'noise', t), z, at, d);
      const epsilon = state.stepSize[c];
      for (let i = at; i < at + d; i++) {
        theta[i] += epsilon * speed[i] * gradient[i] + Math.sqrt(2 * temperature * epsilon * speed[i]) * z[i];
      }
    },
  }) as Sampler;
}

export interface CsgldOptions {
  /** ε₀, the step size at the start of every cycle. */
  readonly stepSize: number;
  /** ε at the end of a cycle (Zhang et al.: 0). */
  readonly finalStepSize: number;
  /** K: steps of the whole run. */
  readonly steps: number;
  /** M: cycles in it. */
  readonly cycles: number;
  /** ρ in [0, 1): part of a cycle that explores. */
  readonly exploration: number;
  /** Exploration without noise (Zhang et al. 2020), or with it, only not saved (the paper's code). */
  readonly explore: 'noise-free' | 'noisy';
  readonly temperature: number;
}

const CSGLD_DEFAULTS: CsgldOptions = {
  stepSize: 1e-3,
  finalStepSize: 0,
  steps: 10_000,
  cycles: 4,
  exploration: 0.33,
  explore: 'noise-free',
  temperature: 1,
};

/** φ = (t mod C)/C with C = ⌊K/M⌋: where in its cycle step t is. */
export function cyclePhase(t: number, { steps, cycles }: Pick<CsgldOptions, 'steps' | 'cycles'>): number {
  const length = Math.max(1, Math.floor(steps / cycles));
  return (t % length) / length;
}

/** ε_t = ε_end + ½(ε₀ − ε_end)(1 + cos πφ). */
export function cosineStepSize(start: number, end: number, phase: number): number {
  return end + 0.5 * (start - end) * (1 + Math.cos(Math.PI * phase));
}

/** Cyclical SGLD. Positions of exploring steps are no draws. */
export function csgld(options: Partial<CsgldOptions> = {}): Sampler {
  const o = { ...CSGLD_DEFAULTS, ...options };
  const stepSizeAt = (state: ChainState, c: number, t: number) =>
    cosineStepSize(state.stepSize[c], o.finalStepSize, cyclePhase(t, o));
  const exploring = (t: number) => cyclePhase(t, o) < o.exploration;
  const sampler = gradientSampler({
    name: 'csgld',
    stepSize: o.stepSize,
    init: () => ({}),
    stepSizeAt,
    move(state, c, d, t, gradient, z) {
      const silent = o.explore === 'noise-free' && exploring(t);
      langevinMove(state, c, d, t, gradient, z, stepSizeAt(state, c, t), silent ? 0 : o.temperature);
    },
  }) as Sampler;
  return { ...sampler, exploring };
}
