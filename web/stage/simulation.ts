/** One sampler on the stage: chains of many planes under gradient noise, and what is measured of them. No page in here. */
import { normals } from '../../src/math/random.ts';
import { fold, rootKey, stream } from '../../src/math/threefry.ts';
import { stepSync } from '../../src/samplers/drive.ts';
import { effectiveTemperatures } from '../../src/samplers/noise-theory.ts';
import { SAMPLERS } from '../../src/samplers/registry.ts';
import type { LogDensity, Sampler, State } from '../../src/types.ts';
import { ellipseForce, underForce, varianceAlong } from './ellipse.ts';
import { type PlaneName, planeTarget, repeated } from './planes.ts';
import type { Settings, SideSettings } from './settings.ts';
import { axesOf, BINS, type Truth, truthOf } from './truth.ts';

/** Planes in a chain. The velocity of a network's chain belongs to no pair of its parameters; nor does it here. */
export const COPIES = 10;
export const DIMENSION = 2 * COPIES;
/** Gradients in which a sampler may adapt; measuring starts after them. */
const WARMUP = 1200;

/** What is known of a running sampler, in numbers. */
export interface Readout {
  /** Gradients that each chain has spent. */
  readonly gradients: number;
  readonly warm: boolean;
  /** b² of the squares of x and y; NaN before there is anything to measure. */
  readonly bias: number;
  /** Variance over true variance along each axis, and what theory predicts, where it has a say. */
  readonly temperatures: readonly [number, number];
  readonly predicted: readonly [number, number] | undefined;
  readonly axes: readonly [readonly [number, number], readonly [number, number]];
  /** Median over chains. */
  readonly stepSize: number;
  readonly resets: number;
  readonly nonFinite: number;
}

export interface Simulation {
  readonly truth: Truth;
  /** Steps until each chain has spent that many gradients in all. */
  advance(gradients: number): void;
  readout(): Readout;
  /** Counts over −reach … reach, along x and y. */
  readonly histograms: readonly [Float64Array, Float64Array];
  /** Positions `[chains × 2]` of the plane that is shown, and velocities where the sampler has some. */
  positions(out: Float32Array): void;
  velocities(out: Float32Array): void;
  /** 1 where a chain was reset since the last call. */
  flashes(): Uint8Array;
  readonly state: State;
}

/** Builds the sampler of one side. Throws an `Error` for a formula that is none. */
export function simulation(settings: Settings, side: SideSettings): Simulation {
  const { chains, noise, seed } = settings;
  const plane = planeTarget(settings.target, settings.formula);
  const truth = truthOf(plane);
  const density: LogDensity<Float64Array> = underForce(repeated(plane.density, COPIES), noise.tilt);
  const force = ellipseForce(noise);
  const keys = Array.from({ length: chains }, (_, c) => fold(rootKey(seed), c));
  const sampler = samplerOf(side);
  const state = sampler.init(starts(truth, chains, seed), keys);
  const batch = new Float64Array(chains * DIMENSION);
  const axes = axesOf(truth, noise.angle);
  const sums = new Float64Array(4);
  const histograms: [Float64Array, Float64Array] = [new Float64Array(BINS), new Float64Array(BINS)];
  const flashed = new Uint8Array(chains);
  let t = 0;
  let gradients = 0;
  let count = 0;
  let resets = 0;
  let nonFinite = 0;

  const measure = () => {
    const [[ax, ay], [bx, by]] = axes;
    const [mx, my] = truth.mean;
    const scale = BINS / (2 * truth.reach);
    const { theta } = state;
    for (let i = 0; i < theta.length; i += 2) {
      const [x, y] = [theta[i], theta[i + 1]];
      sums[0] += x * x;
      sums[1] += y * y;
      sums[2] += (ax * (x - mx) + ay * (y - my)) ** 2;
      sums[3] += (bx * (x - mx) + by * (y - my)) ** 2;
      const [column, row] = [Math.floor((x + truth.reach) * scale), Math.floor((y + truth.reach) * scale)];
      if (column >= 0 && column < BINS) histograms[0][column]++;
      if (row >= 0 && row < BINS) histograms[1][row]++;
    }
    count += theta.length / 2;
  };

  return {
    truth,
    state,
    histograms,
    advance(until) {
      while (gradients < until) {
        if (gradients >= WARMUP && state.adapting?.[0] !== 0 && count === 0) sampler.endWarmup(state);
        force(keys, t, batch);
        const info = stepSync(sampler, state, density, batch, t);
        if (gradients >= WARMUP && !sampler.exploring?.(t)) measure();
        t++;
        gradients += info.gradients;
        for (let c = 0; c < chains; c++) {
          resets += info.reset[c];
          nonFinite += info.nonFinite[c];
          if (info.reset[c]) flashed[c] = 1;
        }
      }
    },
    readout() {
      const variance = (k: 0 | 1) => {
        const [[x, y], [xx, xy, yy]] = [axes[k], truth.covariance];
        return x * x * xx + 2 * x * y * xy + y * y * yy;
      };
      const mean = (k: number) => (count > 0 ? sums[k] / count : Number.NaN);
      const off = (k: 0 | 1) => (mean(k) - truth.square[k]) ** 2 / truth.squareVariance[k];
      return {
        gradients,
        warm: count > 0,
        bias: 0.5 * (off(0) + off(1)),
        temperatures: [mean(2) / variance(0), mean(3) / variance(1)],
        predicted: predictedTemperatures(settings, side, state, axes),
        axes,
        stepSize: [...state.stepSize].sort((a, b) => a - b)[chains >> 1],
        resets,
        nonFinite,
      };
    },
    positions: (out) => shown(state.theta, out),
    velocities: (out) => shown(state.velocity ?? state.momentum ?? new Float64Array(chains * DIMENSION), out),
    flashes() {
      const copy = flashed.slice();
      flashed.fill(0);
      return copy;
    },
  };
}

