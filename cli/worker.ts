/** `smile worker`: a machine that runs chains of any fit on the queue. */
import { Command } from 'commander';
import { work } from '../src/queue/worker.ts';
import { redisUrl } from './engine-options.ts';
import { number } from './fit-options.ts';
import { interruption } from './interrupt.ts';

interface WorkerFlags {
  redis?: string;
  concurrency?: number;
  lock?: number;
  quiet?: boolean;
}

export function workerCommand(): Command {
  return new Command('worker')
    .description('Run chains of `smile fit --engine bullmq` on this machine, until Ctrl-C gives them back.')
    .option('--redis <url>', 'default: $REDIS_URL or redis://localhost:6379')
    .option('--concurrency <n>', 'blocks of chains at a time, a thread each (default: 1)', number)
    .option('--lock <seconds>', 'without a sign of life for so long, another worker takes over (default: 60)', number)
    .option('--quiet', 'say nothing')
    .addHelpText(
      'after',
      `
The worker needs to see the run directory under the path that the fit uses (a shared disk), or the fit serves it with
--store. Kill it at any time: another worker goes on from the last checkpoint. Give all workers the same --lock.

Examples:
  $ smile worker --redis redis://queue-host:6379
  $ smile fit houses.csv --engine bullmq --redis redis://queue-host:6379 --store http://this-host:8480`,
    )
    .action(async ({ redis, concurrency, lock, quiet }: WorkerFlags) => {
      const signal = interruption();
      const url = redisUrl(redis);
      const onNote = (message: string) => void (quiet || console.error(message));
      onNote(`waiting for chains on ${url.replace(/:[^:@/]*@/, ':…@')}`);
      await work({ redis: url, concurrency, lockSeconds: lock, signal, onNote });
    });
}
