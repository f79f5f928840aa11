/** Gaussian targets: the standard normal and the ill-conditioned Gaussian (ICG) of the paper. */
import { dots, linearMap } from '../math/linear.ts';
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
  const times = linearMap(precision);
  return {
    name,
    start: new Float64Array(d),
    truth: normalMoments(variance),
    dim: d,
    evaluate(theta, _batch, value, grad) {
      times(theta, grad, -1);
      dots(grad, theta, value, 0.5, d);
    },
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
