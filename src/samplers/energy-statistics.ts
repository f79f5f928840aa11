/** Running mean μ and deviation σ of |ΔE| per chain: the exact form and the one of the paper's code. */
import type { State } from '../types.ts';

export interface EnergyStatistics {
  init(chains: number): State;
  /** Absorbs A = |ΔE| of chain c into `energyMean`, `energyDeviation` and `energyCount`. */
  absorb(state: State, c: number, size: number): void;
  /** What is added to σ² where quantiles are taken, given μ. */
  softening(mean: number): number;
}

const SOFTENING = 1e-6;

/** EMA rate β of the paper's configurations. */
const ENERGY_RATE = 0.01;

const clamp = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);

/** Energies after which an outlier is known as one. */
export const FIRST_ENERGIES = 50;
/** From then on an energy counts as at most this many means, so that one outlier cannot switch the guard off. */
const OUTLIER = 10;
/** σ ≤ 3μ keeps the shape k ≥ 1/9, where the Wilson–Hilferty quantile still holds; below it turns negative. */
const WIDEST = 3;

/** Exact weighted moments: plain averages until 1/β energies are seen, then an EMA of rate β. Finite A only. */
export const exactStatistics: EnergyStatistics = {
  init: (chains) => ({
    energyMean: new Float64Array(chains),
    energyDeviation: new Float64Array(chains),
    energyCount: new Float64Array(chains),
  }),
  absorb(state, c, size) {
    const { energyMean, energyDeviation, energyCount } = state;
    const n = ++energyCount[c];
    const w = Math.max(1 / n, ENERGY_RATE);
    const counted = n > FIRST_ENERGIES ? Math.min(size, OUTLIER * energyMean[c]) : size;
    const shift = counted - energyMean[c];
    const variance = (1 - w) * (energyDeviation[c] ** 2 + w * shift * shift);
    energyMean[c] += w * shift;
    energyDeviation[c] = Math.min(Math.sqrt(variance), WIDEST * energyMean[c]);
  },
  // Against the energies' own scale: a fixed one would swamp small energies, and the guard reject them all.
  softening: (mean) => SOFTENING * mean * mean,
};

/**
 * The statistics as the paper's code computes them, to the letter: the first two energies replace μ, σ is divided by
 * 1 − 0.5^{t−4} and the divided value is fed back. They under-estimate σ early; `exactStatistics` mends that.
 */
export const paperStatistics: EnergyStatistics = {
  init: exactStatistics.init,
  absorb(state, c, size) {
    const t = ++state.energyCount[c];
    const kept = t < 3 ? size : (1 - ENERGY_RATE) * state.energyMean[c] + ENERGY_RATE * size;
    const mean = clamp(kept, 1e-6, 1e6);
    const history = t === 1 ? 0 : (1 - ENERGY_RATE) * state.energyDeviation[c] ** 2;
    const variance = history + ENERGY_RATE * (size - mean) ** 2;
    const correction = t < 5 ? 1 : 1 - 0.5 ** (t - 4);
    state.energyMean[c] = mean;
    state.energyDeviation[c] = clamp(Math.sqrt(variance / correction), 1e-6, 1e7);
  },
  softening: () => SOFTENING,
};
