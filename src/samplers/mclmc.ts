/**
 * Microcanonical Langevin Monte Carlo with partial refreshment (Robnik & Seljak 2024) and the automatic tuning of step
 * size and decoherence length; `MILE_PHASES` makes it the warm-up of MILE. For full gradients.
 */
import { effectiveSampleSize } from '../math/autocorrelation.ts';
import { direction } from '../math/random.ts';
import type { LogDensity, Sampler, Step } from '../types.ts';
import { chainKey, copyRange } from './chain.ts';
import { uncontrolled } from './controller.ts';
import { evaluate } from './drive.ts';
import { extentMeter } from './extent.ts';
import { initialState, type MicrocanonicalState, mclachlan, refreshAll, workspaces } from './microcanonical.ts';
import { diagonalMaps, identity, type Preconditioner } from './preconditioner.ts';
import { predictor } from './tuners.ts';

export interface MclmcOptions {
  /** Initial ε; fixed without warm-up. */
  readonly stepSize: number;
  /** Initial L, fixed without warm-up; Infinity for none. Default: max(√d, 15), as MILE. */
  readonly decoherence?: number;
  /** Steps of warm-up to spread the phases over; 0 for none. */
  readonly warmup: number;
  /**
   * Parts of the warm-up: step size; with L (and preconditioner) from the extent; L from autocorrelations, before which
   * a new preconditioner takes a third of the part for the step size.
   */
  readonly phases: readonly [number, number, number];
  /** Goal for E[ΔE²]/d at the start of warm-up and at the end of phase two, linear between. */
  readonly energyTargets: readonly [number, number];
  /** Whether phase two finds a diagonal preconditioner too (the posterior's deviations). */
  readonly precondition: boolean;
}

const MCLMC_DEFAULTS: MclmcOptions = {
  stepSize: 0.1,
  warmup: 0,
  phases: [0.2, 0.3, 0.5],
  energyTargets: [5e-4, 5e-4],
  precondition: true,
};

/** What MILE changes: its phases, a coarser goal that tightens, no preconditioner. */
export const MILE_OPTIONS: Partial<MclmcOptions> = {
  phases: [0.8, 0.1, 0.1],
  energyTargets: [0.5, 0.1],
  precondition: false,
};

/** L = this · ε · steps per effective draw. */
const DECOHERENCE_PER_DRAW = 0.4;
/** What phase three keeps for its autocorrelations: up to so many coordinates and draws of a chain. */
const TRACED_COORDINATES = 64;
const TRACED_DRAWS = 1000;
/** Step number of the velocity drawn at the start. */
const AT_START = 2 ** 52;

interface MclmcState extends MicrocanonicalState {
  /** `[C]`: 1 where the gradient at θ is cached. */
  cached: Float64Array;
}

