/** The optional packages of the queue, and what a job carries: pointers only. */
import type { Queue, Worker } from 'bullmq';
import type { Redis, RedisOptions } from 'ioredis';
import { engineError } from '../errors.ts';

export const QUEUE = 'smile';

/** Chains of a run to be worked on. The run directory is the truth; a job that is lost is only made again. */
export interface ChainJob {
  /** Which run of what configuration: a worker that finds another in `dir` refuses. */
  readonly run: string;
  readonly configHash: string;
  readonly dir: string;
  readonly chains: readonly number[];
  readonly checkpointSeconds?: number | undefined;
  /** Where a worker that does not see `dir` finds the files, and the word that opens the door. */
  readonly store?: { readonly url: string; readonly token: string } | undefined;
}

export interface QueuePackages {
  readonly Queue: typeof Queue;
  readonly Worker: typeof Worker;
  readonly Redis: new (url: string, options: RedisOptions) => Redis;
}

/** Throws an `EngineError` where the packages are not installed. */
export async function queuePackages(): Promise<QueuePackages> {
  try {
    const [{ Queue, Worker }, { Redis }] = await Promise.all([import('bullmq'), import('ioredis')]);
    return { Queue, Worker, Redis };
  } catch (cause) {
    throw engineError(
      '--engine bullmq: expected the packages bullmq and ioredis, got none. Run npm install bullmq ioredis.',
      {
        cause,
      },
    );
  }
}

/** A connection that waits for Redis to come back. Throws an `EngineError` for an address that is none or does not answer at first. */
export async function connect({ Redis }: QueuePackages, url: string): Promise<Redis> {
  if (!/^rediss?:\/\//.test(url)) {
    throw engineError(`--redis: expected an address such as redis://localhost:6379, got '${url}'. Correct it.`);
  }
  const redis = new Redis(url, { maxRetriesPerRequest: null, lazyConnect: true });
  let refusal = '';
  redis.on('error', ({ message }: Error) => {
    refusal = message;
  });
  try {
    await redis.connect();
  } catch (cause) {
    redis.disconnect();
    throw engineError(
      `--redis: expected Redis at ${url}, got ${refusal || (cause as Error).message}. Start it or correct the address.`,
      {
        cause,
      },
    );
  }
  return redis;
}
