/** The continuous ranked probability score of a mixture of normals, in the units of y; smaller is better. */
import { normalCdf } from '../math/special.ts';

const INVERSE_SQRT_TWO_PI = 1 / Math.sqrt(2 * Math.PI);

/** E|Z| for Z ~ N(m, s²). */
function absoluteMean(m: number, s: number): number {
  const z = m / s;
  return m * (2 * normalCdf(z) - 1) + 2 * s * INVERSE_SQRT_TWO_PI * Math.exp(-0.5 * z * z);
}

/**
 * CRPS = E|Y − y| − ½E|Y − Y′| for the equal mixture of N(μ_m, σ_m²), in closed form (Grimit et al. 2006): O(M²), so pass
 * some hundred members.
 */
export function mixtureCrps(means: ArrayLike<number>, sds: ArrayLike<number>, y: number): number {
  const m = means.length;
  let toObservation = 0;
  let between = 0;
  for (let i = 0; i < m; i++) {
    toObservation += absoluteMean(means[i] - y, sds[i]);
    between += 0.5 * absoluteMean(0, Math.SQRT2 * sds[i]);
    for (let j = 0; j < i; j++) between += absoluteMean(means[i] - means[j], Math.hypot(sds[i], sds[j]));
  }
  return toObservation / m - between / (m * m);
}
