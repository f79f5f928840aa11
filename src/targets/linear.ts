/**
 * Bayesian linear regression with known noise and by mini-batches of rows: the one target here whose gradient noise
 * comes from data, varies in space and still leaves an exact posterior. y ~ N(Xw, σ²), w ~ N(0, 1).
 */
import { inverse, Matrix } from 'ml-matrix';
import type { LogDensity } from '../types.ts';

export interface LinearTarget extends LogDensity<Int32Array> {
  /** Exact posterior mean `[d]` and covariance `[d][d]`. */
  readonly mean: Float64Array;
  readonly covariance: number[][];
}

/** `x` is `[N × d]` row-major. A batch is `[C × B]` row indices; the likelihood is scaled by N/B. */
export function linearRegression(x: Float64Array, y: Float64Array, sigma: number): LinearTarget {
  const n = y.length;
  const d = x.length / n;
  const design = Matrix.from1DArray(n, d, x);
  const precision = Matrix.eye(d).add(
    design
      .transpose()
      .mmul(design)
      .div(sigma ** 2),
  );
  const covariance = inverse(precision);
  const mean = covariance.mmul(design.transpose().mmul(Matrix.columnVector(y))).div(sigma ** 2);
  return {
    dim: d,
    mean: Float64Array.from(mean.to1DArray()),
    covariance: covariance.to2DArray(),
    evaluate(theta, rows, value, grad) {
      const size = rows.length / value.length;
      const weight = n / size / sigma ** 2;
      for (let c = 0; c < value.length; c++) {
        const at = c * d;
        value[c] = 0;
        for (let i = at; i < at + d; i++) {
          value[c] -= 0.5 * theta[i] ** 2;
          grad[i] = -theta[i];
        }
        for (let b = c * size; b < (c + 1) * size; b++) {
          const row = rows[b] * d;
          let residual = y[rows[b]];
          for (let i = 0; i < d; i++) residual -= x[row + i] * theta[at + i];
          value[c] -= 0.5 * weight * residual ** 2;
          for (let i = 0; i < d; i++) grad[at + i] += weight * residual * x[row + i];
        }
      }
    },
  };
}
