/**
 * A block of chains from start to end: warm start, warm-up, sampling. All it needs is in the run directory, and all it
 * makes goes there.
 */
import { existsSync } from 'node:fs';
import { batchStream, featuresFirst, gather } from '../data/batches.ts';
import { compile } from '../engine/session.ts';
import { squaredDistance, sumOf } from '../math/sums.ts';
import { fold, rootKey, stream } from '../math/threefry.ts';
import { LOG_SIGMA } from '../models/likelihood.ts';
import { sizeOf } from '../models/model.ts';
import {
  type BayesianNetwork,
  likelihoodGraph,
  type NetworkBatch,
  networkLogDensity,
  posteriorGraph,
} from '../models/posterior.ts';
import { stepAsync } from '../samplers/drive.ts';
import { effectiveTemperatures, noiseDecoherence } from '../samplers/noise-theory.ts';
import { SAMPLERS, usualStepSize } from '../samplers/registry.ts';
import { drawWriter } from '../store/draws.ts';
import { writeJson } from '../store/files.ts';
import { runPaths } from '../store/rundir.ts';
import { readTensors, writeTensors } from '../store/safetensors.ts';
import { warmStart } from '../train/warm-start.ts';
import type { Key, State } from '../types.ts';
import type { BlockProgress, ChainSummary, ChainTrace, NoiseSummary, Phase } from './events.ts';
import { type LoadedRun, loadData, loadRun, type SplitData } from './load.ts';
import type { FitSpec } from './spec.ts';
import { Tally } from './tally.ts';

export interface BlockOptions {
  /** Indices of the chains in the run. Neighbours share graphs, not randomness. */
  readonly chains: readonly number[];
  /** Asked between steps; true ends the block with what it has. */
  readonly stopped: () => boolean;
  readonly onProgress: (progress: BlockProgress) => void;
}

/** Milliseconds between progress events. */
const EVENT_INTERVAL = 250;
/** Points of a chain's trace. */
const TRACE_POINTS = 300;
/** Draws of a chain that are held before they are written. */
const DRAWS_PER_BLOCK = 250;

/** The key that all randomness of a chain derives from. */
export const chainKey = (seed: number, chain: number): Key => fold(rootKey(seed), chain);

/** Runs a block. */
export async function runBlock(dir: string, options: BlockOptions): Promise<void> {
  const run = loadRun(dir);
  const data = loadData(run);
  const start = storedMembers(run, options.chains) ?? (await trainBlock(run, data, options));
  await sampleBlock(run, data, start, options);
}

/** The block's warm-started members where all of them are stored already: a run that samples from another's start. */
function storedMembers({ dir, network }: LoadedRun, chains: readonly number[]): Float64Array | undefined {
  const paths = chains.map((chain) => runPaths(dir).member(chain));
  if (!paths.every((path) => existsSync(path))) return undefined;
  const start = new Float64Array(chains.length * network.dim);
  paths.forEach((path, c) => {
    start.set(readTensors(path).tensors.theta.data as Float64Array, c * network.dim);
  });
  return start;
}

/** Trains the block's members, stores them, and returns their parameters `[C × d]`. */
async function trainBlock(
  { dir, spec, network }: LoadedRun,
  data: SplitData,
  { chains, stopped, onProgress }: BlockOptions,
): Promise<Float64Array> {
  const { warmStart: w, seed } = spec;
  const d = network.dim;
  const keys = chains.map((chain) => chainKey(seed, chain));
  const batches = batchStream(
    data.train,
    keys.map((key) => stream(key, 'train')),
    w.batchSize,
  );
  const flat = { priorScale: Number.POSITIVE_INFINITY, factor: batches.scale };
  const graph = await compile(posteriorGraph(network, chains.length, w.batchSize, flat));
  const validation = await validationLoss(network, data, chains.length);
  const { noise, decay } = parameterMasks(network, w.weightDecay);
  const start = new Float64Array(chains.length * d);
  keys.forEach((key, c) => {
    start.set(network.model.initial(stream(key, 'init')), c * d);
  });
  const report = progressReporter(chains, onProgress);
  const result = await warmStart(start, {
    logLikelihood: networkLogDensity(graph, d, flat),
    rows: data.train.y.length,
    batchAt: batches.at,
    batchSize: w.batchSize,
    validationLoss: validation.loss,
    learningRate: w.learningRate,
    decay,
    // The paper trains with σ = 1 and samples log σ from there.
    fixed: spec.sampler.mode === 'paper' ? noise : new Float64Array(d),
    schedule: w.schedule,
    epochs: w.epochs,
    patience: w.patience,
    onEpoch: (epoch, loss) => {
      report('warm start', epoch + 1, w.epochs, { value: loss });
      return stopped();
    },
  });
  await graph.release();
  await validation.release();
  chains.forEach((chain, c) => {
    writeTensors(runPaths(dir).member(chain), {
      tensors: { theta: { shape: [d], data: result.theta.slice(c * d, (c + 1) * d) } },
      metadata: { loss: String(result.loss[c]), epochs: String(result.epochs[c]) },
    });
  });
  return result.theta;
}

