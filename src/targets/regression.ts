/**
 * Normal linear regressions of the reference collections (posteriordb), with unknown σ: y ~ N(Xβ, σ²).
 *
 * Coordinates: β = β̂ + σ̂ R w with β̂, σ̂ of least squares and RRᵀ = (XᵀX)⁻¹, and log σ = log σ̂ + s/√(2N), which make the
 * posterior nearly standard normal whatever the units of X. The prior is on β and σ; d counts w and s.
 */
import { CholeskyDecomposition, inverse, Matrix } from 'ml-matrix';
import type { LogDensity } from '../types.ts';
import { eachChain } from './target.ts';

/** A target whose reference is known on the scale of its own parameters. */
export interface ReferenceTarget extends LogDensity<void> {
  readonly start: Float64Array;
  /** Names of the parameters that `parameters` returns. */
  readonly names: readonly string[];
  /** The parameters at the position `theta[at …]`. */
  parameters(theta: Float64Array, at: number): number[];
}

export interface RegressionPriors {
  /** Standard deviation of the normal prior on each β; Infinity for a flat one. */
  readonly beta: number;
  /** Half-Cauchy or half-normal scale of σ, or flat. */
  readonly sigma: { readonly law: 'flat' } | { readonly law: 'cauchy' | 'normal'; readonly scale: number };
  /** Names of the β; default beta[1] …. */
  readonly names?: readonly string[];
}

export function normalRegression(x: number[][], y: readonly number[], priors: RegressionPriors): ReferenceTarget {
  const design = new Matrix(x);
  const target = Matrix.columnVector([...y]);
  const [n, p] = [design.rows, design.columns];
  const gram = design.transpose().mmul(design);
  const centre = inverse(gram).mmul(design.transpose().mmul(target));
  const residual = target.clone().sub(design.mmul(centre));
  const scale = Math.sqrt(residual.dot(residual) / Math.max(1, n - p));
  // gram = KKᵀ gives (XᵀX)⁻¹ = K⁻ᵀK⁻¹, and the columns of XK⁻ᵀ are orthonormal.
  const turn = inverse(new CholeskyDecomposition(gram).lowerTriangularMatrix).transpose().mul(scale);
  const square = residual.dot(residual);
  const d = p + 1;
  const unit = 1 / Math.sqrt(2 * n);
  const betaOf = (theta: Float64Array, at: number) =>
    Float64Array.from({ length: p }, (_, i) => {
      let value = centre.get(i, 0);
      for (let k = 0; k < p; k++) value += turn.get(i, k) * theta[at + k];
      return value;
    });

  return {
    start: new Float64Array(d),
    names: [...(priors.names ?? Array.from({ length: p }, (_, i) => `beta[${i + 1}]`)), 'sigma'],
    parameters: (theta, at) => [...betaOf(theta, at), scale * Math.exp(unit * theta[at + p])],
    ...eachChain(d, (theta, at, grad) => {
      const s = unit * theta[at + p];
      const sigma = scale * Math.exp(s);
      // ‖y − Xβ‖² = ‖residual‖² + σ̂²‖w‖²: the least-squares residual is orthogonal to the design.
      let length = 0;
      for (let k = 0; k < p; k++) length += theta[at + k] ** 2;
      const misfit = (square + scale ** 2 * length) / sigma ** 2;
      let value = -n * s - 0.5 * misfit + s; // the last s is the Jacobian of σ
      let slope = -n + misfit + 1;
      for (let k = 0; k < p; k++) grad[at + k] = -((scale / sigma) ** 2) * theta[at + k];
      if (priors.beta !== Number.POSITIVE_INFINITY) {
        const beta = betaOf(theta, at);
        for (let i = 0; i < p; i++) {
          value -= 0.5 * (beta[i] / priors.beta) ** 2;
          for (let k = 0; k < p; k++) grad[at + k] -= (turn.get(i, k) * beta[i]) / priors.beta ** 2;
        }
      }
      if (priors.sigma.law !== 'flat') {
        const ratio = (sigma / priors.sigma.scale) ** 2;
        value -= priors.sigma.law === 'cauchy' ? Math.log1p(ratio) : 0.5 * ratio;
        slope -= priors.sigma.law === 'cauchy' ? (2 * ratio) / (1 + ratio) : ratio;
      }
      grad[at + p] = unit * slope;
      return value;
    }),
  };
}
