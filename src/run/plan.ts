/** What a fit will cost, from a probe of two seconds: nothing is kept. */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { runPaths } from '../store/rundir.ts';
import { runBlock } from './block.ts';
import type { Phase } from './events.ts';
import { type FitOptions, prepareRun } from './fit.ts';
import { loadRun } from './load.ts';
import { allChains } from './pool.ts';

export interface Plan {
  /** d, of one chain. */
  readonly parameters: number;
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
  /** Bytes of one block's sampler, about. */
  readonly memory: number;
  /** Seconds of the warm start if no member stops early. */
  readonly warmStartSeconds: number;
  /** Seconds of warm-up and sampling. */
  readonly seconds: number;
}

/** Milliseconds of the two probes. */
const PROBES = { warmStart: 700, sampling: 1300 };
/** Arrays of the size of the parameters that a sampler and its room hold, about. */
const ARRAYS = 16;

/** Probes one block on this machine as it is now. Throws what `fit` throws. */
export async function plan({ workers = availableParallelism(), ...options }: Omit<FitOptions, 'out'>): Promise<Plan> {
  const folder = mkdtempSync(join(tmpdir(), 'smile-plan-'));
  try {
    const out = join(folder, 'run');
    const { chains, sampler, warmStart, storage } = await prepareRun({ ...options, out, workers });
    const d = loadRun(out).network.dim;
    const chainsPerBlock = Math.ceil(chains / Math.max(1, workers));
    const block = allChains(chainsPerBlock);
    const millisecondsPerEpoch = await probe(out, block, PROBES.warmStart);
    // The members are stored as far as they came; without checkpoints sampling begins.
    rmSync(runPaths(out).chains, { recursive: true });
    const millisecondsPerStep = await probe(out, block, PROBES.sampling);
    const draws = chains * Math.ceil(sampler.steps / sampler.thin);
    const bytesPerDraw = (storage.draws === 'float16' ? 2 : 4) * d;
    return {
      parameters: d,
      chains,
      workers,
      chainsPerBlock,
      millisecondsPerStep,
      bytesPerDraw,
      draws,
      disk: bytesPerDraw * draws,
      memory: 8 * d * chainsPerBlock * ARRAYS,
      warmStartSeconds: (warmStart.epochs * millisecondsPerEpoch) / 1000,
      seconds: ((sampler.warmup + sampler.steps) * millisecondsPerStep) / 1000,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Milliseconds of an epoch or a step of a block, of which it runs so many milliseconds' worth. */
async function probe(dir: string, chains: readonly number[], milliseconds: number): Promise<number> {
  const began = performance.now();
  let last: { phase: Phase; step: number; at: number } | undefined;
  let [units, spent] = [0, 0];
  await runBlock(dir, {
    chains,
    checkpointSeconds: Number.POSITIVE_INFINITY,
    stopped: () => last !== undefined && performance.now() - began > milliseconds,
    onProgress: ({ phase, step }) => {
      const at = performance.now();
      if (last?.phase === phase) {
        units += step - last.step;
        spent += at - last.at;
      }
      last = { phase, step, at };
    },
  });
  return units > 0 ? spent / units : ((last?.at ?? began) - began) / Math.max(1, last?.step ?? 1);
}
