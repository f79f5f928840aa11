/** Runs a block of chains of one method on one noisy target and measures them. */
import { effectiveSampleSize } from '../math/autocorrelation.ts';
import { fold, rootKey } from '../math/threefry.ts';
import { controlVariate } from '../samplers/control-variate.ts';
import { stepSync } from '../samplers/drive.ts';
import { SAMPLERS } from '../samplers/registry.ts';
import {
  BATCH,
  batchForce,
  type Force,
  injectedForce,
  type NoiseLaw,
  type NoiseStructure,
  noisy,
  VECTORS,
} from '../targets/noise.ts';
import { BENCH_TARGETS, type BenchTarget, SPATIAL_SPREAD } from '../targets/registry.ts';
import { squaredBias } from '../targets/target.ts';
import type { LogDensity } from '../types.ts';
import { METHODS, type Method, type MethodName } from './methods.ts';

/** What the noise of a cell is. */
export interface NoiseSpec {
  readonly structure: NoiseStructure | 'none';
  /** Sums of real mini-batches, their Gaussian limit, or an injected law. */
  readonly source: 'limit' | 'batches' | 'injected';
  readonly law: NoiseLaw;
  /** Degrees of freedom or σ of the law. */
  readonly shape: number;
}

export interface Simulation {
  readonly target: BenchTarget;
  readonly noise: NoiseSpec;
  readonly method: MethodName;
  /** ε of every chain; ignored by a method that finds its own. */
  readonly stepSizes: readonly number[];
  /** Gradients that every chain may spend, warm-up included. */
  readonly gradients: number;
  /** Part of the run in which the sampler adapts. */
  readonly warmup: number;
  /** Part of the run left out of the moments. */
  readonly burnIn: number;
  readonly truth: 'exact' | 'paper';
  /** L of the microcanonical methods that do not find their own. */
  readonly decoherence: number;
  readonly seed: number;
  readonly onProgress?: (share: number) => void;
}

interface ChainResult {
  readonly stepSize: number;
  /** b²; Infinity where no finite moments came out. */
  readonly bias: number;
  readonly nonFinite: number;
  /** Mean distance moved in a step. */
  readonly moved: number;
  readonly gradients: number;
}

export interface SimulationResult {
  readonly chains: readonly ChainResult[];
  /** Effective draws of the worst coordinate's square per thousand gradients, over all chains together. */
  readonly essPerThousandGradients: number;
  readonly seconds: number;
}

/** Moments are summed at every so many steps, as in the paper. */
const THIN = 10;
/** Draws of a chain kept for its autocorrelations. */
const TRACED = 250;

export function simulate(job: Simulation): SimulationResult {
  const began = performance.now();
  const method: Method = METHODS[job.method];
  const target = BENCH_TARGETS[job.target]();
  const d = target.dim;
  const chains = job.stepSizes.length;
  const root = rootKey(job.seed);
  const keys = Array.from({ length: chains }, (_, c) => fold(fold(root, 1), c));
  const forceKeys = keys.map((_, c) => fold(fold(root, 2), c));
  const { density, force } = noisyTarget(job, method);

  const start = new Float64Array(chains * d);
  for (let c = 0; c < chains; c++) start.set(target.start, c * d);
  const steps = Math.floor(job.gradients / method.gradientsPerStep);
  const warmup = Math.round(steps * job.warmup);
  const from = Math.round(steps * job.burnIn);
  const sampler = SAMPLERS[method.sampler]({
    decoherence: job.decoherence,
    ...method.options,
    stepSize: 1e-3,
    warmup,
    steps,
  });
  const state = sampler.init(start, keys);
  if (method.grid) state.stepSize.set(job.stepSizes);

  const squares = new Float64Array(chains * d);
  const moved = new Float64Array(chains);
  const nonFinite = new Float64Array(chains);
  const traceEvery = Math.max(THIN, Math.ceil((steps - from) / TRACED / THIN) * THIN);
  const trace = keys.map(() =>
    Array.from({ length: d }, () => new Float64Array(Math.ceil((steps - from) / traceEvery))),
  );
  const noise = new Float64Array(chains * d);
  let gradients = method.controlVariate ? VECTORS / BATCH : 0;
  let summed = 0;
  for (let t = 0; t < steps; t++) {
    if (t === warmup) sampler.endWarmup(state);
    force(forceKeys, t, noise);
    const info = stepSync(sampler, state, density, noise, t);
    gradients += info.gradients * (method.controlVariate ? 2 : 1);
    for (let c = 0; c < chains; c++) {
      moved[c] += info.moved[c];
      nonFinite[c] += info.nonFinite[c];
    }
    const sampled = t - from;
    if (sampled >= 0 && sampled % THIN === 0) {
      for (let i = 0; i < squares.length; i++) squares[i] += state.theta[i] ** 2;
      summed++;
      if (sampled % traceEvery === 0) {
        for (let c = 0; c < chains; c++) {
          for (let j = 0; j < d; j++) trace[c][j][sampled / traceEvery] = state.theta[c * d + j] ** 2;
        }
      }
    }
    if (t % PROGRESS_EVERY === 0) job.onProgress?.(t / steps);
  }
  const truth = job.truth === 'paper' ? (target.paperTruth ?? target.truth) : target.truth;
  const ess = Math.min(
    ...Array.from({ length: d }, (_, j) => effectiveSampleSize(trace.map((chain) => chain[j])) || 0),
  );
  return {
    chains: keys.map((_, c) => {
      const bias = squaredBias(
        squares.subarray(c * d, (c + 1) * d).map((sum) => sum / summed),
        truth,
      );
      return {
        stepSize: state.stepSize[c],
        bias: Number.isFinite(bias) ? bias : Number.POSITIVE_INFINITY,
        nonFinite: nonFinite[c],
        moved: moved[c] / steps,
        gradients,
      };
    }),
    essPerThousandGradients: (1000 * ess) / (chains * gradients),
    seconds: (performance.now() - began) / 1000,
  };
}

const PROGRESS_EVERY = 2000;

/** The density that the method sees, and the force that its batches are. */
function noisyTarget(job: Simulation, method: Method): { density: LogDensity<Float64Array>; force: Force } {
  const target = BENCH_TARGETS[job.target]();
  const { structure, source, law, shape } = job.noise;
  if (structure === 'none') return { density: noisy(target), force: () => {} };
  const spread = structure === 'spatial' ? SPATIAL_SPREAD[job.target] : Number.POSITIVE_INFINITY;
  const density = noisy(target, spread);
  const force =
    source === 'batches'
      ? batchForce(structure, job.seed)
      : injectedForce(structure, source === 'injected' ? { scale: Math.sqrt(BATCH), law, shape, injected: true } : {});
  if (!method.controlVariate) return { density, force };
  const value = new Float64Array(1);
  const gradient = new Float64Array(target.dim);
  target.evaluate(target.start, undefined, value, gradient);
  return { density: controlVariate(density, { theta: target.start, value: value[0], gradient }), force };
}
