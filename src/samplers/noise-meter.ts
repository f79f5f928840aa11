/**
 * Measures the gradient noise where it can be told from the gradient: the gradients of two batches at one position
 * differ by noise alone, and their difference has twice its covariance, where the batches are independent. Batches of one
 * epoch have no row in common, so that they differ by more; `share` says by how much.
 */
import type { State } from '../types.ts';

/** Relative differences below this are rounding, not noise: a control variate at its anchor leaves nothing else. */
const ROUNDING = 1e-9;

/**
 * The part of half the squared difference between the gradients of the batches of steps `earlier` and `later`, at one position, that is
 * the variance of one batch's gradient: 1 for independent batches, 0 where there is no noise.
 */
export type NoiseShare = (earlier: number, later: number) => number;
export const independentBatches: NoiseShare = () => 1;

export const noiseMeter = {
  init: (chains: number, d: number): State => ({
    noiseSamples: new Float64Array(chains),
    /** V_ii, the variance of the raw gradient noise, `[C × d]`. */
    noiseVariance: new Float64Array(chains * d),
  }),

  /**
   * Absorbs the difference `later − earlier` of chain c, of which `share` of half the square is noise of one batch; a sample of the
   * noise is left in `out`.
   */
  absorb(
    state: State,
    c: number,
    d: number,
    [later, earlier]: readonly [Float64Array, Float64Array],
    out: Float64Array,
    share: number,
  ): void {
    const { noiseSamples, noiseVariance } = state;
    const w = 1 / ++noiseSamples[c];
    const scale = Math.sqrt(0.5 * share);
    for (let i = c * d; i < (c + 1) * d; i++) {
      const difference = later[i] - earlier[i];
      const rounding = ROUNDING * (Math.abs(later[i]) + Math.abs(earlier[i]));
      out[i] = Math.abs(difference) > rounding ? difference * scale : 0;
      noiseVariance[i] += w * (out[i] * out[i] - noiseVariance[i]);
    }
  },
};
