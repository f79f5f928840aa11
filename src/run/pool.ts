/** The local engine: runs the chains of a run in worker threads, a block each. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { runBlock } from './block.ts';
import type { BlockProgress } from './events.ts';
import type { WorkerJob } from './worker.ts';

export interface PoolOptions {
  /** Worker threads; 0 runs in this thread. Default: as many as cores. */
  readonly workers?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress: (progress: BlockProgress) => void;
}

/** Runs chains 0 … count−1. Aborting the signal ends all blocks at their next step, with their draws stored. */
export async function runChains(dir: string, count: number, options: PoolOptions): Promise<void> {
  const { signal, onProgress } = options;
  const workers = options.workers ?? availableParallelism();
  const all = Array.from({ length: count }, (_, c) => c);
  if (workers === 0) {
    await runBlock(dir, { chains: all, stopped: () => signal?.aborted ?? false, onProgress });
    return;
  }
  const flag = new Int32Array(new SharedArrayBuffer(4));
  const stop = () => Atomics.store(flag, 0, 1);
  if (signal?.aborted) stop();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const jobs = cut(all, workers).map((chains) => {
      const job: WorkerJob = { dir, chains, stop: flag.buffer as SharedArrayBuffer };
      return runWorker(job, onProgress).catch((error: unknown) => {
        stop();
        throw error;
      });
    });
    const ended = await Promise.allSettled(jobs);
    const failure = ended.find((end) => end.status === 'rejected');
    if (failure) throw failure.reason;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/** Cuts a list into at most `parts` neighbouring pieces of nearly equal length. */
function cut<T>(list: readonly T[], parts: number): T[][] {
  const pieces = Math.min(parts, list.length);
  const edge = (i: number) => Math.round((i * list.length) / pieces);
  return Array.from({ length: pieces }, (_, i) => list.slice(edge(i), edge(i + 1)));
}

function runWorker(job: WorkerJob, onProgress: (progress: BlockProgress) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: job });
    worker.on('message', onProgress);
    worker.on('error', reject);
    worker.on('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`worker of chains ${job.chains.join(', ')} ended with code ${code}`));
    });
  });
}
