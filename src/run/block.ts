/**
 * A block of chains from start to end: warm start, warm-up, sampling. All it needs is in the run directory, all it makes goes there, and
 * it goes on from the checkpoints it finds.
 */
import { existsSync } from 'node:fs';
import { runPaths } from '../store/rundir.ts';
import { readTensors } from '../store/safetensors.ts';
import type { BlockOptions } from './block-options.ts';
import { type LoadedRun, loadData, loadRun, type SplitData } from './load.ts';
import { sampleBlock } from './sample-block.ts';
import { byStanding, readStandings } from './standing.ts';
import { stopWatch } from './stop.ts';
import { trainBlock } from './train-block.ts';

/**
 * Runs chains on from where they stand, until they are done or asked to stop, by the options or by `smile stop`. Chains at the same place
 * step together; a kill between two of their checkpoints leaves them at different places, and then one group follows the other.
 */
export async function runBlock(dir: string, asked: BlockOptions): Promise<void> {
  const run = loadRun(dir);
  const data = loadData(run);
  const stopRequested = stopWatch(dir);
  const options = { ...asked, stopped: () => asked.stopped() || stopRequested() };
  for (const chains of byStanding(run, asked.chains).values()) await runTogether(run, data, { ...options, chains });
}

async function runTogether(run: LoadedRun, data: SplitData, options: BlockOptions): Promise<void> {
  const { training, sampling } = readStandings(run, options.chains);
  const stored = training ? undefined : storedMembers(run, options.chains);
  const start = stored ?? (await trainBlock(run, data, options, training));
  if (start) await sampleBlock(run, data, start, options, sampling);
  else await sampleBlock(run, data, new Float64Array(options.chains.length * run.network.dim), options, undefined);
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
