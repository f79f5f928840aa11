/**
 * The SMILE family with the corrections that make it sound (the default mode), and what else is made of its step.
 *
 * Against the paper's code: velocities start uniform on the sphere; a rejected step restores position, gradient and
 * log density and redraws the velocity; energies compare the same batch on both sides; a non-finite step is rejected,
 * counted and never enters any statistic; the cached gradient is raw and always meets the current preconditioner;
 * step size and preconditioner freeze at the end of warm-up.
 */
import { direction } from '../math/random.ts';
import type { Sampler, State, Step } from '../types.ts';
import { type Block, begin, finish, mclachlan } from './block.ts';
import { stepKey } from './chain.ts';
import { answered } from './drive.ts';
import { hostBlocks } from './host-block.ts';
import { initialState, type MicrocanonicalParts, type MicrocanonicalState } from './microcanonical.ts';
import { independentBatches, type NoiseShare, noiseMeter } from './noise-meter.ts';

export interface SoundParts extends MicrocanonicalParts {
  /**
   * Every how many steps the same-batch energy change is measured, at the cost of one more gradient; Infinity: never.
   */
  readonly energyEvery: number;
  /** Whether step size, L and preconditioner freeze at the end of warm-up. Default true: the target is exact only then. */
  readonly freeze?: boolean;
  /** How the batches of two steps are related. Default: independent. */
  readonly noiseShare?: NoiseShare | undefined;
  /** Whether all steps have the same batch: each then measures its energy change, at no cost. Default false. */
  readonly fullGradients?: boolean;
  /** What else adapts, once all chains have taken step t. */
  readonly adapt?: (state: State, t: number) => void;
}

export interface SoundState extends MicrocanonicalState {
  /** `[C]`: 1 + the step whose batch gave the cached gradient and log density of the present position; 0 where none is cached. */
  cached: Float64Array;
}

/** Every how many steps of warm-up the noise is sampled for a preconditioner that asks for it. */
const NOISE_EVERY = 4;

/** Step number of the velocity drawn at the start; the redraws of step t use t itself. */
export const AT_START = 2 ** 52;

/** The sampler of chains whose vectors lie here. */
export function soundMicrocanonical(parts: SoundParts): Sampler<SoundState> {
  const blockOf = hostBlocks(parts);
  return {
    name: parts.name,

    init(theta, keys) {
      const chains = keys.length;
      const d = theta.length / chains;
      const state = {
        ...initialState(parts, theta, keys),
        ...(!parts.fullGradients && noiseMeter.init(chains, d)),
        cached: new Float64Array(chains),
      };
      for (let c = 0; c < chains; c++) {
        direction(stepKey(state.keys, c, 'momentum', AT_START), state.velocity, c * d, d);
      }
      return state;
    },

    step: (state, density, batch, t) => soundStep(parts, state, blockOf(state, density, batch), t),

    endWarmup: (state) => endWarmup(parts, state),
  };
}

export function endWarmup({ freeze = true }: SoundParts, state: State): void {
  if (freeze) state.adapting[0] = 0;
}

/** Step t of every chain. `state` has the scalars of a `SoundState` at least. */
export function* soundStep(parts: SoundParts, state: State, block: Block, t: number): Step {
  const { preconditioner, controller, energyEvery, fullGradients = false, noiseShare = independentBatches } = parts;
  const { d, info, kinetic, before } = block;
  const chains = kinetic.length;
  const { cached } = state;
  const adapting = state.adapting[0] === 1;
  const noise = adapting && preconditioner.learnNoise !== undefined && t % NOISE_EVERY === 0;
  const measured = fullGradients || noise || t % energyEvery === 0;
  begin(state, block);

  const everywhere = measured && !fullGradients;
  const looked = everywhere || cached.includes(0);
  info.gradients = looked ? 3 : 2;
  for (let c = 0; c < chains; c++) info.ownGradients[c] = everywhere || cached[c] === 0 ? 3 : 2;
  if (looked) {
    yield* answered(block.look(everywhere));
    for (let c = 0; c < chains; c++) {
      if (!everywhere && cached[c]) continue;
      // Another batch's gradient at the same position differs by noise alone.
      const taken = block.take(c, cached[c] && adapting ? noiseShare(cached[c] - 1, t) : 0);
      if (taken) yield taken;
      if (fullGradients) cached[c] = t + 1;
    }
    // The gradient of the only batch stays valid whatever becomes of the step.
    if (fullGradients) block.mark();
  }
  before.set(state.logDensity);

  block.refresh(t, 0);
  yield* mclachlan(block);
  block.refresh(t, 1);

  for (let c = 0; c < chains; c++) {
    const energyChange = kinetic[c] - (state.logDensity[c] - before[c]);
    const finite = Number.isFinite(energyChange); // a bad number anywhere in gradients or position reaches it
    info.energyChange[c] = measured ? energyChange : Number.NaN;
    if (finite) {
      const learnt = adapting && block.learn(c);
      if (learnt) yield learnt;
      if (measured && controller.judge(state, c, d, energyChange, adapting, t)) info.reset[c] = 1;
    } else {
      info.nonFinite[c] = 1;
      info.reset[c] = 1;
      controller.diverged(state, c, adapting, t);
    }
    // All that belongs to the position is as before the step: an uncached gradient stays uncached.
    if (info.reset[c]) {
      const restored = block.restore(c, stepKey(state.keys, c, 'momentum', t));
      if (restored) yield restored;
    } else cached[c] = t + 1;
  }
  parts.adapt?.(state, t);
  return finish(state, block);
}
