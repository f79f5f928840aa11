/**
 * Microcanonical Langevin Monte Carlo with partial refreshment (Robnik & Seljak 2024) and the automatic tuning of step
 * size and decoherence length; `MILE_PHASES` makes it the warm-up of MILE. For full gradients.
 */
import { effectiveSampleSize } from '../math/autocorrelation.ts';
import type { Sampler } from '../types.ts';
import type { Controller } from './controller.ts';
import { extentMeter } from './extent.ts';
import { diagonalMaps, identity, type Preconditioner } from './preconditioner.ts';
import { type SoundState, soundMicrocanonical } from './sound.ts';
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

interface MclmcState extends SoundState {
  multiplier: Float64Array;
  extentVariance: Float64Array;
  /** What phase three keeps, and how many draws of it. */
  trace: Float64Array;
  traced: Float64Array;
}

export function mclmc(options: Partial<MclmcOptions> = {}): Sampler {
  const o = { ...MCLMC_DEFAULTS, ...options };
  const [first, second] = [o.warmup * o.phases[0], o.warmup * (o.phases[0] + o.phases[1])].map(Math.round);
  const tuned = second + (o.precondition ? Math.round((o.warmup - second) / 3) : 0);
  const every = Math.max(1, Math.ceil((o.warmup - tuned) / TRACED_DRAWS));
  const targetAt = (t: number) => {
    const [start, end] = o.energyTargets;
    return start + (end - start) * Math.min(1, t / Math.max(1, second));
  };
  const controller: Controller = {
    init: predictor.init,
    judge(state, c, d, energyChange, adapting, t) {
      if (adapting && t < tuned) state.stepSize[c] = predictor.absorb(state, c, energyChange ** 2 / (d * targetAt(t)));
      return false;
    },
    diverged(state, c, adapting, t) {
      if (adapting && t < tuned) predictor.diverged(state, c);
    },
  };
  const sampler = soundMicrocanonical({
    name: 'mclmc',
    stepSize: o.stepSize,
    decoherence: o.decoherence ?? Number.POSITIVE_INFINITY,
    preconditioner: o.precondition ? posteriorDeviations : identity,
    controller,
    energyEvery: 1,
    fullGradients: true,
    adapt(given, t) {
      const state = given as MclmcState;
      if (state.adapting[0] === 0) return;
      const chains = state.stepSize.length;
      const d = state.theta.length / chains;
      if (t >= first && t < second) {
        for (let c = 0; c < chains; c++) {
          const extent = extentMeter.absorb(state, c, d, state.theta);
          if (t === second - 1) setExtent(state, c, d, extent, o.precondition);
        }
      }
      if (t >= tuned && t < o.warmup) trace(state, chains, d, t - tuned, every);
      if (t === o.warmup - 1) setDecoherence(state, chains, d, every);
    },
  });
  return {
    ...sampler,

    init(theta, keys) {
      const chains = keys.length;
      const d = theta.length / chains;
      const state = {
        ...sampler.init(theta, keys),
        ...extentMeter.init(chains, d),
        trace: new Float64Array(o.warmup > 0 ? chains * Math.min(d, TRACED_COORDINATES) * TRACED_DRAWS : 0),
        traced: new Float64Array(1),
      };
      if (o.decoherence === undefined) state.decoherence.fill(Math.max(Math.sqrt(d), 15));
      return state;
    },

    endWarmup(state) {
      sampler.endWarmup(state as SoundState);
      delete (state as Partial<MclmcState>).trace;
    },
  } as Sampler;
}

/** A = diag(m), which phase two finds. */
const posteriorDeviations: Preconditioner = {
  ...identity,
  ...diagonalMaps,
  init: (chains, d) => ({ multiplier: new Float64Array(chains * d).fill(1) }),
};

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
