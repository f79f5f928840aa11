/** Control variates for the gradient noise: what a batch says at an anchor, where the full gradient is known. */
import type { LogDensity } from '../types.ts';
import { answered } from './drive.ts';

export interface Anchor {
  /** θ₀ `[d]`. */
  readonly theta: Float64Array;
  /** Log density and gradient of the whole data at θ₀. */
  readonly value: number;
  readonly gradient: Float64Array;
}

/**
 * ĝ_cv(θ; b) = ĝ(θ; b) − ĝ(θ₀; b) + g(θ₀), unbiased, with noise that vanishes towards the anchor (Baker et al. 2019). The
 * log density is the potential of that gradient, so energies are conserved on a batch: ℓ̂ less its first-order expansion
 * at the anchor, plus the full one's. Costs two evaluations of the batch for one.
 */
export function controlVariate<B>(density: LogDensity<B>, anchor: Anchor): LogDensity<B> {
  const d = density.dim;
  let base = new Float64Array(0);
  let anchorGradient = new Float64Array(0);
  let anchorValue = new Float64Array(0);
  function* both(theta: Float64Array, batch: B, value: Float64Array, grad: Float64Array) {
    if (base.length !== theta.length) {
      base = new Float64Array(theta.length);
      for (let at = 0; at < base.length; at += d) base.set(anchor.theta, at);
      anchorGradient = new Float64Array(theta.length);
      anchorValue = new Float64Array(value.length);
    }
    yield* answered(density.evaluate(base, batch, anchorValue, anchorGradient));
    yield* answered(density.evaluate(theta, batch, value, grad));
    for (let c = 0; c < value.length; c++) {
      value[c] += anchor.value - anchorValue[c];
      for (let i = 0; i < d; i++) {
        const correction = anchor.gradient[i] - anchorGradient[c * d + i];
        grad[c * d + i] += correction;
        value[c] += correction * (theta[c * d + i] - anchor.theta[i]);
      }
    }
  }
  return {
    dim: d,
    evaluate(theta, batch, value, grad) {
      const work = both(theta, batch, value, grad);
      const turn = work.next();
      if (turn.done) return;
      return finish(work, turn.value);
    },
  };
}

async function finish(work: Generator<Promise<void>, void, void>, first: Promise<void>): Promise<void> {
  await first;
  for (let turn = work.next(); !turn.done; turn = work.next()) await turn.value;
}
