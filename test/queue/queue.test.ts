/** Many machines: workers are killed, frozen, late; Redis is restarted and wiped; the draws are those of one undisturbed process. */
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { drawFiles, drawsOf } from '../../bench/draws.ts';
import { fit } from '../../src/control/fit.ts';
import { status } from '../../src/control/status.ts';
import { demoCsv } from '../../src/data/demo.ts';
import type { FitConfig } from '../../src/spec/spec.ts';
import { freePort, hasRedis, killAll, type Running, redisServer, smile, until } from './cluster.ts';

const LOCK = '2';
const folder = mkdtempSync(join(tmpdir(), 'smile-queue-'));
const data = join(folder, 'demo.csv');
const yaml = join(folder, 'fit.yaml');
const config: FitConfig = {
  model: { hidden: [8, 8], likelihood: 'gaussian-per-input' },
  warmStart: { epochs: 40 },
  sampler: { warmup: 1500, steps: 6000, thin: 10, batchSize: 64 },
  chains: 6,
  seed: 4,
};

const worker = (url: string): Running => smile(['worker', '--redis', url, '--lock', LOCK, '--root', folder]);
const fitOn = (url: string, out: string, ...more: string[]): Running =>
  smile(
    [
      'fit',
      data,
      '-c',
      yaml,
      '-o',
      out,
      '--engine',
      'bullmq',
      '--redis',
      url,
      '--workers',
      '3',
      '--checkpoint-every',
      '0.1',
      ...more,
    ],
    folder,
  );
const sampling = (out: string) => () => {
  try {
    return status(out).chains.some(({ phase, step }) => phase === 'sampling' && step > 2700);
  } catch {
    return false;
  }
};

let undisturbed: Record<string, string>;
const finished = async (run: Running, out: string) => {
  expect(await run.exit, run.said()).not.toBe(1);
  expect(status(out).status).toBe('done');
  expect(drawsOf(out)).toEqual(undisturbed);
};

describe.skipIf(!hasRedis)('chains on a queue', { timeout: 240_000 }, () => {
  beforeAll(async () => {
    writeFileSync(data, demoCsv(1, 300));
    writeFileSync(yaml, stringify(config));
    await fit({ data, out: join(folder, 'whole'), config, workers: 0 });
    undisturbed = drawsOf(join(folder, 'whole'));
    expect(drawFiles(join(folder, 'whole')).length).toBe(6 * 4);
  }, 60_000);
  afterEach(killAll);

  it('come out as in one process, though workers are killed and others join late', async () => {
    const { url } = await redisServer();
    const out = join(folder, 'killed');
    const victim = worker(url);
    const run = fitOn(url, out);
    await until(sampling(out), 'the first draws');
    const late = worker(url);
    await until(() => late.said().includes('begins'), 'the late worker to find work');
    victim.process.kill('SIGKILL');
    const second = worker(url);
    await finished(run, out);
    expect(`${late.said()}${second.said()}`.match(/begins/g)?.length).toBeGreaterThan(2);
  });

  it('are not written by a worker that was frozen for longer than its lock', async () => {
    const { url } = await redisServer();
    const out = join(folder, 'frozen');
    const sleeper = worker(url);
    const run = fitOn(url, out, '--workers', '1');
    await until(sampling(out), 'the first draws');
    sleeper.process.kill('SIGSTOP');
    const heir = worker(url);
    await until(() => heir.said().includes('begins'), 'another worker to take over');
    await sleep(500);
    sleeper.process.kill('SIGCONT');
    await until(() => /later claim|lock lost/.test(sleeper.said()), 'the sleeper to be refused');
    await finished(run, out);
    expect(heir.said()).toContain('ends');
  });

  it('outlive a restart of Redis', async () => {
    const redis = await redisServer();
    const out = join(folder, 'restarted');
    worker(redis.url);
    const run = fitOn(redis.url, out);
    await until(sampling(out), 'the first draws');
    redis.process.kill('SIGKILL');
    await redis.exit;
    await sleep(1500);
    await redis.restart();
    await finished(run, out);
  });

  it('outlive a Redis that forgets everything', async () => {
    const { url, command } = await redisServer();
    const out = join(folder, 'wiped');
    worker(url);
    const run = fitOn(url, out);
    await until(sampling(out), 'the first draws');
    command('flushall');
    await finished(run, out);
    expect(run.said()).toContain('put there again');
  });

  it('stop when another process says so, and go on without the queue', async () => {
    const { url } = await redisServer();
    const out = join(folder, 'cancelled');
    worker(url);
    const run = fitOn(url, out);
    await until(sampling(out), 'the first draws');
    expect(await smile(['stop', out]).exit).toBe(0);
    await run.exit;
    expect(status(out).status).toBe('stopped');
    await finished(smile(['resume', out]), out);
  });

  it('go on when the fit that waits for them is killed and resumed', async () => {
    const { url } = await redisServer();
    const out = join(folder, 'orphaned');
    worker(url);
    const run = fitOn(url, out);
    await until(sampling(out), 'the first draws');
    run.process.kill('SIGKILL');
    await run.exit;
    await finished(smile(['resume', out, '--engine', 'bullmq', '--redis', url]), out);
  });

  it('are kept by a Redis that the doctor finds fine, and not by a cache', async () => {
    const { url, command } = await redisServer();
    const doctor = async () => {
      const asked = smile(['doctor', '--redis', url]);
      return { code: await asked.exit, said: asked.said() };
    };
    const healthy = await doctor();
    expect(healthy.code).toBe(0);
    expect(healthy.said).toMatch(/fine {2}chosen convolutions: (in blocks of (8|16) channels|plain)/);
    command('config', 'set', 'appendonly', 'no');
    command('config', 'set', 'maxmemory-policy', 'allkeys-lru');
    const { code, said } = await doctor();
    expect(code).toBe(2);
    expect(said).toMatch(/NOT FINE {2}Redis persistence: appendonly no.*Set appendonly yes\./);
    expect(said).toMatch(/NOT FINE {2}Redis eviction: maxmemory-policy allkeys-lru.*Set maxmemory-policy noeviction\./);
  });

  it('travel over HTTP where a worker does not see the disk', async () => {
    const { url } = await redisServer();
    const store = `http://127.0.0.1:${await freePort()}`;
    const out = join(folder, 'far');
    const victim = worker(url);
    // A path that only processes with this working directory see.
    const run = fitOn(url, '/proc/self/cwd/far', '--store', store);
    await until(sampling(out), 'the first draws');
    victim.process.kill('SIGKILL');
    worker(url);
    await finished(run, out);
    expect(existsSync(join(out, 'stop'))).toBe(false);
  });
});

describe('the command', () => {
  it('says what is missing', async () => {
    const nowhere = smile(['worker', '--redis', `redis://127.0.0.1:${await freePort()}`]);
    expect(await nowhere.exit).toBe(1);
    expect(nowhere.said()).toMatch(/--redis: expected Redis at .*, got .*ECONNREFUSED/);
    const wrong = smile(['worker', '--redis', 'localhost']);
    expect(await wrong.exit).toBe(1);
    expect(wrong.said()).toContain("expected an address such as redis://localhost:6379, got 'localhost'");
    const lonely = smile(['fit', 'x.csv', '--store', 'http://localhost:1']);
    expect(await lonely.exit).toBe(1);
    expect(lonely.said()).toContain('--store: expected --engine bullmq beside it');
  });
});
