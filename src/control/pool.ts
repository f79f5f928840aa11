/** The local engine: runs the chains of a run in worker threads, a block each; and what every engine is. */
import { availableParallelism } from 'node:os';
import { runBlock } from '../chains/block.ts';
import { startThread } from '../entries.ts';
import { revived } from '../errors.ts';
import { readEncoded } from '../spec/loaded-run.ts';
import type { BlockProgress } from '../spec/records.ts';
import type { WorkerJob } from './worker.ts';

export interface EngineOptions {
  /** Groups to cut the chains into; each is run by one worker. */
  readonly workers?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress: (progress: BlockProgress) => void;
  readonly checkpointSeconds?: number | undefined;
}

/**
 * Runs chains on from where they stand, neighbours of the list together in a block. Aborting the signal ends all blocks at their next
 * step, with checkpoints and draws stored.
 */
export type Engine = (dir: string, chains: readonly number[], options: EngineOptions) => Promise<void>;

/**
 * In as many worker threads as there are `workers`, by default a thread per core; 0 runs in this thread. The threads have the run's data in
 * the same memory.
 */
export const runChains: Engine = async (
  dir,
  chains,
  { signal, onProgress, checkpointSeconds, workers = availableParallelism() },
) => {
  if (workers === 0) {
    return runBlock(dir, { chains, stopped: () => signal?.aborted ?? false, onProgress, checkpointSeconds });
  }
  const stopFlag = new SharedArrayBuffer(4);
  const shared = { stop: stopFlag, encoded: readEncoded(dir) };
  const flag = new Int32Array(stopFlag);
  const stop = () => Atomics.store(flag, 0, 1);
  if (signal?.aborted) stop();
  signal?.addEventListener('abort', stop, { once: true });
  const guarded = (block: number[]) =>
    runWorker({ dir, chains: block, checkpointSeconds, ...shared }, onProgress).catch((error: unknown) => {
      stop();
      throw error;
    });
  try {
    const ended = await Promise.allSettled(cut(chains, workers).map(guarded));
    const failure = ended.find((end) => end.status === 'rejected');
    if (failure) throw failure.reason;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
};

/** Cuts a list into at most `parts` neighbouring groups of nearly equal length. */
export function cut<T>(list: readonly T[], parts: number): T[][] {
  const groups = Math.min(parts, list.length);
  const edge = (i: number) => Math.round((i * list.length) / groups);
  return Array.from({ length: groups }, (_, i) => list.slice(edge(i), edge(i + 1)));
}

function runWorker(job: WorkerJob, onProgress: (progress: BlockProgress) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = startThread('worker', { workerData: job });
    worker.on('message', onProgress);
    worker.on('error', (error: Error) => reject(revived(error)));
    worker.on('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`worker of chains ${job.chains.join(', ')} ended with code ${code}`));
    });
  });
}
