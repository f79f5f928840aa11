/** A worker of the queue: takes blocks of chains and runs each in a thread, while this thread keeps the lock. */
import { existsSync } from 'node:fs';
import type { Job } from 'bullmq';
import { engineError, SmileError } from '../errors.ts';
import type { BlockProgress } from '../run/events.ts';
import { runChains } from '../run/pool.ts';
import { openRun, runPaths } from '../store/rundir.ts';
import { runId } from './coordinator.ts';
import { mirrored } from './mirror.ts';
import { type ChainJob, connect, QUEUE, queuePackages } from './redis.ts';

export interface WorkerOptions {
  readonly redis: string;
  /** Blocks at a time. Default 1. */
  readonly concurrency?: number | undefined;
  /** Seconds without a sign of life after which another worker takes a block over. Default 60. */
  readonly lockSeconds?: number | undefined;
  /** Aborting it checkpoints the blocks, gives them back and ends. */
  readonly signal: AbortSignal;
  readonly onNote?: (message: string) => void;
}

/** A machine that sleeps is no reason to give a block up. */
const STALLS = 1_000_000;

/** Works until the signal. Throws an `EngineError` where Redis or its packages are not there. */
export async function work({
  redis: url,
  concurrency = 1,
  lockSeconds = 60,
  signal,
  onNote = () => {},
}: WorkerOptions) {
  const packages = await queuePackages();
  const connection = await connect(packages, url);
  const running = new Map<string, AbortController>();
  const worker = new packages.Worker<ChainJob>(
    QUEUE,
    async (job) => {
      const { id = '', data } = job;
      const stop = new AbortController();
      running.set(id, stop);
      const label = `chains ${data.chains.join(', ')} of ${data.dir}`;
      onNote(`${label}: begins`);
      try {
        await runJob(job, AbortSignal.any([stop.signal, signal]));
        onNote(
          `${label}: ${signal.aborted ? 'given back' : stop.signal.aborted ? 'lock lost, left where it stands' : 'ends'}`,
        );
      } catch (error) {
        onNote(`${label}: ${(error as Error).message}`);
        if (!(error instanceof SmileError && error.tag === 'TakenOver')) throw error;
      } finally {
        running.delete(id);
      }
    },
    {
      connection,
      concurrency,
      lockDuration: 1000 * lockSeconds,
      stalledInterval: 500 * lockSeconds,
      maxStalledCount: STALLS,
    },
  );
  worker.on('error', () => {});
  worker.on('lockRenewalFailed', (ids) => {
    for (const id of ids) running.get(id)?.abort();
  });
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  await worker.close();
  connection.disconnect();
}

async function runJob(job: Job<ChainJob>, signal: AbortSignal): Promise<void> {
  const { dir, chains, checkpointSeconds, store } = job.data;
  const onProgress = (block: BlockProgress) => void job.updateProgress({ ...block, at: Date.now() }).catch(() => {});
  const run = async (where: string, stop: AbortSignal) => {
    refuseOther(where, job.data);
    await runChains(where, chains, { workers: 1, signal: stop, checkpointSeconds, onProgress });
  };
  if (existsSync(runPaths(dir).manifest)) await run(dir, signal);
  else if (store) await mirrored(store, chains, signal, run);
  else {
    throw engineError(
      `${dir}: expected to see the run directory, got none. Share the disk, or start the run with --store.`,
    );
  }
}

/** Throws an `EngineError` where the directory holds another run than the job is of. */
function refuseOther(dir: string, { run, configHash }: ChainJob): void {
  const manifest = openRun(dir);
  if (runId(manifest) === run && manifest.configHash === configHash) return;
  throw engineError(`${dir}: expected the run of the job, got another. Nothing was written.`);
}
