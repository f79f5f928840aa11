/** The extent of the posterior that a chain has seen: √Σ Var z_i in the sampler's coordinates, its best L. */
import type { State } from '../types.ts';

export const extentMeter = {
  init: (chains: number, d: number): State => ({
    extentCount: new Float64Array(chains),
    extentMean: new Float64Array(chains * d),
    extentVariance: new Float64Array(chains * d),
  }),

  /** Forgets what chain c has seen (its coordinates have changed). */
  restart(state: State, c: number, d: number): void {
    state.extentCount[c] = 0;
    state.extentMean.fill(0, c * d, (c + 1) * d);
    state.extentVariance.fill(0, c * d, (c + 1) * d);
  },

  /** Absorbs the position `z[c·d …]` and returns the extent so far; 0 for the first position. */
  absorb(state: State, c: number, d: number, z: Float64Array): number {
    const { extentCount, extentMean, extentVariance } = state;
    const w = 1 / ++extentCount[c];
    let total = 0;
    for (let i = c * d; i < (c + 1) * d; i++) {
      const off = z[i] - extentMean[i];
      extentMean[i] += w * off;
      extentVariance[i] += w * (off * (z[i] - extentMean[i]) - extentVariance[i]);
      total += extentVariance[i];
    }
    return Math.sqrt(total);
  },
};
