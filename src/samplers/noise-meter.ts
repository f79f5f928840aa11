/**
 * Measures the gradient noise where it can be told from the gradient: the gradients of two batches at one position
 * differ by noise alone, and their difference has twice its covariance.
 */
import type { State } from '../types.ts';

/** Relative differences below this are rounding, not noise: a control variate at its anchor leaves nothing else. */
const ROUNDING = 1e-9;

export const noiseMeter = {
  init: (chains: number, d: number): State => ({
    noiseSamples: new Float64Array(chains),
    /** V_ii, the variance of the raw gradient noise, `[C × d]`. */
    noiseVariance: new Float64Array(chains * d),
  }),

  /** Absorbs the difference `later − earlier` of chain c; the quotient by √2 is left in `out`. */
  absorb(state: State, c: number, d: number, later: Float64Array, earlier: Float64Array, out: Float64Array): void {
    const { noiseSamples, noiseVariance } = state;
    const w = 1 / ++noiseSamples[c];
    for (let i = c * d; i < (c + 1) * d; i++) {
      const difference = later[i] - earlier[i];
      const rounding = ROUNDING * (Math.abs(later[i]) + Math.abs(earlier[i]));
      out[i] = Math.abs(difference) > rounding ? difference * Math.SQRT1_2 : 0;
      noiseVariance[i] += w * (out[i] * out[i] - noiseVariance[i]);
    }
  },
};
