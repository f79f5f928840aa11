/** The optional packages of the queue, and the way to Redis. */
import type { Queue, Worker } from 'bullmq';
import type { Redis, RedisOptions } from 'ioredis';
import { engineError } from '../errors.ts';
import { shownAddress, withoutSecrets } from './address.ts';

export const QUEUE = 'smile';

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
  const shown = shownAddress(url);
  if (!/^rediss?:\/\//.test(url)) {
    throw engineError(`--redis: expected an address such as redis://localhost:6379, got '${shown}'. Correct it.`);
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
    const reason = withoutSecrets(url, refusal || (cause as Error).message);
    throw engineError(`--redis: expected Redis at ${shown}, got ${reason}. Start it or correct the address.`);
  }
  return redis;
}
