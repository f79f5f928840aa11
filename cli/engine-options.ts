/** The flags that say what runs the chains. */
import { type Command, Option } from 'commander';
import { specError } from '../src/errors.ts';
import { queueEngine } from '../src/queue/coordinator.ts';
import { serveStore } from '../src/queue/store-server.ts';
import type { Engine } from '../src/run/pool.ts';

export interface EngineFlags {
  engine?: 'local' | 'bullmq';
  redis?: string;
  store?: string;
}

export function withEngineOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--engine <name>', 'local: threads of this process (default); bullmq: workers anywhere').choices([
        'local',
        'bullmq',
      ]),
    )
    .option('--redis <url>', 'Redis of the bullmq engine (default: $REDIS_URL or redis://localhost:6379)')
    .option('--store <url>', 'serve the run directory there, for workers that do not see it, as http://this-host:8480');
}

export const redisUrl = (flag?: string): string => flag ?? process.env.REDIS_URL ?? 'redis://localhost:6379';

/** Has `work` use the engine asked for; undefined stands for the local one. */
export async function withEngine<T>(
  { engine, redis, store }: EngineFlags,
  dir: string,
  onNote: (message: string) => void,
  work: (engine: Engine | undefined) => Promise<T>,
): Promise<T> {
  if (engine !== 'bullmq') {
    const flag = store ? '--store' : redis ? '--redis' : undefined;
    if (flag) throw specError(`${flag}: expected --engine bullmq beside it, got none. Add it.`);
    return work(undefined);
  }
  const server = store === undefined ? undefined : await serveStore(dir, store);
  try {
    return await work(queueEngine({ redis: redisUrl(redis), store: server?.store, onNote }));
  } finally {
    await server?.close();
  }
}
