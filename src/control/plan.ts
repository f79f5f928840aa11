/** What a fit will cost, from a probe of two seconds: nothing is kept. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { runBlock } from '../chains/block.ts';
import { drawsPerFile } from '../chains/posterior-store.ts';
import { loadRun } from '../spec/loaded-run.ts';
import { allChains, type Phase } from '../spec/records.ts';
import { workersOf } from '../spec/workers.ts';
import { readMember, writeMember } from '../store/member.ts';
import { runPaths } from '../store/rundir.ts';
import { scratchFolder, sweepScratch } from '../store/scratch.ts';
import { type FitOptions, prepareRun } from './fit.ts';
import { mostRepairs } from './repairs.ts';

export interface Plan {
  /** d, of one chain. */
  readonly parameters: number;
  /** As asked for, or as chosen on validation rows. */
  readonly likelihood: string;
  /** Seconds before the chains: reading the table, choosing the likelihood. */
  readonly preparationSeconds: number;
  readonly chains: number;
  readonly workers: number;
  /** Chains that step together in a worker. */
  readonly chainsPerBlock: number;
  /** Milliseconds of a step of a whole block. */
  readonly millisecondsPerStep: number;
  readonly bytesPerDraw: number;
  readonly draws: number;
  /** Bytes of all draws on disk. */
  readonly disk: number;
  /** Bytes of the checkpoints on disk, two of each chain, and of the draws held beside them, about. */
  readonly checkpoints: number;
  /** Bytes of one block's sampler, and of the draws that its writers hold, about. */
  readonly memory: number;
  /** Seconds of the warm start: as it was where it ended within the probe, else as if no member would stop early. */
  readonly warmStartSeconds: number;
  /** Seconds of warm-up and sampling, without repairs. */
  readonly seconds: number;
  /** Chains that repairs may begin again, at most: each takes the steps of its warm-up and sampling once more. */
  readonly repairs: number;
}

/** Milliseconds of the two probes. */
const PROBES = { warmStart: 700, sampling: 1300 };
/** Arrays of the size of the parameters that a sampler and its room hold, and that a checkpoint does, about. */
const ARRAYS = 16;
const VECTORS = 8;

/** What the temporary folder of a plan is for, in its name. */
const PLAN = 'plan';

/** Probes one block on this machine as it is now. Throws what `fit` throws. */
export async function plan(options: Omit<FitOptions, 'out'>): Promise<Plan> {
  sweepScratch(PLAN);
  const folder = scratchFolder(PLAN);
  try {
    const out = join(folder, 'run');
    const began = performance.now();
    const spec = await prepareRun({ ...options, out });
    const preparationSeconds = (performance.now() - began) / 1000;
    const { chains, sampler, warmStart, storage } = spec;
    const workers = workersOf(spec, options.workers);
    const d = loadRun(out).network.dim;
    const chainsPerBlock = Math.ceil(chains / Math.max(1, workers));
    const block = allChains(chainsPerBlock);
    const warmStartSeconds = await probeWarmStart(out, block, warmStart.epochs);
    // The members are stored as far as they came; as if that were their end, and without checkpoints, sampling begins.
    for (const chain of block) {
      const path = runPaths(out).member(chain);
      writeMember(path, { ...readMember(path, d), unfinished: false }, () => {});
    }
    rmSync(runPaths(out).chains, { recursive: true });
    const millisecondsPerStep = await probeSampling(out, block);
    const fileBytes = 4 * d * drawsPerFile({ dim: d });
    const draws = chains * Math.ceil(sampler.steps / sampler.thin);
    const bytesPerDraw = (storage.draws === 'float16' ? 2 : 4) * d;
    return {
      parameters: d,
      likelihood: spec.model.likelihood,
      preparationSeconds,
      chains,
      workers,
      chainsPerBlock,
      millisecondsPerStep,
      bytesPerDraw,
      draws,
      disk: bytesPerDraw * draws,
      checkpoints: chains * (2 * 8 * d * VECTORS + fileBytes),
      memory: chainsPerBlock * (8 * d * ARRAYS + fileBytes),
      warmStartSeconds,
      seconds: ((sampler.warmup + sampler.steps) * millisecondsPerStep) / 1000,
      repairs: mostRepairs(spec),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Seconds that a block's members train. */
async function probeWarmStart(dir: string, chains: readonly number[], epochs: number): Promise<number> {
  const began = performance.now();
  let [perEpoch, ended] = [Number.NaN, Number.NaN];
  await runBlock(dir, {
    chains,
    checkpointSeconds: Number.POSITIVE_INFINITY,
    stopped: () => performance.now() - began > PROBES.warmStart || ended > 0,
    onProgress: ({ phase, step, first, seconds }) => {
      if (phase !== 'warm start') ended ||= performance.now();
      else perEpoch = step > first ? seconds / (step - first) : (performance.now() - began) / 1000 / step;
    },
  });
  return ended ? (ended - began) / 1000 : perEpoch * epochs;
}

/** Milliseconds of a step of a block. */
async function probeSampling(dir: string, chains: readonly number[]): Promise<number> {
  let last: { phase: Phase; step: number; at: number } | undefined;
  let [steps, spent] = [0, 0];
  await runBlock(dir, {
    chains,
    checkpointSeconds: Number.POSITIVE_INFINITY,
    stopped: () => spent > PROBES.sampling,
    onProgress: ({ phase, step }) => {
      const at = performance.now();
      if (last?.phase === phase) {
        steps += step - last.step;
        spent += at - last.at;
      }
      last = { phase, step, at };
    },
  });
  return spent / Math.max(1, steps);
}
