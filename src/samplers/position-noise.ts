/** A preconditioner for noise whose strength is a known function of the position. */
import type { Preconditioner } from './preconditioner.ts';

export interface PositionScale {
  /** a(θ) > 0 at `theta[at … at+d)`: the inverse of the noise's deviation there. */
  value(theta: Float64Array, at: number, d: number): number;
  /** ∇a(θ) into `out[at … at+d)`. */
  gradient(theta: Float64Array, at: number, d: number, out: Float64Array): void;
}

/**
 * A(θ) = a(θ)·1. Where A depends on the position, p(θ) × uniform(u) is stationary only if the gradient carries the
 * divergence of A beside Aᵀg: here ∇a. `corrected: false` leaves it out, as the paper does.
 */
export function positionScaled(scale: PositionScale, { corrected = true } = {}): Preconditioner {
  return {
    init: () => ({}),
    whiten(state, c, d, g, out) {
      const at = c * d;
      const a = scale.value(state.theta, at, d);
      if (corrected) scale.gradient(state.theta, at, d, out);
      else out.fill(0, at, at + d);
      for (let i = at; i < at + d; i++) out[i] += a * g[i];
      return out;
    },
    colour(state, c, d, u, out) {
      const at = c * d;
      const a = scale.value(state.theta, at, d);
      for (let i = at; i < at + d; i++) out[i] = a * u[i];
      return out;
    },
    coordinates(state, c, d, theta, out) {
      const at = c * d;
      const a = scale.value(state.theta, at, d);
      for (let i = at; i < at + d; i++) out[i] = theta[i] / a;
      return out;
    },
    learn: () => {},
  };
}
