/** Cyclical SGLD (Zhang et al. 2020): cosine cycles that explore first and sample then. */
import type { Sampler } from '../types.ts';
import { type ChainState, gradientSampler } from './chain.ts';
import { langevinMove } from './sgld.ts';

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
