/**
 * Gradient-noise preconditioning: a linear map A per chain that makes the noise of the gradient isotropic.
 *
 * The sampler runs in coordinates z with θ = Az: kicks use the gradient Aᵀĝ, drifts move θ along Au, all else is
 * unchanged (SMILE, section on preconditioning). For constant A the target stays p(θ|D) exactly.
 */
import type { State } from '../types.ts';

export interface Preconditioner {
  /** The fields it adds to the state of a block of `chains` chains of dimension `d`. */
  init(chains: number, d: number): State;
  /** Aᵀg of chain c. Returns `g` itself or `out` with the range `[c·d, (c+1)·d)` written. */
  whiten(state: State, c: number, d: number, g: Float64Array, out: Float64Array): Float64Array;
  /** Au of chain c. Returns `u` itself or `out` with the range written. */
  colour(state: State, c: number, d: number, u: Float64Array, out: Float64Array): Float64Array;
  /**
   * Present where A is diagonal: m `[C × d]` of A = diag(m), or undefined for A = 1. The integrator then applies it in
   * its own passes instead of calling the two maps.
   */
  multiplier?(state: State): Float64Array | undefined;
  /** z = A⁻¹θ of chain c, the sampler's own coordinates. Same return as `colour`. */
  coordinates(state: State, c: number, d: number, theta: Float64Array, out: Float64Array): Float64Array;
  /**
   * Absorbs an exact sample of chain c's gradient noise (`noise-meter.ts`), `[c·d, (c+1)·d)` of `noise`. Its presence
   * makes the sampler take such samples during warm-up.
   */
  learnNoise?(state: State, c: number, d: number, noise: Float64Array): void;
  /** Absorbs the raw gradient estimate `g` of chain c and updates A. */
  learn(state: State, c: number, d: number, g: Float64Array): void;
  /** Present where A is the identity or diag(m) of noise moments, and `learn` is what these rates say and nothing else. */
  rates?(n: number): LearningRates | undefined;
}

/** What gradient number n = 1, 2, … does to noise moments and multiplier. */
interface LearningRates {
  /** Weights of the gradient in S² and in μ. */
  readonly w: number;
  readonly v: number;
  /** Whether m is renewed: m² = S̄² / (weight · S² + (1 − weight) · S̄²) with the mean S̄² of S². */
  readonly renews: boolean;
  readonly weight: number;
}

/** A = 1: the plain samplers. */
export const identity: Preconditioner = {
  init: () => ({}),
  whiten: (_state, _c, _d, g) => g,
  colour: (_state, _c, _d, u) => u,
  coordinates: (_state, _c, _d, theta) => theta,
  multiplier: () => undefined,
  learn: () => {},
  rates: () => undefined,
};

/** out = m ⊙ v over chain c's range. */
function scaled(m: Float64Array, c: number, d: number, v: Float64Array, out: Float64Array): Float64Array {
  for (let i = c * d; i < (c + 1) * d; i++) out[i] = m[i] * v[i];
  return out;
}

/** The maps of A = diag(`state.multiplier`). */
export const diagonalMaps: Pick<Preconditioner, 'whiten' | 'colour' | 'coordinates' | 'multiplier'> = {
  coordinates({ multiplier }, c, d, theta, out) {
    for (let i = c * d; i < (c + 1) * d; i++) out[i] = theta[i] / multiplier[i];
    return out;
  },
  whiten: ({ multiplier }, c, d, g, out) => scaled(multiplier, c, d, g, out),
  colour: ({ multiplier }, c, d, u, out) => scaled(multiplier, c, d, u, out),
  multiplier: ({ multiplier }) => multiplier,
};

export interface DiagonalOptions {
  /** `noise`: deviation about the running mean (the paper's text). `second-moment`: about zero, as pSGLD does. */
  readonly statistic: 'noise' | 'second-moment';
  /** Effective number of gradients in the running averages; exact plain averages until then. */
  readonly window: number;
  /** How many gradients' worth of isotropy the estimate is shrunk by; bounds m by √(1 + window/shrinkage). */
  readonly shrinkage: number;
  /** `deviation`: RMS(1/m) = 1 (the paper's networks). `speed`: RMS(m) = 1 (the paper's analytic benchmark). */
  readonly normalise: 'deviation' | 'speed';
}

/** From this many gradients on the map is renewed only now and then: one more gradient hardly moves it. */
const FIRST_GRADIENTS = 100;
const RENEWED_EVERY = 10;

export const DIAGONAL_DEFAULTS: DiagonalOptions = {
  statistic: 'noise',
  window: 1000,
  shrinkage: 10,
  normalise: 'deviation',
};

/**
 * Diagonal A = diag(m), m = 1/S̃, with S the per-parameter deviation of the gradient noise.
 * The running mean μ ← (1−w)μ + wg and square S² ← (1−w)S² + w(g−μ)² use w = max(1/n, 1/window): no start value
 * ever enters, so no bias correction is needed. Few gradients make S² noisy, hence the shrinkage towards its mean.
 */
export function diagonalNoise(options: DiagonalOptions = DIAGONAL_DEFAULTS): Preconditioner {
  const { statistic, window, shrinkage, normalise } = options;
  const rates = (n: number): LearningRates => {
    const w = Math.max(1 / n, 1 / window);
    return {
      w,
      v: statistic === 'noise' ? w : 0,
      renews: n <= FIRST_GRADIENTS || n % RENEWED_EVERY === 0,
      weight: Math.min(n, window) / (Math.min(n, window) + shrinkage),
    };
  };
  return {
    init: (chains, d) => ({
      noiseCount: new Float64Array(chains),
      noiseMean: new Float64Array(chains * d),
      noiseSquare: new Float64Array(chains * d),
      multiplier: new Float64Array(chains * d).fill(1),
    }),
    ...diagonalMaps,
    ...(normalise === 'deviation' && { rates }),
    learn(state, c, d, g) {
      const { noiseCount, noiseMean, noiseSquare, multiplier } = state;
      const { w, v, renews, weight } = rates(++noiseCount[c]);
      absorbMoments(noiseMean, noiseSquare, g, c * d, d, w, v);
      if (!renews) return;
      let total = 0;
      for (let i = c * d; i < (c + 1) * d; i++) total += noiseSquare[i];
      if (total === 0) return;
      const average = total / d;
      let speed = 0;
      for (let i = c * d; i < (c + 1) * d; i++) {
        const m = Math.sqrt(average / (weight * noiseSquare[i] + (1 - weight) * average));
        multiplier[i] = m;
        speed += m * m;
      }
      if (normalise === 'speed') {
        const scale = Math.sqrt(d / speed);
        for (let i = c * d; i < (c + 1) * d; i++) multiplier[i] *= scale;
      }
    },
  };
}

/** μ ← (1−v)μ + vg, then S² ← (1−w)S² + w(g−μ)² with the new μ, on `[at, at+d)`; v = 0 keeps μ. */
export function absorbMoments(
  mean: Float64Array,
  square: Float64Array,
  g: Float64Array,
  at: number,
  d: number,
  w: number,
  v: number,
): void {
  for (let i = at; i < at + d; i++) {
    mean[i] += v * (g[i] - mean[i]);
    const deviation = g[i] - mean[i];
    square[i] += w * (deviation * deviation - square[i]);
  }
}
