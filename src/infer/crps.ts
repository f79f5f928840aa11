/** The continuous ranked probability score of a mixture of one law, in the units of y; smaller is better. */
import { normalCdf } from '../math/special.ts';
import { type Law, NORMAL } from './law.ts';

const INVERSE_SQRT_TWO_PI = 1 / Math.sqrt(2 * Math.PI);

/** E|Z| for Z ~ N(m, s²). */
function absoluteMean(m: number, s: number): number {
  const z = m / s;
  return m * (2 * normalCdf(z) - 1) + 2 * s * INVERSE_SQRT_TWO_PI * Math.exp(-0.5 * z * z);
}

/**
 * CRPS = E|Y − y| − ½E|Y − Y′| of the equal mixture with means `[M]` and deviations `[M]`. Normal members in closed form (Grimit et
 * al. 2006), O(M²), so pass some hundred members; those of another `law` as points at their quantiles, to a relative 1e-3.
 */
export function mixtureCrps(means: ArrayLike<number>, sds: ArrayLike<number>, y: number, law: Law = NORMAL): number {
  return law === NORMAL ? ofNormals(means, sds, y) : ofPoints(means, sds, y, law);
}

function ofNormals(means: ArrayLike<number>, sds: ArrayLike<number>, y: number): number {
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

/** Points that stand for a mixture, and the fewest for a member. */
const [POINTS, FEWEST] = [4000, 40];

/** Of quantiles (k + ½)/K of every member, sorted: (2/n²) Σ_i (x_i − y)(n·1{x_i > y} − i + ½). */
function ofPoints(means: ArrayLike<number>, sds: ArrayLike<number>, y: number, law: Law): number {
  const each = Math.max(FEWEST, Math.ceil(POINTS / means.length));
  const n = each * means.length;
  const x = new Float64Array(n);
  for (let m = 0; m < means.length; m++) {
    for (let k = 0; k < each; k++) x[m * each + k] = law.quantile((k + 0.5) / each, means[m], sds[m]);
  }
  x.sort();
  let sum = 0;
  for (let i = 0; i < n; i++) sum += (x[i] - y) * ((x[i] > y ? n : 0) - i - 0.5);
  return (2 * sum) / (n * n);
}
