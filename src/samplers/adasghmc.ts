/** Scale-adapted SGHMC with its warm-up (Springenberg et al. 2016). */
import { normals } from '../math/random.ts';
import type { Sampler } from '../types.ts';
import { type ChainState, gradientSampler, stepKey } from './chain.ts';

export interface ScaleAdaptedOptions {
  readonly stepSize: number;
  /** α in (0, 1): share of the momentum lost in a step. */
  readonly friction: number;
}

const SCALE_ADAPTED_DEFAULTS: ScaleAdaptedOptions = { stepSize: 0.01, friction: 0.05 };
const SMALLEST = 1e-7;
const LARGEST_GRADIENT = 1e6;

/**
 * Scale-adapted SGHMC: m ← (1−α)m + εĝ + n √max(2αS − (εS)², 1e-7), θ ← θ + εm/S. Warm-up finds S, the root of a running
 * mean square of ĝ whose memory τ adapts itself; momentum restarts at the hand-over. Valid while max S < 2α/ε².
 */
export function scaleAdaptedSghmc(options: Partial<ScaleAdaptedOptions> = {}): Sampler {
  const { stepSize, friction } = { ...SCALE_ADAPTED_DEFAULTS, ...options };
  return gradientSampler({
    name: 'adasghmc',
    stepSize,
    init: (chains, d) => {
      const ones = () => new Float64Array(chains * d).fill(1);
      return {
        momentum: new Float64Array(chains * d),
        lastGradient: new Float64Array(chains * d),
        scale: ones(),
        memory: ones(),
        smoothed: ones(),
      };
    },
    move(state, c, d, t, gradient, z) {
      const at = c * d;
      normals(stepKey(state.keys, c, 'noise', t), z, at, d);
      if (state.adapting[0] === 1) adaptScale(state, at, d);
      for (let i = at; i < at + d; i++) state.lastGradient[i] = clip(gradient[i]);
      scaleAdaptedMove(state, at, d, state.stepSize[c], friction, z);
    },
    handOver: (state) => state.momentum.fill(0),
  }) as Sampler;
}

const clip = (g: number) => Math.min(Math.max(g, -LARGEST_GRADIENT), LARGEST_GRADIENT);

/** One step of warm-up statistics from the gradient of the step before (Springenberg et al. 2016, section 3). */
export function adaptScale({ lastGradient, scale, memory, smoothed }: ChainState, at: number, d: number): void {
  for (let i = at; i < at + d; i++) {
    const square = scale[i] ** 2;
    memory[i] = memory[i] * (1 - smoothed[i] ** 2 / (square + SMALLEST)) + 1;
    const w = 1 / (memory[i] + 1);
    smoothed[i] = clip(smoothed[i] * (1 - w) - lastGradient[i] * w);
    scale[i] = Math.sqrt(Math.max(square * (1 - w) + lastGradient[i] ** 2 * w, SMALLEST));
  }
}

/** The step itself with standard normals `z` and the state's last gradient. */
export function scaleAdaptedMove(
  { theta, momentum, scale, lastGradient }: ChainState,
  at: number,
  d: number,
  epsilon: number,
  friction: number,
  z: Float64Array,
): void {
  for (let i = at; i < at + d; i++) {
    const variance = Math.max(2 * friction * scale[i] - (epsilon * scale[i]) ** 2, SMALLEST);
    momentum[i] = (1 - friction) * momentum[i] + epsilon * lastGradient[i] + Math.sqrt(variance) * z[i];
    theta[i] += (epsilon * momentum[i]) / scale[i];
  }
}