/** Mean negative log likelihood of every member on all validation rows. */
async function validationLoss(network: BayesianNetwork, { valid }: SplitData, chains: number) {
  const rows = valid.y.length;
  const graph = await compile(likelihoodGraph(network, chains, rows));
  const batch = {
    x: new Float32Array(chains * network.inputs * rows),
    y: new Float32Array(chains * network.likelihood.targets * rows),
  };
  const all = Int32Array.from({ length: rows }, (_, i) => i);
  const columns = featuresFirst(valid.x, network.inputs);
  for (let c = 0; c < chains; c++) gather(columns, valid.y, all, batch, c, network.likelihood.targets);
  return {
    async loss(theta: Float64Array): Promise<Float64Array> {
      const { logLikelihood } = await graph.run({ theta, ...batch });
      return Float64Array.from({ length: chains }, (_, c) => -sumOf(logLikelihood, c * rows, (c + 1) * rows) / rows);
    },
    release: graph.release,
  };
}

/** 1 at the noise parameters, and the weight decay, which spares them; both `[d]`. */
function parameterMasks(network: BayesianNetwork, weightDecay: number) {
  const noise = Float64Array.from(
    network.parameters.flatMap(({ name, shape }) => new Array(sizeOf(shape)).fill(name === LOG_SIGMA ? 1 : 0)),
  );
  return { noise, decay: noise.map((isNoise) => (isNoise ? 0 : weightDecay)) };
}

/** Warm-up and sampling of the block from `start` `[C × d]`; draws and summaries go to the run directory. */
async function sampleBlock(
  { dir, spec, network }: LoadedRun,
  data: SplitData,
  start: Float64Array,
  { chains, stopped, onProgress }: BlockOptions,
): Promise<void> {
  const s = spec.sampler;
  const d = network.dim;
  const paths = runPaths(dir);
  const keys = chains.map((chain) => chainKey(spec.seed, chain));
  const order = s.mode === 'paper' ? 'paper' : 'all';
  const batches = batchStream(
    data.train,
    keys.map((key) => stream(key, 'batch')),
    s.batchSize,
    order,
  );
  const scaling = { priorScale: spec.model.priorScale, factor: batches.scale };
  const graph = await compile(posteriorGraph(network, chains.length, s.batchSize, scaling));
  const density = networkLogDensity(graph, d, scaling);
  const sampler = samplerOf(spec);
  const state = sampler.init(start, keys);
  const writers = chains.map((chain) => drawWriter(paths.chain(chain), d, DRAWS_PER_BLOCK));
  const tallies = { 'warm-up': new Tally(chains.length), sampling: new Tally(chains.length) };
  const traces = chains.map(() => ({ step: [] as number[], stepSize: [] as number[], logDensity: [] as number[] }));
  const traceEvery = Math.max(1, Math.ceil((s.warmup + s.steps) / TRACE_POINTS));
  const report = progressReporter(chains, onProgress);
  const began = performance.now();
  let first: Float64Array | undefined;
  let last = start;
  let draws = 0;
  let gradients = 0;
  let t = 0;
  for (; t < s.warmup + s.steps && !stopped(); t++) {
    const phase = t < s.warmup ? 'warm-up' : 'sampling';
    if (t === s.warmup) sampler.endWarmup(state);
    const info = await stepAsync<typeof state, NetworkBatch>(sampler, state, density, batches.at(t), t);
    const tally = tallies[phase];
    tally.absorb(info);
    if (t % traceEvery === 0) {
      traces.forEach((trace, c) => {
        trace.step.push(t);
        trace.stepSize.push(info.stepSize[c]);
        trace.logDensity.push(info.logDensity[c]);
      });
    }
    gradients += info.gradients;
    const sampled = t - s.warmup;
    if (phase === 'sampling' && sampled % s.thin === 0 && !sampler.exploring?.(t)) {
      writers.forEach((writer, c) => {
        writer.add(state.theta, c * d, sampled);
      });
      draws++;
      last = state.theta;
      first ??= state.theta.slice();
    }
    const [step, total] = phase === 'sampling' ? [sampled + 1, s.steps] : [t + 1, s.warmup];
    const { resets, nonFinite } = tally;
    report(phase, step, total, { value: info.logDensity, stepSize: info.stepSize, resets, nonFinite });
  }
  for (const writer of writers) writer.flush();
  const finished = t === s.warmup + s.steps;
  chains.forEach((chain, c) => {
    const summary: ChainSummary = {
      chain,
      status: finished ? 'done' : 'stopped',
      draws,
      stepSize: state.stepSize[c],
      gradients,
      seconds: (performance.now() - began) / 1000,
      warmup: tallies['warm-up'].of(c, d),
      sampling: tallies.sampling.of(c, d),
      ...noiseOf(state, c, d),
      travelled: first ? Math.sqrt(squaredDistance(first, last, c * d, (c + 1) * d) / d) : 0,
    };
    const energyErrors = tallies.sampling.energyErrors(c);
    writeJson(paths.trace(chain), { ...traces[c], energyErrors } satisfies ChainTrace);
    writeJson(paths.summary(chain), summary);
  });
  await graph.release();
}

