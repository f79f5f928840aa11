/** How a block of chains steps: with the sampler's vectors on the host, or on the device of its graphs. */
import { residence } from '../engine/resident.ts';
import { specError } from '../errors.ts';
import { type NetworkBatch, SEPARATE } from '../models/posterior.ts';
import { residentNetwork } from '../models/resident.ts';
import { stepAsync } from '../samplers/drive.ts';
import type { NoiseShare } from '../samplers/noise-meter.ts';
import { SAMPLERS, type SamplerOptions, usualStepSize } from '../samplers/registry.ts';
import { residentSmile, SMILE_NAMES, type SmileName } from '../samplers/smile.ts';
import { blockDensity, compiling } from '../spec/compute.ts';
import type { LoadedRun } from '../spec/loaded-run.ts';
import { describePrior, isotropicScale, runPrior } from '../spec/prior.ts';
import type { NoiseSummary } from '../spec/records.ts';
import type { FitSpec } from '../spec/spec.ts';
import type { Info, Key, State, TensorData } from '../types.ts';
import { partOf, standingState } from './checkpoint.ts';
import type { SamplingStanding } from './checkpointed.ts';
import { noiseOf } from './noise-summary.ts';

export interface Stepping {
  /** The sampler's numbers of each chain `[C]`, and its vectors where they are here. */
  readonly state: State;
  step(batch: NetworkBatch, t: number): Promise<Info>;
  endWarmup(): void;
  /** Whether step t belongs to an exploring phase, whose positions are not draws. */
  exploring(t: number): boolean;
  /** θ of all chains `[C × d]`, to be read before the next step. */
  positions(): Promise<Float64Array>;
  /** All that chain c needs to go on to the bit. */
  standing(c: number): Promise<Record<string, TensorData>>;
  /** What chain c measured of its gradient noise. */
  noise(c: number): Promise<{ noise?: NoiseSummary }>;
  release(): Promise<void>;
}

export interface SteppingBlock {
  readonly keys: readonly Key[];
  /** Rows of a batch. */
  readonly rows: number;
  /** Factor of the batch's log likelihood, N/|b|. */
  readonly factor: number;
  /** How the batches of two steps are related. */
  readonly noiseShare: NoiseShare;
}

/** Whether the run's chains stay on the device. */
export function onDevice({ compute, sampler, model }: OfStepping, dim: number): boolean {
  if (compute.stepping !== 'auto') return compute.stepping === 'device';
  return compute.device !== 'cpu' && dim >= SEPARATE && canStay(sampler) && isotropicScale(model) !== undefined;
}

type OfStepping = Pick<FitSpec, 'compute' | 'sampler' | 'model'>;

const canStay = ({ name, mode, decoherence, biasBound }: FitSpec['sampler']) =>
  SMILE_NAMES.includes(name as SmileName) && mode === 'sound' && decoherence === 'none' && biasBound === undefined;

/** Throws a `SpecError` for a sampler or a prior that is to step on the device and cannot. */
export function checkStepping({ compute, sampler, model }: OfStepping): void {
  if (compute.stepping !== 'device') return;
  if (!canStay(sampler)) {
    const { name, mode, decoherence } = sampler;
    throw specError(
      `compute.stepping: expected ${SMILE_NAMES.join(', ')} in sound mode without decoherence for steps on the device, got ` +
        `${name} in ${mode} mode, decoherence ${decoherence}. Leave it out, or choose another sampler.`,
    );
  }
  if (isotropicScale(model) === undefined) {
    throw specError(
      `compute.stepping: expected a normal prior around zero for steps on the device, got ${describePrior(model)}. ` +
        'Leave it out, or choose another prior.',
    );
  }
}

/** Steps chains from `start` `[C × d]`, or on from `standing`, one per chain. */
export const stepping = (
  run: LoadedRun,
  block: SteppingBlock,
  start: Float64Array,
  standing: readonly SamplingStanding[] | undefined,
): Promise<Stepping> =>
  (onDevice(run.spec, run.network.dim) ? deviceStepping : hostStepping)(run, block, start, standing);

type MakeStepping = typeof stepping;

const hostStepping: MakeStepping = async (run, { keys, rows, factor, noiseShare }, start, standing) => {
  const chains = keys.length;
  const scaling = { prior: runPrior(run.spec.model, run.network.parameters), factor };
  const sampler = SAMPLERS[run.spec.sampler.name]({ ...optionsOf(run.spec), noiseShare });
  const state = standingState(
    { init: () => sampler.init(start, keys), endWarmup: (fresh) => sampler.endWarmup(fresh) },
    standing,
    run.spec.sampler.warmup,
  );
  const { density, release } = await blockDensity(run, { chains, rows }, scaling);
  return {
    state,
    step: (batch, t) => stepAsync<State, NetworkBatch>(sampler, state, density, batch, t),
    endWarmup: () => sampler.endWarmup(state),
    exploring: (t) => sampler.exploring?.(t) ?? false,
    positions: async () => state.theta,
    standing: async (c) => partOf(state, c, chains),
    noise: async (c) => noiseOf(state, c, run.network.dim),
    release,
  };
};

const deviceStepping: MakeStepping = async ({ network, spec }, { keys, rows, factor, noiseShare }, start, standing) => {
  const { dim } = network;
  const scaling = { factor, priorScale: isotropicScale(spec.model)! };
  const sampler = residentSmile(spec.sampler.name as SmileName, { ...optionsOf(spec), noiseShare });
  const { preconditioned } = sampler;
  const state = standingState(
    { init: () => sampler.init(keys, dim), endWarmup: sampler.endWarmup },
    standing,
    spec.sampler.warmup,
  );
  const where = residence(compiling(spec));
  const graphs = await residentNetwork(network, where, { rows, scaling, preconditioned });
  const block = keys.map(() => graphs.chain());
  for (const [c, chain] of block.entries()) {
    if (standing) await chain.write(standing[c].state);
    else await sampler.start(state, c, chain, start.subarray(c * dim, (c + 1) * dim));
  }
  const share = (all: Float32Array, c: number) =>
    all.subarray((c * all.length) / keys.length, ((c + 1) * all.length) / keys.length);
  return {
    state,
    step: ({ x, y }, t) => sampler.step(state, block, (c) => ({ x: share(x, c), y: share(y, c) }), t),
    endWarmup: () => sampler.endWarmup(state),
    exploring: () => false,
    async positions() {
      const theta = new Float64Array(keys.length * dim);
      for (const [c, chain] of block.entries()) theta.set(await chain.position(), c * dim);
      return theta;
    },
    standing: async (c) => ({ ...partOf(state, c, keys.length), ...(await block[c].read()) }),
    async noise(c) {
      if (state.noiseSamples[c] === 0) return {};
      const { noise, multiplier } = await block[c].read();
      const vectors = { noiseVariance: noise, ...(multiplier && { multiplier }) };
      const wide = Object.entries(vectors).map(([name, values]) => [name, Float64Array.from(values)]);
      return noiseOf({ ...partOf(state, c, keys.length), ...Object.fromEntries(wide) }, 0, dim);
    },
    async release() {
      for (const chain of block) await chain.release();
      await graphs.release();
      await where.release();
    },
  };
};

/** The sampler's options, without those that were left to it. */
function optionsOf({ sampler: { name, decoherence, steps, ...options } }: FitSpec): SamplerOptions {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return {
    ...Object.fromEntries(given),
    stepSize: options.stepSize ?? usualStepSize(name),
    steps: options.warmup + steps,
    ...(decoherence !== 'none' && { decoherence }),
  };
}
