/** Neal's funnel in ten dimensions: τ ~ N(0, 9) and x_i | τ ~ N(0, e^τ), as (τ, x₁ … x₉). */
import { eachChain, type Target } from './target.ts';

const D = 10;
const VARIANCE = 9;

export function funnel(): Target {
  const truth = {
    square: new Float64Array(D).fill(Math.exp(VARIANCE / 2)),
    // E[x⁴] = 3 E[e^{2τ}] = 3 e^{18}.
    squareVariance: new Float64Array(D).fill(3 * Math.exp(2 * VARIANCE) - Math.exp(VARIANCE)),
  };
  truth.square[0] = VARIANCE;
  truth.squareVariance[0] = 2 * VARIANCE ** 2;
  return {
    name: 'funnel',
    start: new Float64Array(D),
    truth,
    paperTruth: {
      square: Float64Array.of(
        8.99972035,
        87.89693536,
        90.62155941,
        88.93891196,
        90.10817027,
        87.39360339,
        88.12057611,
        88.27542185,
        89.08752328,
        89.01422079,
      ),
      squareVariance: Float64Array.from(
        { length: D },
        (_, i) => ({ 0: 161.815063, 3: 47809629.5, 4: 40488175.8 })[i] ?? 42427520.222,
      ),
    },
    ...eachChain(D, (theta, at, grad) => {
      const tau = theta[at];
      const precision = Math.exp(-tau);
      let square = 0;
      for (let i = at + 1; i < at + D; i++) {
        square += theta[i] * theta[i];
        grad[i] = -precision * theta[i];
      }
      grad[at] = -tau / VARIANCE - 0.5 * (D - 1) + 0.5 * precision * square;
      return (-tau * tau) / (2 * VARIANCE) - 0.5 * (D - 1) * tau - 0.5 * precision * square;
    }),
  };
}
