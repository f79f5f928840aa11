/** What a target is: a log density whose moments are known. */
import type { LogDensity } from '../types.ts';

/** First and second moments of squares: what the bias b² of a run is measured against. */
export interface Moments {
  /** E[θ_j²], `[d]`. */
  readonly square: Float64Array;
  /** Var[θ_j²], `[d]`. */
  readonly squareVariance: Float64Array;
}

export interface Target extends LogDensity<void> {
  readonly name: string;
  /** Where the benchmark's chains start, `[d]`. */
  readonly start: Float64Array;
  readonly truth: Moments;
  /** The moments that the paper's code compares with, where they differ from the truth. */
  readonly paperTruth?: Moments;
}

/** Writes log density and gradient of one chain at `theta[at …]`, the gradient to `grad[at …]`; returns the former. */
export type ChainDensity = (theta: Float64Array, at: number, grad: Float64Array) => number;

/** The block's log density from that of one chain. */
export function eachChain(dim: number, chain: ChainDensity): LogDensity<void> {
  return {
    dim,
    evaluate(theta, _batch, value, grad) {
      for (let c = 0; c < value.length; c++) value[c] = chain(theta, c * dim, grad);
    },
  };
}

/** Moments of squares of a normal of mean 0: E = σ², Var = 2σ⁴. */
export function normalMoments(variance: Float64Array): Moments {
  return { square: variance, squareVariance: variance.map((v) => 2 * v * v) };
}

/**
 * b² = mean_j (Ê[θ_j²] − E[θ_j²])² / Var[θ_j²], the bias of a run's second moments `estimate` `[d]`. A run of n independent
 * draws has b² ≈ 1/n.
 */
export function squaredBias(estimate: Float64Array, { square, squareVariance }: Moments): number {
  let sum = 0;
  for (let j = 0; j < square.length; j++) sum += (estimate[j] - square[j]) ** 2 / squareVariance[j];
  return sum / square.length;
}

/** b² of a chain that never leaves `start`. */
export const nullScore = ({ start, truth }: Target): number =>
  squaredBias(
    start.map((x) => x * x),
    truth,
  );
