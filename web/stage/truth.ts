/** What is true of a plane's density: its moments, principal axes and marginals, by sums over a grid. */
import type { PlaneTarget } from './planes.ts';

export const BINS = 48;
/** Grid points per axis, six to a bin. */
const SIDE = 720;
/** The grid reaches this much further than what is shown, so that tails count. */
const MARGIN = 2.5;

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

const known = new Map<PlaneTarget['density'], Truth>();

/** Throws an `Error` where the density has no finite value or does not fall off within reach. */
export function truthOf(target: PlaneTarget): Truth {
  const found = known.get(target.density) ?? integrated(target);
  known.set(target.density, found);
  return found;
}

function integrated({ density, reach }: PlaneTarget): Truth {
  const out = new Float64Array(3);
  const width = (2 * MARGIN * reach) / SIDE;
  const at = (k: number) => -MARGIN * reach + (k + 0.5) * width;
  const logs = new Float64Array(SIDE * SIDE);
  let top = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < logs.length; k++) {
    density(at(k % SIDE), at(Math.floor(k / SIDE)), out);
    logs[k] = Number.isNaN(out[0]) ? Number.NEGATIVE_INFINITY : out[0];
    if (logs[k] > top) top = logs[k];
  }
  if (!Number.isFinite(top)) throw new Error('formula: expected finite values in the plane, got none. Correct it.');
  const marginals: [Float64Array, Float64Array] = [new Float64Array(BINS), new Float64Array(BINS)];
  const moments = new Float64Array(8);
  const border = Math.max(...BORDER.map((k) => logs[k]));
  if (border > top + Math.log(EDGE)) {
    throw new Error(
      'formula: expected a density that falls off within the plane shown, got one that does not. Add -0.1*(x^2+y^2).',
    );
  }
  const bin = (v: number) => Math.floor(((v + reach) / (2 * reach)) * BINS);
  for (let k = 0; k < logs.length; k++) {
    const p = Math.exp(logs[k] - top);
    if (p === 0) continue;
    const [x, y] = [at(k % SIDE), at(Math.floor(k / SIDE))];
    const [xx, yy] = [x * x, y * y];
    moments[0] += p;
    moments[1] += p * x;
    moments[2] += p * y;
    moments[3] += p * xx;
    moments[4] += p * x * y;
    moments[5] += p * yy;
    moments[6] += p * xx * xx;
    moments[7] += p * yy * yy;
    if (Math.abs(x) < reach) marginals[0][bin(x)] += p;
    if (Math.abs(y) < reach) marginals[1][bin(y)] += p;
  }
  const [total] = moments;
  const [, mx, my, xx, xy, yy, x4, y4] = moments.map((m) => m / total);
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
/** Grid points on the border. */
const BORDER = Array.from({ length: SIDE }, (_, k) => [k, SIDE * (SIDE - 1) + k, SIDE * k, SIDE * k + SIDE - 1]).flat();

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
