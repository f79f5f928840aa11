/**
 * The engine of many machines: puts chains on a BullMQ queue and watches the run directory until they are done. The queue is only a way
 * to wake workers; whatever it loses is put there again.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Job, Queue } from 'bullmq';
import { engineError } from '../errors.ts';
import type { BlockProgress } from '../run/events.ts';
import { loadRun } from '../run/load.ts';
import { cut, type Engine } from '../run/pool.ts';
import { isFinished } from '../run/settle.ts';
import { requestStop } from '../run/stop.ts';
import { sha256 } from '../store/files.ts';
import { type Manifest, runPaths } from '../store/rundir.ts';
import { type ChainJob, connect, QUEUE, queuePackages } from './redis.ts';

export interface QueueOptions {
  readonly redis: string;
  /** Where workers that do not see the run directory fetch and bring files. */
  readonly store?: ChainJob['store'];
  readonly onNote?: (message: string) => void;
}

/** Milliseconds between two looks at queue and directory. */
const LOOK_EVERY = 500;
/** Pieces per worker now connected: a worker that joins late finds one. */
const PIECES_PER_WORKER = 2;
/** Milliseconds to wait, after a stop was asked for, for workers that may be gone. */
const STOP_WAIT = 10_000;
/** Times that a block may fail before its chains are given up. */
const FAILURES = 3;
/** Seconds for which the queue keeps failures that no fit has looked at. */
const KEPT_FAILURES = 86_400;
const LIVE = ['waiting', 'active', 'delayed', 'prioritized'] as const;

/** A name for the run that outlives its being made longer. */
export const runId = ({ created, dataHash, source }: Manifest): string =>
  sha256(`${created} ${dataHash} ${source}`).slice(0, 16);

/** Aborting the signal asks for a durable stop, which workers on every machine see. */
export const queueEngine =
  ({ redis: url, store, onNote = () => {} }: QueueOptions): Engine =>
  async (dir, chains, { workers, signal, onProgress, checkpointSeconds }) => {
    const packages = await queuePackages();
    const connection = await connect(packages, url);
    const queue: Queue<ChainJob> = new packages.Queue(QUEUE, { connection });
    const loaded = loadRun(dir);
    const { configHash } = loaded.manifest;
    const run = runId(loaded.manifest);
    const mine = (job?: Job<ChainJob>) => job?.data.run === run && job.data.configHash === configHash;
    let stopSeen = 0;
    const failures = new Map<string, number>();
    const shown = new Map<string, number>();
    const stop = () => requestStop(dir);
    if (signal?.aborted) stop();
    signal?.addEventListener('abort', stop, { once: true });
    try {
      for (let first = true; ; first = false) {
        const live = (await queue.getJobs([...LIVE])).filter(mine);
        const unfinished = chains.filter((chain) => !isFinished(loaded, chain));
        if (unfinished.length === 0) return;
        const stopped = existsSync(runPaths(dir).stop);
        if (stopped) {
          stopSeen ||= performance.now();
          for (const job of live) await job.remove().catch(() => {});
          if (live.length === 0 || performance.now() - stopSeen > STOP_WAIT) return;
        } else {
          await countFailures((await queue.getFailed()).filter(mine), failures);
          const covered = new Set(live.flatMap(({ data }) => data.chains));
          const lost = unfinished.filter((chain) => !covered.has(chain));
          if (lost.length > 0) {
            const pieces = workers ?? PIECES_PER_WORKER * Math.max(1, await queue.getWorkersCount());
            if (!first) onNote(`chains ${lost.join(', ')}: not on the queue any more; put there again`);
            const jobs = cut(lost, pieces).map((piece) => ({
              run,
              configHash,
              dir: resolve(dir),
              chains: piece,
              checkpointSeconds,
              store,
            }));
            await queue.addBulk(
              jobs.map((data) => ({
                name: 'chains',
                data,
                opts: { removeOnComplete: true, removeOnFail: { age: KEPT_FAILURES } },
              })),
            );
          }
        }
        for (const job of live) show(job, shown, onProgress);
        await sleep(LOOK_EVERY);
      }
    } finally {
      signal?.removeEventListener('abort', stop);
      await queue.close();
      connection.disconnect();
    }
  };

/** Counts failed blocks, takes them off, and throws an `EngineError` with the reason where one failed too often. */
async function countFailures(failed: readonly Job<ChainJob>[], failures: Map<string, number>): Promise<void> {
  for (const job of failed) {
    const key = job.data.chains.join(', ');
    const count = (failures.get(key) ?? 0) + 1;
    failures.set(key, count);
    await job.remove();
    if (count >= FAILURES) {
      throw engineError(
        `chains ${key}: expected a worker to run them, got ${count} failures: ${job.failedReason} Mend the cause, then smile resume.`,
      );
    }
  }
}

/** Tells the latest progress of a job once. */
function show(
  { id = '', progress }: Job<ChainJob>,
  shown: Map<string, number>,
  onProgress: (block: BlockProgress) => void,
): void {
  if (typeof progress !== 'object') return;
  const { at, ...block } = progress as unknown as BlockProgress & { at: number };
  if (shown.get(id) === at) return;
  shown.set(id, at);
  onProgress(block);
}
