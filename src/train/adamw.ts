/**
 * AdamW over blocks of members (Loshchilov & Hutter 2019): θ ← θ − η(m̂/(√v̂ + e) + λθ), every member on its own.
 * β₁ = 0.9, β₂ = 0.999, e = 1e-8, both moments bias-corrected.
 */
const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

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

/** One step *down* the loss gradient `g`, in place. `decay[j]` is λ of parameter j of each member `[d]`. */
export function adamwStep(
  state: AdamWState,
  theta: Float64Array,
  g: Float64Array,
  learningRate: number,
  decay: Float64Array,
): void {
  const { m, v } = state;
  state.count++;
  const correct1 = 1 / (1 - BETA1 ** state.count);
  const correct2 = 1 / (1 - BETA2 ** state.count);
  const d = decay.length;
  for (let i = 0; i < theta.length; i++) {
    m[i] += (1 - BETA1) * (g[i] - m[i]);
    v[i] += (1 - BETA2) * (g[i] * g[i] - v[i]);
    const step = (m[i] * correct1) / (Math.sqrt(v[i] * correct2) + EPSILON);
    theta[i] -= learningRate * (step + decay[i % d] * theta[i]);
  }
}

/** Learning rate at `progress` in [0, 1] of the longest training: constant, or cosine down to a hundredth. */
export function scheduledRate(schedule: 'constant' | 'cosine', rate: number, progress: number): number {
  if (schedule === 'constant') return rate;
  const last = 0.01 * rate;
  return last + 0.5 * (rate - last) * (1 + Math.cos(Math.PI * Math.min(progress, 1)));
}
