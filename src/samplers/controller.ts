/**
 * What the samplers make of a step's energy change: a guard that rejects outliers and a tuner of the step size.
 *
 * Per chain: A = |ΔE|, its running mean μ and deviation σ, the number n of energies seen. Guard and quantile tuner
 * compare A with quantiles of a Gamma law fitted to (μ, σ) *before* A is absorbed (SMILE, Algorithm 1).
 */
import type { State } from '../types.ts';
import { energyQuantiles, gammaQuantile } from './energy-quantile.ts';
import type { EnergyStatistics } from './energy-statistics.ts';

/** What adapts the step size of a chain; it may read and write its own fields and `stepSize`. */
export interface Tuner {
  init(chains: number, stepSize: number, d: number): State;
  /** Absorbs the energy change of a step; `high` and `low` are the quantiles of |ΔE| above and below which to act. */
  adapt(state: State, c: number, d: number, energyChange: number, high: number, low: number): void;
  /** Answers a non-finite step. */
  diverged(state: State, c: number): void;
}

export interface Controller {
  init(chains: number, stepSize: number, d: number): State;
  /** Absorbs ΔE of chain c in step t; true means: reject the step. `adapting` is false once the step size is frozen. */
  judge(state: State, c: number, d: number, energyChange: number, adapting: boolean, t: number): boolean;
  /** Answers a non-finite step t of chain c. */
  diverged(state: State, c: number, adapting: boolean, t: number): void;
}

/** The naive samplers: a fixed step size and no guard. */
export const uncontrolled: Controller = { init: () => ({}), judge: () => false, diverged: () => {} };

export interface RuleOptions {
  /** r in (0, 1]: steps whose |ΔE| exceeds this quantile are rejected. 1 switches the guard off. */
  readonly resetQuantile: number;
  /** a in [0, 1): the tuner shrinks ε with probability 2a/3 and grows it with a/3 on its own fit. */
  readonly adaptMass: number;
  /** Energies to be seen before their quantiles are used. */
  readonly patience: number;
  readonly statistics: EnergyStatistics;
  readonly tuner: Tuner;
}

/** A guard and a tuner over one set of energy statistics. */
export function energyRule(options: RuleOptions): Controller {
  const { statistics, tuner, patience } = options;
  const z = energyQuantiles(options.resetQuantile, options.adaptMass);
  return {
    init: (chains, stepSize, d) => ({ ...statistics.init(chains), ...tuner.init(chains, stepSize, d) }),
    judge(state, c, d, energyChange, adapting) {
      const size = Math.abs(energyChange);
      const mean = state.energyMean[c];
      const deviation = state.energyDeviation[c];
      const ready = state.energyCount[c] >= patience;
      const quantile = (at: number) => gammaQuantile(mean, deviation, at, statistics.softening(mean));
      const reset = ready && size > quantile(z.reset);
      statistics.absorb(state, c, size);
      if (adapting) {
        const high = ready ? quantile(z.shrink) : Number.POSITIVE_INFINITY;
        const low = ready ? quantile(z.grow) : Number.NEGATIVE_INFINITY;
        tuner.adapt(state, c, d, energyChange, high, low);
      }
      return reset;
    },
    diverged(state, c, adapting) {
      if (adapting) tuner.diverged(state, c);
    },
  };
}
