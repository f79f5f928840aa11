/** The flags that say what runs the chains. */
import { type Command, Option } from 'commander';
import type { Engine } from '../src/control/pool.ts';
import { specError } from '../src/errors.ts';
import { queueEngine } from '../src/queue/coordinator.ts';
import { readSecret, requireSecret } from '../src/queue/secret.ts';
import { serveStore } from '../src/queue/store-server.ts';

export interface EngineFlags {
  engine?: 'local' | 'bullmq';
  redis?: string;
  store?: string;
  storeListen?: string;
  secretFile?: string;
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
    .option('--store <url>', 'serve the run directory there, for workers that do not see it, as http://this-host:8480')
    .option('--store-listen <host:port>', 'listen there instead, for a proxy that answers at --store')
    .option('--secret-file <file>', SECRET_HELP);
}

export const SECRET_HELP =
  'what fit and workers share, so that nobody else can give work (default: $SMILE_SECRET; needed beyond this machine)';

export const redisUrl = (flag?: string): string => flag ?? process.env.REDIS_URL ?? 'redis://localhost:6379';

/** Has `work` use the engine asked for; undefined stands for the local one. */
export async function withEngine<T>(
  { engine, redis, store, storeListen, secretFile }: EngineFlags,
  dir: string,
  onNote: (message: string) => void,
  work: (engine: Engine | undefined) => Promise<T>,
): Promise<T> {
  if (engine !== 'bullmq') {
    const flags = { '--store': store, '--redis': redis, '--store-listen': storeListen, '--secret-file': secretFile };
    const [flag] = Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [name]));
    if (flag) throw specError(`${flag}: expected --engine bullmq beside it, got none. Add it.`);
    return work(undefined);
  }
  const url = redisUrl(redis);
  const secret = readSecret(secretFile);
  requireSecret(secret, store === undefined ? [url] : [url, store]);
  const server = store === undefined ? undefined : await serveStore(dir, store, { secret, listen: storeListen });
  if (server) onNote(`the run directory is served at ${server.url}, from ${server.listens}`);
  try {
    return await work(queueEngine({ redis: url, secret, store: server?.url, onNote }));
  } finally {
    await server?.close();
  }
}
