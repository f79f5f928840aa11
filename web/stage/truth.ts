/** What is true of a plane's density: its moments, principal axes and marginals, by sums over a grid. */
import type { PlaneTarget } from './planes.ts';

export const BINS = 48;
/** Grid points per axis; a multiple of the bins. */
const SIDE = 480;
/** The grid reaches this much further than what is shown, so that tails count. */
const MARGIN = 1.6;

export interface Truth {
  readonly reach: number;
  /** Shares of probability in the bins over −reach … reach; along x and along y. */
  readonly marginals: readonly [Float64Array, Float64Array];
  /** E[x²], E[y²] and the variances of the squares: what b² compares with. */
  readonly square: readonly [number, number];
  readonly squareVariance: readonly [number, number];
  readonly mean: readonly [number, number];
  /** Covariance xx, xy, yy. */
  readonly covariance: readonly [number, number, number];
  /** Largest log density found. */
  readonly top: number;
}

/** Throws an `Error` where the density has no finite value or does not fall off within reach. */
export function truthOf({ density, reach }: PlaneTarget): Truth {
  const out = new Float64Array(3);
  const width = (2 * MARGIN * reach) / SIDE;
  const at = (k: number) => -MARGIN * reach + (k + 0.5) * width;
  const logs = new Float64Array(SIDE * SIDE);
  let top = Number.NEGATIVE_INFINITY;
  for (let j = 0; j < SIDE; j++) {
    for (let i = 0; i < SIDE; i++) {
      density(at(i), at(j), out);
      logs[j * SIDE + i] = Number.isNaN(out[0]) ? Number.NEGATIVE_INFINITY : out[0];
      top = Math.max(top, logs[j * SIDE + i]);
    }
  }
  if (!Number.isFinite(top)) throw new Error('formula: expected finite values in the plane, got none. Correct it.');
  const moments = new Float64Array(8);
  const marginals: [Float64Array, Float64Array] = [new Float64Array(BINS), new Float64Array(BINS)];
  let total = 0;
  let edge = 0;
  const bin = (v: number) => Math.floor(((v + reach) / (2 * reach)) * BINS);
  for (let j = 0; j < SIDE; j++) {
    for (let i = 0; i < SIDE; i++) {
      const p = Math.exp(logs[j * SIDE + i] - top);
      const [x, y] = [at(i), at(j)];
      total += p;
      if (i === 0 || j === 0 || i === SIDE - 1 || j === SIDE - 1) edge = Math.max(edge, p);
      const powers = [x, y, x * x, x * y, y * y, x ** 4, y ** 4];
      powers.forEach((m, k) => {
        moments[k] += p * m;
      });
      if (Math.abs(x) < reach) marginals[0][bin(x)] += p;
      if (Math.abs(y) < reach) marginals[1][bin(y)] += p;
    }
  }
  if (edge > EDGE) {
    throw new Error(
      'formula: expected a density that falls off within the plane shown, got one that does not. Add -0.1*(x^2+y^2).',
    );
  }
  const [mx, my, xx, xy, yy, x4, y4] = moments.map((m) => m / total);
  return {
    reach,
    marginals: [marginals[0].map((p) => p / total), marginals[1].map((p) => p / total)],
    square: [xx, yy],
    squareVariance: [x4 - xx * xx, y4 - yy * yy],
    mean: [mx, my],
    covariance: [xx - mx * mx, xy - mx * my, yy - my * my],
    top,
  };
}

/** Density at the border, relative to its peak, from which on it does not fall off. */
const EDGE = 0.02;

/**
 * The directions in which temperatures are told: the principal axes of the covariance, where the theory's noise and curvature
 * commute; for a round one, those of the noise (`angle` of its long axis).
 */
export function axesOf({ covariance: [xx, xy, yy] }: Truth, angle: number): [[number, number], [number, number]] {
  const gap = Math.hypot(xx - yy, 2 * xy);
  const phi = gap < 0.02 * (xx + yy) ? angle : 0.5 * Math.atan2(2 * xy, xx - yy);
  return [
    [Math.cos(phi), Math.sin(phi)],
    [-Math.sin(phi), Math.cos(phi)],
  ];
}