/** The first plane of every chain. */
function shown(block: Float64Array, out: Float32Array): void {
  for (let c = 0; 2 * c < out.length; c++) {
    out[2 * c] = block[c * DIMENSION];
    out[2 * c + 1] = block[c * DIMENSION + 1];
  }
}

/** Start positions: normal about the mean, half as wide as the target. */
function starts({ mean, covariance: [xx, , yy] }: Truth, chains: number, seed: number): Float64Array {
  const theta = new Float64Array(chains * DIMENSION);
  for (let c = 0; c < chains; c++) {
    normals(stream(fold(rootKey(seed), c), 'init'), theta, c * DIMENSION, DIMENSION);
  }
  const half = [0.5 * Math.sqrt(xx), 0.5 * Math.sqrt(yy)];
  return theta.map((z, i) => mean[i % 2] + half[i % 2] * z);
}

const TUNED = ['smile', 'psmile'];

function samplerOf({ sampler, mode, stepSize, decoherence, tuner, guard }: SideSettings): Sampler {
  const options = { stepSize, warmup: WARMUP / 2, steps: CYCLE_STEPS, mode, tuner, resetQuantile: guard ? 0.98 : 1 };
  return SAMPLERS[sampler]({ ...options, ...(decoherence < Number.POSITIVE_INFINITY && { decoherence }) });
}

/** Steps over which the cyclical sampler spreads its four cycles. */
const CYCLE_STEPS = 8000;
const MICROCANONICAL = ['smile-naive', 'psmile-naive', 'psmile-full', 'psmile-low-rank', 'psmile-auto', ...TUNED];

/**
 * Effective temperatures along the axes of a Gaussian: of the noise as the dynamics sees it, after the diagonal preconditioner where
 * there is one and the axes are those of the coordinates; 1 under a full preconditioner. Undefined where the theory is silent.
 */
function predictedTemperatures(
  { noise, target }: Settings,
  { sampler, mode, decoherence }: SideSettings,
  state: State,
  axes: readonly (readonly [number, number])[],
): [number, number] | undefined {
  if (!MICROCANONICAL.includes(sampler) || noise.tilt !== 0 || !GAUSSIANS.includes(target)) return undefined;
  if (['psmile-full', 'psmile-low-rank', 'psmile-auto'].includes(sampler)) return [1, 1];
  const variance = varianceAlong(noise, axes);
  if (sampler.startsWith('p')) {
    if (Math.min(...axes[0].map(Math.abs)) > ALIGNED || !state.multiplier) return undefined;
    const along = Math.abs(axes[0][0]) > 0.5 ? 0 : 1;
    variance.forEach((v, k) => {
      variance[k] = v * meanSquare(state.multiplier, k === 0 ? along : 1 - along);
    });
  }
  const everywhere = Array.from({ length: DIMENSION }, (_, i) => variance[i % 2]);
  const length = mode === 'paper' ? Number.POSITIVE_INFINITY : decoherence;
  const [first, second] = effectiveTemperatures(everywhere, state.stepSize[0], length);
  return [first, second];
}

const GAUSSIANS: readonly string[] = ['round', 'correlated'] satisfies PlaneName[];
/** Axes this close to the coordinates' count as theirs. */
const ALIGNED = 0.05;

/** Mean square of the multiplier over all planes, of x (0) or y (1). */
function meanSquare(multiplier: Float64Array, which: number): number {
  let sum = 0;
  for (let i = which; i < multiplier.length; i += 2) sum += multiplier[i] ** 2;
  return (2 * sum) / multiplier.length;
}
