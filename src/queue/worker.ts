/** A worker of the queue: takes blocks of chains and runs each in a thread, while this thread keeps the lock. */
import { once } from 'node:events';
import type { BlockProgress } from '../spec/records.ts';
import { sweepScratch } from '../store/scratch.ts';
import { shownAddress } from './address.ts';
import { checkAdmission } from './admission.ts';
import type { SignedJob } from './job.ts';
import { MIRROR } from './mirror.ts';
import { printable } from './printable.ts';
import { connect, QUEUE, queuePackages } from './redis.ts';
import { requireSecret } from './secret.ts';
import { takeJob } from './take.ts';

export interface WorkerOptions {
  readonly redis: string;
  /** What fit and workers share; needed where Redis or a store is not on this machine. */
  readonly secret?: string | undefined;
  /** Folders below which run directories may lie. Default: the working directory. */
  readonly roots?: readonly string[] | undefined;
  /** Addresses of stores that may be asked, besides those of this machine. */
  readonly stores?: readonly string[] | undefined;
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

/** Works until the signal. Throws a `SpecError` where a secret, root or address is missing, an `EngineError` where Redis or its packages are. */
export async function work(options: WorkerOptions): Promise<void> {
  const { redis: url, secret, concurrency = 1, lockSeconds = 60, signal } = options;
  const { roots = [process.cwd()], stores = [] } = options;
  checkAdmission({ roots, stores });
  requireSecret(secret, [url, ...stores]);
  sweepScratch(MIRROR);
  const onNote = (message: string) => options.onNote?.(printable(message));
  onNote(`connecting to ${shownAddress(url)}`);
  const packages = await queuePackages();
  const connection = await connect(packages, url);
  const running = new Map<string, AbortController>();
  const worker = new packages.Worker<SignedJob>(
    QUEUE,
    async (job) => {
      const { id = '', data } = job;
      const lost = new AbortController();
      running.set(id, lost);
      const onProgress = (block: BlockProgress) =>
        void job.updateProgress({ ...block, at: Date.now() }).catch(() => {});
      try {
        await takeJob(data, { secret, roots, stores, signal, lost: lost.signal, onProgress, onNote });
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
  onNote('waiting for chains');
  if (!signal.aborted) await once(signal, 'abort');
  await worker.close();
  connection.disconnect();
}
