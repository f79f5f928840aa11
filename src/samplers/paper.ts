/**
 * The SMILE family exactly as the paper's network code runs it, its faults included, for reproduction.
 *
 * Velocity, cached gradient and cached log density start at zero (so a chain leaves by gradient ascent) and are zeroed
 * again at the hand-over; a rejected step zeroes the velocity and keeps the *rejected* point's gradient and log
 * density; the energy change compares two different batches; gradients are cleaned to ±1e6; the cached gradient keeps
 * the preconditioner of its own step; nothing ever freezes.
 */
import type { LogDensity, Sampler, State, Step } from '../types.ts';
import { begin, finish, mclachlan } from './block.ts';
import { copyRange } from './chain.ts';
import { type Evaluate, hostBlocks } from './host-block.ts';
import { initialState, type MicrocanonicalParts, type MicrocanonicalState } from './microcanonical.ts';
import { absorbMoments, diagonalMaps, type Preconditioner } from './preconditioner.ts';

const LARGEST_GRADIENT = 1e6;

export function paperMicrocanonical(parts: MicrocanonicalParts): Sampler<MicrocanonicalState> {
  const { preconditioner, controller } = parts;
  const blockOf = hostBlocks(parts, 'whitened');
  return {
    name: parts.name,

    init: (theta, keys) => initialState(parts, theta, keys),

    *step<B>(state: MicrocanonicalState, density: LogDensity<B>, batch: B, t: number): Step {
      const block = blockOf(state, density, batch);
      const { d, info, kinetic, marked, mapped, spare } = block;
      begin(state, block);
      block.evaluate = cleaned(block.evaluate, d, info.nonFinite);
      yield* mclachlan(block);
      info.gradients = 2;
      info.ownGradients.fill(2);
      for (let c = 0; c < kinetic.length; c++) {
        const own = [c * d, (c + 1) * d] as const;
        const before = marked.logDensity[c];
        const energyChange = kinetic[c] + (before === 0 ? 0 : before - state.logDensity[c]);
        info.energyChange[c] = energyChange;
        info.reset[c] = controller.judge(state, c, d, energyChange, true, t) ? 1 : 0;
        const whitened = preconditioner.whiten(state, c, d, state.gradient, mapped);
        if (whitened !== state.gradient) spare.set(whitened.subarray(...own), c * d);
        preconditioner.learn(state, c, d, state.gradient);
        if (whitened !== state.gradient) copyRange(spare, state.gradient, c * d, d);
        if (info.reset[c]) {
          copyRange(marked.theta, state.theta, c * d, d);
          state.velocity.fill(0, ...own);
        }
      }
      return finish(state, block);
    },

    endWarmup(state) {
      state.velocity.fill(0);
      state.gradient.fill(0);
      state.logDensity.fill(0);
    },
  };
}

/** Sets NaN gradients to 0 and clips all to ±1e6; marks the chains where a NaN was hidden. */
function cleaned(evaluate: Evaluate, d: number, nonFinite: Float64Array): Evaluate {
  const clean = (value: Float64Array, grad: Float64Array) => {
    for (let c = 0; c < value.length; c++) {
      if (!Number.isFinite(value[c])) nonFinite[c] = 1;
      for (let i = c * d; i < (c + 1) * d; i++) {
        if (!Number.isFinite(grad[i])) nonFinite[c] = 1;
        grad[i] = Number.isNaN(grad[i]) ? 0 : Math.min(Math.max(grad[i], -LARGEST_GRADIENT), LARGEST_GRADIENT);
      }
    }
  };
  return (theta, value, grad) => {
    const pending = evaluate(theta, value, grad);
    if (pending) return pending.then(() => clean(value, grad));
    clean(value, grad);
  };
}

const RATE = 0.01;

/**
 * The published code's diagonal preconditioner. The running mean is rebuilt from ones at every step, so S² is an
 * uncentred second moment about one and not the noise variance; S starts at one and is clipped to [1e-2, 1e4] on use;
 * S̃ = S/RMS(S).
 */
export const paperDiagonal: Preconditioner = {
  init: (chains, d): State => ({
    noiseSquare: new Float64Array(chains * d).fill(1),
    noiseMean: new Float64Array(chains * d),
    multiplier: new Float64Array(chains * d).fill(1),
  }),
  ...diagonalMaps,
  learn(state, c, d, g) {
    const { noiseSquare, noiseMean, multiplier } = state;
    noiseMean.fill(1, c * d, (c + 1) * d);
    absorbMoments(noiseMean, noiseSquare, g, c * d, d, RATE, RATE);
    let total = 0;
    for (let i = c * d; i < (c + 1) * d; i++) {
      noiseSquare[i] = Math.max(noiseSquare[i], 1e-7);
      multiplier[i] = Math.min(Math.max(Math.sqrt(noiseSquare[i]), 1e-2), 1e4);
      total += multiplier[i] ** 2;
    }
    const rms = Math.sqrt(total / d);
    for (let i = c * d; i < (c + 1) * d; i++) multiplier[i] = rms / multiplier[i];
  },
};
