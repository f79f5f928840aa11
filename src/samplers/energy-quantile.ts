/**
 * Quantiles of |ΔE| from its running mean μ and deviation σ: a Gamma law fitted by moments, its quantile by the
 * Wilson–Hilferty cube. Shape k = μ²/(σ²+s), scale (σ²+s)/μ with a softening s (SMILE, Algorithm 1).
 */
import { normalQuantile } from '../math/special.ts';

/**
 * The quantile function of the fitted law, as a function of z = Φ⁻¹(q). It may be negative for small shapes
 * (k ≲ 0.57 at q = 1/30), where no |ΔE| lies below it, and NaN at μ = 0.
 */
export function gammaQuantile(mean: number, deviation: number, z: number, softening: number): number {
  const variance = deviation * deviation + softening;
  return wilsonHilferty((mean * mean) / variance, variance / mean, z);
}

/** Wilson & Hilferty 1931: Gamma(k, θ) quantile ≈ θk(1 − 1/(9k) + z/(3√k))³. */
export function wilsonHilferty(shape: number, scale: number, z: number): number {
  const root = 1 - 1 / (9 * shape) + z / (3 * Math.sqrt(shape));
  return scale * shape * root * root * root;
}

/** z-values of the three quantiles of the rule: reset above r, shrink above 1 − 2a/3, grow below a/3. */
export interface EnergyQuantiles {
  readonly reset: number;
  readonly shrink: number;
  readonly grow: number;
}

/** `resetQuantile` r in (0, 1]; `adaptMass` a in [0, 1). r = 1 never resets, a = 0 never adapts. */
export const energyQuantiles = (resetQuantile: number, adaptMass: number): EnergyQuantiles => ({
  reset: normalQuantile(resetQuantile),
  shrink: normalQuantile(1 - (2 * adaptMass) / 3),
  grow: normalQuantile(adaptMass / 3),
});
