/** What a fit will cost, from a probe of two seconds: nothing is kept. */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { stream } from '../math/threefry.ts';
import { runPaths } from '../store/rundir.ts';
import { writeTensors } from '../store/safetensors.ts';
import { runBlock } from './block.ts';
import { chainKey } from './block-options.ts';
import { type FitOptions, prepareRun } from './fit.ts';
import { type LoadedRun, loadRun } from './load.ts';

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
  /** Seconds of warm-up and sampling; the warm start comes before. */
  readonly seconds: number;
}

/** Milliseconds of the probe. */
const PROBE = 2000;
/** Arrays of the size of the parameters that a sampler and its room hold, about. */
const ARRAYS = 16;

/** Probes one block on this machine as it is now. Throws what `fit` throws. */
export async function plan({ workers = availableParallelism(), ...options }: Omit<FitOptions, 'out'>): Promise<Plan> {
  const folder = mkdtempSync(join(tmpdir(), 'smile-plan-'));
  try {
    const { chains, sampler } = await prepareRun({ ...options, out: join(folder, 'run'), workers });
    const run = loadRun(join(folder, 'run'));
    const d = run.network.dim;
    const chainsPerBlock = Math.ceil(chains / Math.max(1, workers));
    storeUntrained(run, chainsPerBlock);
    const millisecondsPerStep = await probe(run.dir, chainsPerBlock);
    const draws = chains * Math.ceil(sampler.steps / sampler.thin);
    return {
      parameters: d,
      chains,
      workers,
      chainsPerBlock,
      millisecondsPerStep,
      bytesPerDraw: 4 * d,
      draws,
      disk: 4 * d * draws,
      memory: 8 * d * chainsPerBlock * ARRAYS,
      seconds: ((sampler.warmup + sampler.steps) * millisecondsPerStep) / 1000,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Members as they start, so that the probe need not train them. */
function storeUntrained({ dir, network, spec }: LoadedRun, count: number): void {
  for (let chain = 0; chain < count; chain++) {
    const theta = network.model.initial(stream(chainKey(spec.seed, chain), 'init'));
    const whole = new Float64Array(network.dim);
    whole.set(theta);
    writeTensors(runPaths(dir).member(chain), {
      tensors: { theta: { shape: [network.dim], data: whole } },
      metadata: {},
    });
  }
}

/** Milliseconds of a step, from a block that is stopped after its two seconds of sampling. */
async function probe(dir: string, chains: number): Promise<number> {
  let began: number | undefined;
  let first = 0;
  let last = 0;
  let steps = 0;
  let ended = 0;
  await runBlock(dir, {
    chains: Array.from({ length: chains }, (_, c) => c),
    checkpointSeconds: Number.POSITIVE_INFINITY,
    stopped: () => began !== undefined && performance.now() - began > PROBE,
    onProgress: ({ step }) => {
      const now = performance.now();
      if (began === undefined) {
        began = now;
        first = step;
      }
      last = step;
      steps = last - first;
      ended = now;
    },
  });
  return (ended - (began ?? 0)) / Math.max(1, steps);
}
