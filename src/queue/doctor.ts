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

/**
 * From INFO, which hosts that forbid CONFIG still answer; what it does not tell is not fine. Throws an `EngineError` where Redis or its
 * packages are not there.
 */
export async function checkRedis(url: string): Promise<Check[]> {
  const connection = await connect(await queuePackages(), url);
  try {
    const info = async (section: string, field: string): Promise<string | undefined> => {
      const text = await connection.info(section).catch(() => '');
      return new RegExp(`^${field}:([\\w.-]+)\\s*$`, 'm').exec(text)?.[1];
    };
    return [
      judged('Redis version', await info('server', 'redis_version'), (version) => {
        const [major, minor] = version.split('.').map(Number);
        const fine = major > LEAST_REDIS[0] || (major === LEAST_REDIS[0] && minor >= LEAST_REDIS[1]);
        return { fine, finding: `${version}, needed ${LEAST_REDIS.join('.')} or later` };
      }),
      judged('Redis persistence', await info('persistence', 'aof_enabled'), (append) =>
        append === '1'
          ? { fine: true, finding: 'appendonly yes: jobs survive a restart' }
          : {
              fine: false,
              finding:
                'appendonly no: jobs go with a restart and are put on the queue again by the fit that waits for them. Set appendonly yes.',
            },
      ),
      judged('Redis eviction', await info('memory', 'maxmemory_policy'), (policy) =>
        policy === 'noeviction'
          ? { fine: true, finding: 'maxmemory-policy noeviction' }
          : {
              fine: false,
              finding: `maxmemory-policy ${policy}: jobs may be dropped when memory is short. Set maxmemory-policy noeviction.`,
            },
      ),
    ];
  } finally {
    connection.disconnect();
  }
}

function judged(name: string, told: string | undefined, judge: (told: string) => Omit<Check, 'name'>): Check {
  if (told !== undefined) return { name, ...judge(told) };
  return { name, fine: false, finding: 'not told: this user may not ask INFO. Ask whoever runs it, or allow INFO.' };
}