export function mclmc(options: Partial<MclmcOptions> = {}): Sampler {
  const o = { ...MCLMC_DEFAULTS, ...options };
  const preconditioner: Preconditioner = o.precondition ? { ...identity, ...diagonalMaps } : identity;
  const roomFor = workspaces();
  const [first, second] = [o.warmup * o.phases[0], o.warmup * (o.phases[0] + o.phases[1])].map(Math.round);
  const tuned = second + (o.precondition ? Math.round((o.warmup - second) / 3) : 0);
  const every = Math.max(1, Math.ceil((o.warmup - tuned) / TRACED_DRAWS));

  return {
    name: 'mclmc',

    init(theta, keys) {
      const chains = keys.length;
      const d = theta.length / chains;
      const decoherence = o.decoherence ?? Math.max(Math.sqrt(d), 15);
      const parts = { name: 'mclmc', stepSize: o.stepSize, preconditioner, controller: uncontrolled, decoherence };
      const state = {
        ...initialState(parts, theta, keys),
        cached: new Float64Array(chains),
        multiplier: new Float64Array(theta.length).fill(1),
        ...predictor.init(chains),
        ...extentMeter.init(chains, d),
        trace: new Float64Array(o.warmup > 0 ? chains * Math.min(d, TRACED_COORDINATES) * TRACED_DRAWS : 0),
        traced: new Float64Array(1),
      };
      for (let c = 0; c < chains; c++)
        direction(chainKey(state.keys, c, 'momentum', AT_START), state.velocity, c * d, d);
      return state;
    },

    *step<B>(state: MclmcState, density: LogDensity<B>, batch: B, t: number): Step {
      const room = roomFor(state);
      const { chains, d, info, kinetic } = room;
      room.remember(state);
      if (state.cached.includes(0)) {
        yield* evaluate(density, state.theta, batch, state.logDensity, state.gradient);
        state.cached.fill(1);
        room.gradient.set(state.gradient);
        room.logDensity.set(state.logDensity);
        info.gradients += 1;
      }
      refreshAll(state, room, t, 0);
      yield* mclachlan({ ...PARTS, preconditioner }, state, room, density, batch, 'raw');
      refreshAll(state, room, t, 1);

      const tuning = state.adapting[0] === 1 && t < tuned;
      const [start, end] = o.energyTargets;
      const target = start + (end - start) * Math.min(1, t / Math.max(1, second));
      for (let c = 0; c < chains; c++) {
        const energyChange = kinetic[c] - (state.logDensity[c] - room.logDensity[c]);
        info.energyChange[c] = energyChange;
        if (Number.isFinite(energyChange)) {
          if (tuning) state.stepSize[c] = predictor.absorb(state, c, energyChange ** 2 / (d * target));
        } else {
          info.nonFinite[c] = 1;
          info.reset[c] = 1;
          if (tuning) predictor.diverged(state, c);
          copyRange(room.theta, state.theta, c * d, d);
          copyRange(room.gradient, state.gradient, c * d, d);
          state.logDensity[c] = room.logDensity[c];
          direction(chainKey(state.keys, c, 'momentum', t), state.velocity, c * d, d);
        }
        if (tuning && t >= first && t < second) {
          const extent = extentMeter.absorb(state, c, d, state.theta);
          if (t === second - 1) setExtent(state, c, d, extent, o.precondition);
        }
      }
      if (state.adapting[0] === 1 && t >= tuned && t < o.warmup) trace(state, chains, d, t - tuned, every);
      if (state.adapting[0] === 1 && t === o.warmup - 1) setDecoherence(state, chains, d, every);
      return room.finish(state);
    },

    endWarmup(state) {
      state.adapting[0] = 0;
      delete (state as Partial<MclmcState>).trace;
    },
  } as Sampler;
}

const PARTS = { name: 'mclmc', stepSize: 0, controller: uncontrolled, decoherence: 0 };

/** End of phase two: L = √Σ Var, or multipliers √Var of RMS 1 with L to match. */
function setExtent(state: MclmcState, c: number, d: number, extent: number, diagonal: boolean): void {
  if (!(extent > 0)) return;
  state.decoherence[c] = extent;
  if (!diagonal) return;
  for (let i = c * d; i < (c + 1) * d; i++)
    state.multiplier[i] = Math.sqrt((state.extentVariance[i] * d) / extent ** 2);
}

/** Phase three: every so many steps the position (of evenly spread coordinates) is kept. */
function trace(state: MclmcState, chains: number, d: number, sampled: number, every: number): void {
  if (sampled % every !== 0) return;
  const kept = Math.min(d, TRACED_COORDINATES);
  const n = sampled / every;
  for (let c = 0; c < chains; c++) {
    for (let k = 0; k < kept; k++) {
      state.trace[(c * kept + k) * TRACED_DRAWS + n] = state.theta[c * d + Math.floor((k * d) / kept)];
    }
  }
  state.traced[0] = n + 1;
}

/** End of phase three: L from the mean number of steps per effective draw, which the kept coordinates give. */
function setDecoherence(state: MclmcState, chains: number, d: number, every: number): void {
  const kept = Math.min(d, TRACED_COORDINATES);
  const n = state.traced[0];
  if (n < 10) return;
  for (let c = 0; c < chains; c++) {
    let perDraw = 0;
    let counted = 0;
    for (let k = 0; k < kept; k++) {
      const at = (c * kept + k) * TRACED_DRAWS;
      const ess = effectiveSampleSize([state.trace.subarray(at, at + n)]);
      if (!(ess > 0)) continue;
      perDraw += (every * n) / ess;
      counted++;
    }
    if (counted > 0) state.decoherence[c] = DECOHERENCE_PER_DRAW * state.stepSize[c] * (perDraw / counted);
  }
}
