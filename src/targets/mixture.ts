/** The 5 × 5 grid of Gaussians of the cyclical samplers' papers (Zhang et al. 2020): 25 modes in the plane. */
import { eachChain, type Target } from './target.ts';

const CENTRES = [-4, -2, 0, 2, 4];
/** Variance of every mode along each axis. */
const SPREAD = 0.03;

export interface MixtureTarget extends Target {
  /** Index 0 … 24 of the mode nearest to a point. */
  modeOf(x: number, y: number): number;
  readonly modes: number;
}

export function gaussianGrid(): MixtureTarget {
  const nearest = (x: number) => Math.min(Math.max(Math.round((x + 4) / 2), 0), CENTRES.length - 1);
  // Per axis: E[x²] = mean(m²) + q and E[x⁴] = mean(m⁴ + 6m²q + 3q²).
  const mean = (f: (m: number) => number) => CENTRES.reduce((sum, m) => sum + f(m), 0) / CENTRES.length;
  const square = mean((m) => m * m) + SPREAD;
  const fourth = mean((m) => m ** 4 + 6 * m * m * SPREAD + 3 * SPREAD ** 2);
  return {
    name: '5 × 5 Gaussians',
    start: new Float64Array(2),
    truth: { square: new Float64Array(2).fill(square), squareVariance: new Float64Array(2).fill(fourth - square ** 2) },
    modes: CENTRES.length ** 2,
    modeOf: (x, y) => nearest(x) * CENTRES.length + nearest(y),
    // The axes are independent, each a mixture of five: log Σ exp along each.
    ...eachChain(2, (theta, at, grad) => {
      let value = 0;
      for (let i = at; i < at + 2; i++) {
        const x = theta[i];
        const near = CENTRES[nearest(x)];
        let total = 0;
        let pull = 0;
        for (const m of CENTRES) {
          const weight = Math.exp(((x - near) ** 2 - (x - m) ** 2) / (2 * SPREAD));
          total += weight;
          pull += (weight * (m - x)) / SPREAD;
        }
        grad[i] = pull / total;
        value += Math.log(total) - (x - near) ** 2 / (2 * SPREAD);
      }
      return value;
    }),
  };
}
