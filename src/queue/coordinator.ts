/**
 * The engine of many machines: puts chains on a BullMQ queue and watches the run directory until they are done. The queue is only a way
 * to wake workers; whatever it loses is put there again, and what others put there is not looked at.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Job, Queue } from 'bullmq';
import { isFinished } from '../chains/goal.ts';
import { requestStop } from '../chains/stop.ts';
import { cut, type Engine } from '../control/pool.ts';
import { loadRun } from '../spec/loaded-run.ts';
import type { BlockProgress } from '../spec/records.ts';
import { runPaths } from '../store/rundir.ts';
import { failureCounts } from './failures.ts';
import { type ChainJob, readJob, runId, type SignedJob, signed } from './job.ts';
import { connect, QUEUE, queuePackages } from './redis.ts';
import { storeNonce } from './secret.ts';
import { readProgress } from './told.ts';

export interface QueueOptions {
  readonly redis: string;
  /** What fit and workers share. */
  readonly secret?: string | undefined;
  /** Where workers that do not see the run directory fetch and bring files. */
  readonly store?: string | undefined;
  readonly onNote?: (message: string) => void;
}

/** Milliseconds between two looks at queue and directory. */
const LOOK_EVERY = 500;
/** Groups of chains per worker now connected: a worker that joins late finds one. */
const GROUPS_PER_WORKER = 2;
/** Milliseconds to wait, after a stop was asked for, for workers that may be gone. */
const STOP_WAIT = 10_000;
/** Seconds for which the queue keeps failures that no fit has looked at. */
const KEPT_FAILURES = 86_400;
const LIVE = ['waiting', 'active', 'delayed', 'prioritized'] as const;

/** A job on the queue and what it says, where it is ours. */
interface OwnJob {
  readonly job: Job<SignedJob>;
  readonly said: ChainJob;
}

/** Aborting the signal asks for a durable stop, which workers on every machine see. */
export const queueEngine =
  ({ redis: url, secret, store, onNote = () => {} }: QueueOptions): Engine =>
  async (dir, chains, { workers, signal, onProgress, checkpointSeconds }) => {
    const packages = await queuePackages();
    const connection = await connect(packages, url);
    const queue: Queue<SignedJob> = new packages.Queue(QUEUE, { connection });
    const loaded = loadRun(dir);
    const { configHash } = loaded.manifest;
    const run = runId(loaded.manifest);
    const place = store === undefined ? undefined : { url: store, nonce: storeNonce(dir) };
    const own = (job?: Job<SignedJob>): OwnJob[] => {
      try {
        const said = readJob(job?.data, secret);
        return job && said.run === run && said.configHash === configHash ? [{ job, said }] : [];
      } catch {
        return [];
      }
    };
    let stopSeen = 0;
    const failures = failureCounts();
    const shown = new Map<string, number>();
    const stop = () => requestStop(dir);
    if (signal?.aborted) stop();
    signal?.addEventListener('abort', stop, { once: true });
    try {
      for (let first = true; ; first = false) {
        const live = (await queue.getJobs([...LIVE])).flatMap(own);
        const unfinished = chains.filter((chain) => !isFinished(loaded, chain));
        if (unfinished.length === 0) return;
        const stopped = existsSync(runPaths(dir).stop);
        if (stopped) {
          stopSeen ||= performance.now();
          for (const { job } of live) await job.remove().catch(() => {});
          if (live.length === 0 || performance.now() - stopSeen > STOP_WAIT) return;
        } else {
          for (const { job, said } of (await queue.getFailed()).flatMap(own)) {
            await job.remove();
            failures.count(said.chains, job.failedReason);
          }
          const covered = new Set(live.flatMap(({ said }) => said.chains));
          const lost = unfinished.filter((chain) => !covered.has(chain));
          if (lost.length > 0) {
            const groups = workers ?? GROUPS_PER_WORKER * Math.max(1, await workerCount(queue));
            if (!first) onNote(`chains ${lost.join(', ')}: not on the queue any more; put there again`);
            const jobs = cut(lost, groups).map((group) =>
              signed({ run, configHash, dir: resolve(dir), chains: group, checkpointSeconds, store: place }, secret),
            );
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

/** A Redis that tells nobody who is connected counts as one worker. */
const workerCount = (queue: Queue): Promise<number> => queue.getWorkersCount().catch(() => 1);

/** Tells the latest progress of a job once. */
function show({ job, said }: OwnJob, shown: Map<string, number>, onProgress: (block: BlockProgress) => void): void {
  const told = readProgress(job.progress, said.chains);
  const { id = '' } = job;
  if (!told || shown.get(id) === told.at) return;
  shown.set(id, told.at);
  onProgress(told.block);
}
