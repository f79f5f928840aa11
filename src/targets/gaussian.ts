/** Gaussian targets: the standard normal and the ill-conditioned Gaussian (ICG) of the paper. */
import { TARGET_AXES } from './rotations.ts';
import { eachChain, normalMoments, type Target } from './target.ts';

/** Product of standard normals. */
export function standardNormal(d: number): Target {
  return {
    name: `standard normal in ${d} dimensions`,
    start: new Float64Array(d),
    truth: normalMoments(new Float64Array(d).fill(1)),
    ...eachChain(d, (theta, at, grad) => {
      let square = 0;
      for (let i = at; i < at + d; i++) {
        square += theta[i] * theta[i];
        grad[i] = -theta[i];
      }
      return -0.5 * square;
    }),
  };
}

/** Normal with mean 0 and the given symmetric precision matrix; `variance` is the diagonal of its inverse. */
export function gaussian(name: string, precision: readonly (readonly number[])[], variance: Float64Array): Target {
  const d = precision.length;
  const flat = Float64Array.from(precision.flat());
  return {
    name,
    start: new Float64Array(d),
    truth: normalMoments(variance),
    ...eachChain(d, (theta, at, grad) => {
      let value = 0;
      for (let i = 0; i < d; i++) {
        // Two partial sums: a single one would wait for the latency of every addition.
        let even = 0;
        let odd = 0;
        const row = i * d;
        for (let j = 0; j + 1 < d; j += 2) {
          even += flat[row + j] * theta[at + j];
          odd += flat[row + j + 1] * theta[at + j + 1];
        }
        if (d % 2 === 1) even += flat[row + d - 1] * theta[at + d - 1];
        const force = -(even + odd);
        grad[at + i] = force;
        value += force * theta[at + i];
      }
      return 0.5 * value;
    }),
  };
}

/** Standard deviations along the axes of ICG and of the paper's anisotropic noise: ten from 0.1 to 10. */
export const SPECTRUM = Float64Array.from({ length: 10 }, (_, i) => 10 ** (-1 + (2 * i) / 9));

/** Σ_k axes[i][k] axes[j][k] weight[k]: a symmetric matrix from its eigenvectors (columns) and eigenvalues. */
export function fromAxes(axes: readonly (readonly number[])[], weight: ArrayLike<number>): number[][] {
  return axes.map((a) => axes.map((b) => a.reduce((sum, x, k) => sum + x * b[k] * weight[k], 0)));
}

/** ICG: covariance Q diag(c²) Qᵀ with c from 0.1 to 10 (condition number 10⁴). */
export function icg(): Target {
  const square = SPECTRUM.map((c) => c * c);
  const covariance = fromAxes(TARGET_AXES, square);
  return gaussian(
    'ICG',
    fromAxes(
      TARGET_AXES,
      square.map((c) => 1 / c),
    ),
    Float64Array.from(covariance, (row, i) => row[i]),
  );
}
