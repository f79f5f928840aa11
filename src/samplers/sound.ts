/**
 * The SMILE family with the corrections that make it sound (the default mode).
 *
 * Against the paper's code: velocities start uniform on the sphere; a rejected step restores position, gradient and
 * log density and redraws the velocity; energies compare the same batch on both sides; a non-finite step is rejected,
 * counted and never enters any statistic; the cached gradient is raw and always meets the current preconditioner;
 * step size and preconditioner freeze at the end of warm-up.
 */
import { direction } from '../math/random.ts';
import type { LogDensity, Sampler, Step } from '../types.ts';
import { allFinite, chainKey, copyRange } from './chain.ts';
import { evaluate } from './drive.ts';
import {
  initialState,
  type MicrocanonicalParts,
  type MicrocanonicalState,
  mclachlan,
  refreshAll,
  type Workspace,
  workspaces,
} from './microcanonical.ts';
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
}

export interface SoundState extends MicrocanonicalState {
  /** `[C]`: 1 + the step whose batch gave the cached gradient and log density of the present position; 0 where none is cached. */
  cached: Float64Array;
}

/** Every how many steps of warm-up the noise is sampled for a preconditioner that asks for it. */
const NOISE_EVERY = 4;

/** Step number of the velocity drawn at the start; the redraws of step t use t itself. */
export const AT_START = 2 ** 52;

export function soundMicrocanonical(parts: SoundParts): Sampler<SoundState> {
  const { preconditioner, controller, energyEvery } = parts;
  const wantsNoise = preconditioner.learnNoise !== undefined;
  const roomFor = workspaces();
  return {
    name: parts.name,

    init(theta, keys) {
      const d = theta.length / keys.length;
      const state = {
        ...initialState(parts, theta, keys),
        ...noiseMeter.init(keys.length, d),
        cached: new Float64Array(keys.length),
      };
      for (let c = 0; c < keys.length; c++) {
        direction(chainKey(state.keys, c, 'momentum', AT_START), state.velocity, c * d, d);
      }
      return state;
    },

    *step<B>(state: SoundState, density: LogDensity<B>, batch: B, t: number): Step {
      const room = roomFor(state);
      const { chains, d, info, kinetic } = room;
      room.remember(state);
      const adapting = state.adapting[0] === 1;
      const measured = t % energyEvery === 0 || (adapting && wantsNoise && t % NOISE_EVERY === 0);
      info.ownGradients = state.cached.map((cached) => (measured || cached === 0 ? 3 : 2));
      if (measured || state.cached.includes(0)) yield* freshGradients(parts, state, room, density, batch, measured, t);
      const before = room.spareValue;
      before.set(state.logDensity);

      refreshAll(state, room, t, 0);
      yield* mclachlan(parts, state, room, density, batch, 'raw');
      refreshAll(state, room, t, 1);

      for (let c = 0; c < chains; c++) {
        const energyChange = kinetic[c] - (state.logDensity[c] - before[c]);
        const finite = Number.isFinite(energyChange); // a bad number anywhere in gradients or position reaches it
        info.energyChange[c] = measured ? energyChange : Number.NaN;
        if (finite) {
          if (adapting) preconditioner.learn(state, c, d, state.gradient);
          if (measured && controller.judge(state, c, d, energyChange, adapting)) info.reset[c] = 1;
        } else {
          info.nonFinite[c] = 1;
          info.reset[c] = 1;
          controller.diverged(state, c, adapting);
        }
        if (info.reset[c]) restore(state, room, c, t);
        else state.cached[c] = t + 1;
      }
      return room.finish(state);
    },

    endWarmup(state) {
      if (parts.freeze ?? true) state.adapting[0] = 0;
    },
  };
}

/**
 * Gradient and log density at θ on this batch: for all chains where energies are measured, else where none is cached.
 * During warm-up, a chain that had another batch's gradient at the same θ learns its noise from the difference.
 */
function* freshGradients<B>(
  { preconditioner, noiseShare = independentBatches }: SoundParts,
  state: SoundState,
  room: Workspace,
  density: LogDensity<B>,
  batch: B,
  everywhere: boolean,
  t: number,
): Generator<Promise<void>, void, void> {
  const { chains, d, spare, spareValue, mapped } = room;
  yield* evaluate(density, state.theta, batch, spareValue, spare);
  room.info.gradients += 1;
  for (let c = 0; c < chains; c++) {
    if (!everywhere && state.cached[c]) continue;
    const share = state.cached[c] ? noiseShare(state.cached[c] - 1, t) : 0;
    if (share > 0 && state.adapting[0] === 1 && allFinite(spare, c * d, d)) {
      noiseMeter.absorb(state, c, d, [spare, state.gradient], mapped, share);
      preconditioner.learnNoise?.(state, c, d, mapped);
    }
    copyRange(spare, state.gradient, c * d, d);
    state.logDensity[c] = spareValue[c];
  }
}

/** Position and all that belongs to it as before the step (an uncached gradient stays uncached); a new velocity. */
function restore(state: SoundState, room: Workspace, c: number, t: number): void {
  const { d } = room;
  const at = c * d;
  copyRange(room.theta, state.theta, at, d);
  copyRange(room.gradient, state.gradient, at, d);
  state.logDensity[c] = room.logDensity[c];
  direction(chainKey(state.keys, c, 'momentum', t), state.velocity, at, d);
}
