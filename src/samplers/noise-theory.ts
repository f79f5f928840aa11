/**
 * What gradient noise of variance V_ii does to microcanonical dynamics (large d, independent noise at every step).
 * Symbols: κ = ε/(d−1)², η² = 2/(Ld), V̄ = Σ V_ii / d. All vectors `[d]`, in the coordinates of the dynamics.
 */
import { meanOf } from '../math/moments.ts';

/** L_eff = 2(d−1)/(ε V̄): the decoherence length that the noise itself amounts to. */
export const noiseDecoherence = (noise: number, stepSize: number, d: number): number =>
  (2 * (d - 1)) / (stepSize * noise);

/**
 * T_i = (η² + κV_ii)/(η² + κV̄): direction i of the stationary law is too wide by this factor in variance. 1 everywhere
 * for isotropic noise of any strength.
 */
export function effectiveTemperatures(variance: ArrayLike<number>, stepSize: number, decoherence: number): number[] {
  const d = variance.length;
  const kappa = stepSize / (d - 1) ** 2;
  const refreshment = 2 / (decoherence * d);
  const all = refreshment + kappa * meanOf(variance);
  return Array.from(variance, (v) => (all > 0 ? (refreshment + kappa * v) / all : 1));
}

/** The largest L for which no effective temperature is further than `bound` from 1; Infinity where none is needed. */
export function decoherenceForBias(variance: ArrayLike<number>, stepSize: number, bound: number): number {
  const d = variance.length;
  const kappa = stepSize / (d - 1) ** 2;
  const average = meanOf(variance);
  const worst = Array.from(variance).reduce((most, v) => Math.max(most, Math.abs(v - average)), 0);
  const refreshment = kappa * (worst / bound - average);
  return refreshment > 0 ? 2 / (d * refreshment) : Number.POSITIVE_INFINITY;
}

/**
 * The step size in the middle (in logarithm) of the plateau ε_lo … ε_hi on which mixing per step does not depend on it:
 * ε_lo = 2(d−1)/(V̄ L) where the noise turns the velocity within the posterior's extent L, ε_hi from energy errors.
 */
export function plateauStepSize(noise: number, extent: number, d: number, largest: number): number {
  const smallest = (2 * (d - 1)) / (noise * extent);
  return smallest < largest ? Math.sqrt(smallest * largest) : largest;
}
