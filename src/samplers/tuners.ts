/** The step-size tuners: the paper's quantile rule and a set-point controller. */
import type { Tuner } from './controller.ts';

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
 * Set-point controller on same-batch energy errors: finds ε with E[ΔE²]/d = `target`, using Var[ΔE] ∝ ε⁶ of the
 * second-order integrator (Robnik & Seljak 2024, the MCLMC predictor; BlackJAX's constants).
 */
export function setPointTuner(target: number): Tuner {
  return {
    init: (chains) => ({
      tunerSum: new Float64Array(chains),
      tunerWeight: new Float64Array(chains),
      stepSizeCeiling: new Float64Array(chains).fill(LARGEST),
    }),
    adapt(state, c, d, energyChange) {
      const { tunerSum, tunerWeight, stepSize, stepSizeCeiling } = state;
      const excess = energyChange ** 2 / (d * target) + 1e-8;
      const weight = Math.exp(-0.5 * (Math.log(excess) / (6 * TRUST)) ** 2);
      tunerSum[c] = DECAY * tunerSum[c] + (weight * excess) / stepSize[c] ** 6;
      tunerWeight[c] = DECAY * tunerWeight[c] + weight;
      const predicted = (tunerSum[c] / tunerWeight[c]) ** (-1 / 6);
      stepSize[c] = Math.max(Math.min(predicted, stepSizeCeiling[c]), SMALLEST);
    },
    diverged(state, c) {
      state.stepSizeCeiling[c] = 0.8 * state.stepSize[c];
      state.stepSize[c] = Math.max(state.stepSizeCeiling[c], SMALLEST);
    },
  };
}