/** What chain c's state knows of its gradient noise; nothing where none was measured. */
function noiseOf(state: State, c: number, d: number): { noise?: NoiseSummary } {
  const samples = state.noiseSamples?.[c] ?? 0;
  if (samples === 0) return {};
  const raw = state.noiseVariance.subarray(c * d, (c + 1) * d);
  const whitened = state.multiplier ? raw.map((v, i) => v * state.multiplier[c * d + i] ** 2) : raw;
  const quantiles = (variance: Float64Array): [number, number, number] => {
    const sorted = effectiveTemperatures(variance, state.stepSize[c], state.decoherence[c]).sort((a, b) => a - b);
    const at = (p: number) => sorted[Math.min(d - 1, Math.floor(p * d))];
    return [at(0.05), at(0.5), at(0.95)];
  };
  const mean = (v: Float64Array) => sumOf(v, 0, d) / d;
  return {
    noise: {
      samples,
      variance: mean(raw),
      plain: quantiles(raw),
      sampled: quantiles(whitened),
      decoherence: noiseDecoherence(mean(whitened), state.stepSize[c], d),
    },
  };
}

function samplerOf({ sampler: { name, decoherence, steps, ...options } }: FitSpec) {
  return SAMPLERS[name]({
    ...options,
    stepSize: options.stepSize ?? usualStepSize(name),
    steps: options.warmup + steps,
    ...(decoherence !== 'none' && { decoherence }),
  });
}

type Numbers = ArrayLike<number>;

/** Sends progress at most four times a second, and always at the end of a phase. */
function progressReporter(chains: readonly number[], onProgress: (progress: BlockProgress) => void) {
  const zeros = chains.map(() => 0);
  let phaseOf: Phase | undefined;
  let began = 0;
  let sent = 0;
  return (
    phase: Phase,
    step: number,
    total: number,
    now: { value: Numbers; stepSize?: Numbers; resets?: Numbers; nonFinite?: Numbers },
  ) => {
    const time = performance.now();
    if (phase !== phaseOf) {
      phaseOf = phase;
      began = time;
    }
    if (time - sent < EVENT_INTERVAL && step < total) return;
    sent = time;
    onProgress({
      chains,
      phase,
      step,
      total,
      seconds: (time - began) / 1000,
      value: Array.from(now.value),
      stepSize: Array.from(now.stepSize ?? zeros),
      resets: Array.from(now.resets ?? zeros),
      nonFinite: Array.from(now.nonFinite ?? zeros),
    });
  };
}
