/** Runs jobs of the benchmark in worker threads, one at a time each. */
import { startThread } from '../entries.ts';
import { type CellResult, type CellSpec, checkCell, runCell } from './cell.ts';
import type { WorkerMessage } from './worker.ts';

export interface CellPoolOptions {
  /** Worker threads; 0 runs in this thread. */
  readonly workers: number;
  readonly signal?: AbortSignal;
  /** Share of all the work done, and the cell that ended, if one did. */
  readonly onProgress: (share: number, ended?: CellResult) => void;
}

/** Results in the order of the specs; those not begun when the signal aborts are missing. */
export async function runCells(specs: readonly CellSpec[], options: CellPoolOptions): Promise<CellResult[]> {
  specs.forEach(checkCell);
  const { workers, signal, onProgress } = options;
  const shares = new Float64Array(specs.length);
  const results: (CellResult | undefined)[] = [];
  let next = 0;
  const told = (k: number, share: number, ended?: CellResult) => {
    shares[k] = share;
    onProgress(shares.reduce((sum, x) => sum + x, 0) / specs.length, ended);
  };
  const ended = (k: number, result: CellResult) => {
    results[k] = result;
    told(k, 1, result);
  };
  if (workers === 0) {
    specs.forEach((spec, k) => {
      if (!signal?.aborted)
        ended(
          k,
          runCell(spec, (share) => told(k, share)),
        );
    });
    return present(results);
  }
  await Promise.all(
    Array.from({ length: Math.min(workers, specs.length) }, async () => {
      while (next < specs.length && !signal?.aborted) {
        const k = next++;
        const result = await inWorker(specs[k], signal, (share) => told(k, share));
        if (result) ended(k, result);
      }
    }),
  );
  return present(results);
}

const present = (results: readonly (CellResult | undefined)[]) => results.filter((result) => result !== undefined);

/** One cell in a thread of its own; undefined where the signal ended it. */
function inWorker(
  spec: CellSpec,
  signal: AbortSignal | undefined,
  onShare: (share: number) => void,
): Promise<CellResult | undefined> {
  return new Promise((resolve, reject) => {
    const worker = startThread('bench-worker', { workerData: spec });
    let result: CellResult | undefined;
    const stop = () => void worker.terminate();
    signal?.addEventListener('abort', stop, { once: true });
    worker.on('message', (message: WorkerMessage) => {
      if (typeof message === 'number') onShare(message);
      else result = message;
    });
    worker.on('error', reject);
    worker.on('exit', () => {
      signal?.removeEventListener('abort', stop);
      if (result || signal?.aborted) resolve(result);
      else reject(new Error(`the worker of ${spec.method} on ${spec.target} ended without a result`));
    });
  });
}
