/** `smile worker`: a machine that runs chains of any fit on the queue. */
import { Command } from 'commander';
import { readSecret } from '../src/queue/secret.ts';
import { work } from '../src/queue/worker.ts';
import { redisUrl, SECRET_HELP } from './engine-options.ts';
import { interruption } from './interrupt.ts';
import { number } from './numbers.ts';

interface WorkerFlags {
  redis?: string;
  secretFile?: string;
  root?: string[];
  allowStore?: string[];
  concurrency?: number;
  lock?: number;
  quiet?: boolean;
}

const several = (text: string, before: string[] = []): string[] => [...before, text];

export function workerCommand(): Command {
  return new Command('worker')
    .description('Run chains of `smile fit --engine bullmq` on this machine, until Ctrl-C gives them back.')
    .option('--redis <url>', 'default: $REDIS_URL or redis://localhost:6379')
    .option('--secret-file <file>', SECRET_HELP)
    .option('--root <dir>', 'work in run directories below it; may be given again (default: this folder)', several)
    .option('--allow-store <url>', 'ask stores there, besides those of this machine; may be given again', several)
    .option('--concurrency <n>', 'blocks of chains at a time, a thread each (default: 1)', number)
    .option('--lock <seconds>', 'without a sign of life for so long, another worker takes over (default: 60)', number)
    .option('--quiet', 'say nothing')
    .addHelpText(
      'after',
      `
The worker needs to see the run directory under the path that the fit uses (a shared disk), or the fit serves it with
--store. It runs only what is signed with its secret. Kill it at any time: another worker goes on from the last
checkpoint. Give all workers the same --lock.

Examples:
  $ openssl rand -hex 32 > smile.secret
  $ smile worker --redis redis://queue-host:6379 --secret-file smile.secret --root /runs
  $ smile worker --redis redis://queue-host:6379 --secret-file smile.secret --allow-store http://fit-host:8480`,
    )
    .action(async ({ redis, secretFile, root, allowStore, concurrency, lock, quiet }: WorkerFlags) => {
      const signal = interruption();
      const url = redisUrl(redis);
      const onNote = (message: string) => void (quiet || console.error(message));
      const secret = readSecret(secretFile);
      await work({
        redis: url,
        secret,
        roots: root,
        stores: allowStore,
        concurrency,
        lockSeconds: lock,
        signal,
        onNote,
      });
    });
}
