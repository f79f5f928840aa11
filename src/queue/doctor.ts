/** Whether Redis keeps what it is given: a queue set up as a cache loses jobs. */
import { connect, queuePackages } from './redis.ts';

export interface Check {
  readonly name: string;
  readonly fine: boolean;
  /** What was found, and what to do where it is not fine. */
  readonly finding: string;
}

/** BullMQ's least version. */
const LEAST_REDIS = [6, 2] as const;

/** Throws an `EngineError` where Redis or its packages are not there. */
export async function checkRedis(url: string): Promise<Check[]> {
  const connection = await connect(await queuePackages(), url);
  try {
    const version = /redis_version:(\S+)/.exec(await connection.info('server'))?.[1] ?? 'unknown';
    const [major, minor] = version.split('.').map(Number);
    const settings = (await connection.config('GET', 'appendonly', 'maxmemory-policy')) as string[];
    const setting = (name: string) => settings[settings.indexOf(name) + 1];
    const append = setting('appendonly');
    const policy = setting('maxmemory-policy');
    return [
      {
        name: 'Redis version',
        fine: major > LEAST_REDIS[0] || (major === LEAST_REDIS[0] && minor >= LEAST_REDIS[1]),
        finding: `${version}, needed ${LEAST_REDIS.join('.')} or later`,
      },
      {
        name: 'Redis persistence',
        fine: append === 'yes',
        finding:
          append === 'yes'
            ? 'appendonly yes: jobs survive a restart'
            : `appendonly ${append}: jobs go with a restart and are put on the queue again by the fit that waits for them. Set appendonly yes.`,
      },
      {
        name: 'Redis eviction',
        fine: policy === 'noeviction',
        finding:
          policy === 'noeviction'
            ? 'maxmemory-policy noeviction'
            : `maxmemory-policy ${policy}: jobs may be dropped when memory is short. Set maxmemory-policy noeviction.`,
      },
    ];
  } finally {
    connection.disconnect();
  }
}
