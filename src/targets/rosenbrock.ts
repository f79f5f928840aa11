/** Five independent Rosenbrock pairs: X ~ N(1, 1) and Y | X ~ N(X², 0.1), as (X₁ … X₅, Y₁ … Y₅). */
import { eachChain, type Target } from './target.ts';

const PAIRS = 5;
const SPREAD = 0.1;

const pairwise = (x: number, y: number) => Float64Array.from({ length: 2 * PAIRS }, (_, i) => (i < PAIRS ? x : y));

export function rosenbrock(): Target {
  return {
    name: 'Rosenbrock',
    start: pairwise(1, 2),
    // X ~ N(1, 1): E[X²] = 2, Var[X²] = 6.
    truth: { square: pairwise(2, 10 + SPREAD), squareVariance: pairwise(6, varianceOfSquaredY()) },
    paperTruth: { square: pairwise(2, 10.10017429), squareVariance: pairwise(6.00036273, 668.69693635) },
    ...eachChain(2 * PAIRS, (theta, at, grad) => {
      let value = 0;
      for (let i = at; i < at + PAIRS; i++) {
        const x = theta[i];
        const off = (x * x - theta[i + PAIRS]) / SPREAD;
        value -= 0.5 * ((x - 1) ** 2 + SPREAD * off * off);
        grad[i] = 1 - x - 2 * x * off;
        grad[i + PAIRS] = off;
      }
      return value;
    }),
  };
}

/** Var[Y²] for Y = X² + √q n: E[Y⁴] = E[X⁸] + 6q E[X⁴] + 3q², less (E[X⁴] + q)². */
function varianceOfSquaredY(): number {
  const [fourth, eighth] = [10, 764];
  return eighth + 6 * SPREAD * fourth + 3 * SPREAD ** 2 - (fourth + SPREAD) ** 2;
}
