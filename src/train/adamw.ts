/**
 * AdamW over blocks of members (Loshchilov & Hutter 2019): θ ← θ − η(m̂/(√v̂ + e) + λθ), every member on its own.
 * e = 1e-8, both moments bias-corrected.
 */
import { sumOfSquares } from '../math/sums.ts';

const EPSILON = 1e-8;

/** β₁ and β₂ as they usually are. */
export const USUAL_BETAS: readonly [number, number] = [0.9, 0.999];

export interface AdamWState {
  /** First moment `[C × d]`. */
  readonly m: Float64Array;
  /** Second moment `[C × d]`. */
  readonly v: Float64Array;
  /** Steps taken. */
  count: number;
}

export const adamwState = (size: number): AdamWState => ({
  m: new Float64Array(size),
  v: new Float64Array(size),
  count: 0,
});

export interface AdamWOptions {
  readonly learningRate: number;
  /** β₁ and β₂. */
  readonly betas: readonly [number, number];
  /** λ of parameter j of each member `[d]`. */
  readonly decay: Float64Array;
}

/** One step *down* the loss gradient `g`, in place. */
export function adamwStep(
  state: AdamWState,
  theta: Float64Array,
  g: Float64Array,
  { learningRate, betas: [beta1, beta2], decay }: AdamWOptions,
): void {
  const { m, v } = state;
  state.count++;
  const correct1 = 1 / (1 - beta1 ** state.count);
  const correct2 = 1 / (1 - beta2 ** state.count);
  const d = decay.length;
  for (let i = 0; i < theta.length; i++) {
    m[i] += (1 - beta1) * (g[i] - m[i]);
    v[i] += (1 - beta2) * (g[i] * g[i] - v[i]);
    const step = (m[i] * correct1) / (Math.sqrt(v[i] * correct2) + EPSILON);
    theta[i] -= learningRate * (step + decay[i % d] * theta[i]);
  }
}

/** Cuts the gradient `g` `[C × d]` of every member that is longer than `norm` down to it; one that is not finite stays. */
export function clip(g: Float64Array, d: number, norm: number): void {
  for (let at = 0; at < g.length; at += d) {
    const length = Math.sqrt(sumOfSquares(g, at, at + d));
    if (!(length > norm) || length === Number.POSITIVE_INFINITY) continue;
    for (let i = at; i < at + d; i++) g[i] *= norm / length;
  }
}
