/** The step-size tuners: the paper's quantile rule, a set-point controller and the plateau rule. */
import { sumOf } from '../math/sums.ts';
import type { State } from '../types.ts';
import type { Tuner } from './controller.ts';
import { extentMeter } from './extent.ts';
import { decoherenceForBias, plateauStepSize } from './noise-theory.ts';
import type { Preconditioner } from './preconditioner.ts';

const SMALLEST = 1e-8;
const LARGEST = 10;

/**
 * The paper's rule: ε shrinks by `strength` when |ΔE| is above the upper quantile and grows below the lower one.
 * It has no set point: unless |ΔE| is half-normal, ε drifts to zero whatever its value. `floor` keeps ε ≥ floor·ε₀
 * (0 is the paper).
 */
export function quantileTuner(strength: number, floor: number): Tuner {
  return {
    init: (chains, stepSize) => ({
      stepSizeFloor: new Float64Array(chains).fill(Math.max(SMALLEST, floor * stepSize)),
    }),
    adapt(state, c, _d, energyChange, high, low) {
      const size = Math.abs(energyChange);
      const { stepSize, stepSizeFloor } = state;
      if (size > high) stepSize[c] *= 1 - strength;
      if (size < low) stepSize[c] *= 1 + strength;
      stepSize[c] = Math.min(Math.max(stepSize[c], stepSizeFloor[c]), LARGEST);
    },
    diverged(state, c) {
      state.stepSize[c] = Math.max(state.stepSize[c] * (1 - strength), state.stepSizeFloor[c]);
    },
  };
}

/** How far, in units of ln ξ / 6, an energy error may lie from the target and still count fully. */
const TRUST = 1.5;
/** Effective number of energies that the predictor remembers. */
const MEMORY = 100;
const DECAY = (MEMORY - 1) / (MEMORY + 1);

/**
 * Predicts the ε with E[ΔE²]/d = target from energy errors at any ε, using Var[ΔE] ∝ ε⁶ of the second-order integrator
 * (Robnik & Seljak 2024, the MCLMC predictor; BlackJAX's constants).
 */
export const predictor = {
  init: (chains: number): State => ({
    tunerSum: new Float64Array(chains),
    tunerWeight: new Float64Array(chains),
    stepSizeCeiling: new Float64Array(chains).fill(LARGEST),
  }),

  /** Absorbs ξ = ΔE²/(d · target) measured at chain c's ε and returns the predicted ε. */
  absorb({ tunerSum, tunerWeight, stepSize, stepSizeCeiling }: State, c: number, ratio: number): number {
    const excess = ratio + 1e-8;
    const weight = Math.exp(-0.5 * (Math.log(excess) / (6 * TRUST)) ** 2);
    const cube = stepSize[c] * stepSize[c] * stepSize[c];
    tunerSum[c] = DECAY * tunerSum[c] + (weight * excess) / (cube * cube);
    tunerWeight[c] = DECAY * tunerWeight[c] + weight;
    const predicted = Math.exp(-Math.log(tunerSum[c] / tunerWeight[c]) / 6);
    return Math.max(Math.min(predicted, stepSizeCeiling[c]), SMALLEST);
  },

  /** Answers a non-finite step: ε never again comes near this one. */
  diverged({ stepSize, stepSizeCeiling }: State, c: number): void {
    stepSizeCeiling[c] = 0.8 * stepSize[c];
    stepSize[c] = Math.max(stepSizeCeiling[c], SMALLEST);
  },
};

/** Set-point controller on same-batch energy errors: keeps E[ΔE²]/d at `target`. */
export function setPointTuner(target: number): Tuner {
  return {
    init: (chains) => predictor.init(chains),
    adapt(state, c, d, energyChange) {
      state.stepSize[c] = predictor.absorb(state, c, energyChange ** 2 / (d * target));
    },
    diverged: predictor.diverged,
  };
}

/** Positions to be seen in the present coordinates before their extent is used. */
const EXTENT_KNOWN = 20;

/**
 * Finds step size and decoherence length with nothing given: L is the extent of the positions seen, and ε lies in the
 * middle of the plateau between the noise's ε_lo and the energy's ε_hi (`noise-theory.ts`). Needs the noise meter and a
 * preconditioner that equalises the noise.
 */
export function plateauTuner(target: number, { coordinates }: Preconditioner): Tuner {
  let z = new Float64Array(0);
  return {
    init: (chains, _stepSize, d) => ({
      ...predictor.init(chains),
      ...extentMeter.init(chains, d),
      extentRenewals: new Float64Array(chains),
    }),
    adapt(state, c, d, energyChange) {
      const largest = predictor.absorb(state, c, energyChange ** 2 / (d * target));
      if (z.length !== state.theta.length) z = new Float64Array(state.theta.length);
      if (state.extentRenewals[c] !== state.mapRenewals[c]) {
        state.extentRenewals[c] = state.mapRenewals[c];
        extentMeter.restart(state, c, d);
      }
      const extent = extentMeter.absorb(state, c, d, coordinates(state, c, d, state.theta, z));
      const noise = sumOf(state.noiseVariance, c * d, (c + 1) * d) / d;
      const known = state.extentCount[c] >= EXTENT_KNOWN;
      if (known) state.decoherence[c] = extent;
      state.stepSize[c] = known && noise > 0 ? plateauStepSize(noise, extent, d, largest) : largest;
    },
    diverged: predictor.diverged,
  };
}

/** Any tuner, and beside it the L that keeps the effective temperatures within `bound` of 1. */
export function boundedBias(tuner: Tuner, bound: number, { multiplier }: Preconditioner): Tuner {
  return {
    ...tuner,
    adapt(state, c, d, energyChange, high, low) {
      tuner.adapt(state, c, d, energyChange, high, low);
      const m = multiplier?.(state);
      const variance = state.noiseVariance.subarray(c * d, (c + 1) * d).map((v, i) => (m ? m[c * d + i] ** 2 * v : v));
      state.decoherence[c] = decoherenceForBias(variance, state.stepSize[c], bound);
    },
  };
}

/** Leaves ε as it is. */
export const fixedStep: Tuner = { init: () => ({}), adapt: () => {}, diverged: () => {} };
