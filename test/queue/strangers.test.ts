/** A queue that others can write to, on real servers: forged jobs, ways in that need a password or a certificate, early ends. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Queue } from 'bullmq';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prepareRun } from '../../src/control/fit.ts';
import { demoCsv } from '../../src/data/demo.ts';
import { checkRedis } from '../../src/queue/doctor.ts';
import { type ChainJob, runId } from '../../src/queue/job.ts';
import { QUEUE } from '../../src/queue/redis.ts';
import { readManifest } from '../../src/store/rundir.ts';
import { freePort, hasRedis, killAll, redisServer, smile, until } from './cluster.ts';

const SECRET = { SMILE_SECRET: 'a word that only the two of them know' };
const folder = mkdtempSync(join(tmpdir(), 'smile-strangers-'));
const data = join(folder, 'demo.csv');
const run = join(folder, 'run');
const quick = ['--chains', '2', '--warmup', '20', '--steps', '20', '--thin', '5', '--epochs', '1', '--hidden', '2'];
const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

describe.skipIf(!hasRedis)('a queue that strangers can write to', { timeout: 120_000 }, () => {
  let redis: Awaited<ReturnType<typeof redisServer>>;
  beforeAll(async () => {
    writeFileSync(data, demoCsv(1, 60));
    const config = { model: { hidden: [2] }, sampler: { warmup: 20, steps: 20, thin: 5 }, chains: 2 };
    await prepareRun({ data, out: run, config });
    redis = await redisServer();
  });
  afterAll(killAll);

  it('has no worker ask a stranger’s store, nor write beside a run', async () => {
    const asked: string[] = [];
    const store: Server = createServer((request, answer) => {
      asked.push(request.url ?? '');
      answer.writeHead(200).end('{"epoch":1}');
    });
    await new Promise<void>((done) => store.listen(0, '127.0.0.1', done));
    const { port } = store.address() as { port: number };
    const victim = join(folder, 'victim', 'c');
    mkdirSync(victim, { recursive: true });
    writeFileSync(join(victim, 'draws-000001.safetensors'), 'precious');
    const { configHash, ...manifest } = readManifest(run);
    const forged = {
      run: runId({ configHash, ...manifest }),
      configHash,
      dir: run,
      chains: [0],
      signature: 'f'.repeat(64),
    };
    const queue = new Queue(QUEUE, { connection: { url: redis.url } });
    await queue.addBulk(
      [
        {
          ...forged,
          dir: `/nowhere\u001b]0;mine\u0007`,
          store: { url: `http://127.0.0.1:${port}`, token: 'a'.repeat(48) },
        },
        { ...forged, dir: '/nowhere', store: { url: `http://127.0.0.1:${port}`, nonce: 'a'.repeat(48) } },
        { ...forged, chains: ['../../victim/c'] as unknown as ChainJob['chains'] },
        forged,
      ].map((job) => ({ name: 'chains', data: job })),
    );
    const worker = smile(['worker', '--redis', redis.url], folder, SECRET);
    await until(() => (worker.said().match(/a job: /g)?.length ?? 0) === 4, 'the worker to refuse all');
    expect(asked).toEqual([]);
    expect(readdirSync(victim)).toEqual(['draws-000001.safetensors']);
    expect(readdirSync(run)).not.toContain('chains');
    expect(worker.said()).not.toContain('\u001b');
    worker.process.kill('SIGINT');
    expect(await worker.exit).toBe(0);
    store.close();
    await queue.obliterate({ force: true });
    await queue.close();
  });

  it('runs what is signed, and tells a fit whose secret is another', async () => {
    const file = join(folder, 'word');
    writeFileSync(file, SECRET.SMILE_SECRET);
    const worker = smile(['worker', '--redis', redis.url, '--root', folder, '--secret-file', file]);
    const fitted = (out: string, env: Record<string, string>) =>
      smile(['fit', data, '-o', join(folder, out), '--engine', 'bullmq', '--redis', redis.url, ...quick], folder, env);
    const stranger = fitted('stranger', { SMILE_SECRET: 'a word of somebody else altogether' });
    expect(await stranger.exit).toBe(1);
    expect(stranger.said()).toMatch(/got 3 failures: job: expected one signed.*same --secret-file/);
    const friend = fitted('friend', SECRET);
    expect(await friend.exit, friend.said()).not.toBe(1);
    expect(friend.said()).toContain('verdict');
    worker.process.kill('SIGINT');
    await worker.exit;
  });

  it('may deny what the doctor does not need, and no password is told', async () => {
    redis.command('acl', 'setuser', 'plain', 'on', '>secret-word', '~*', '&*', '+@all', '-config');
    const at = (password: string) => redis.url.replace('//', `//plain:${password}@`);
    const checks = await checkRedis(at('secret-word'));
    expect(checks.map(({ name, fine }) => [name, fine])).toEqual([
      ['Redis version', true],
      ['Redis persistence', true],
      ['Redis eviction', true],
    ]);
    const refused = smile(['worker', '--redis', at('wrong-word')]);
    const nowhere = smile(['worker', '--redis', `redis://plain:wrong-word@127.0.0.1:${await freePort()}`]);
    expect([await refused.exit, await nowhere.exit]).toEqual([1, 1]);
    expect(refused.said()).toContain('WRONGPASS');
    expect(nowhere.said()).toContain('ECONNREFUSED');
    for (const { said } of [refused, nowhere]) expect(said()).not.toMatch(/secret-word|wrong-word/);
  });

  it('lets a worker go that is stopped as soon as it came, and a fit that no worker took', async () => {
    const worker = smile(['worker', '--redis', redis.url]);
    await until(() => worker.said().includes('connecting'), 'the worker to come');
    worker.process.kill('SIGINT');
    const out = join(folder, 'lonely');
    const fit = smile(['fit', data, '-o', out, '--engine', 'bullmq', '--redis', redis.url, ...quick]);
    await until(() => fit.said().includes('results in'), 'the fit to wait');
    fit.process.kill('SIGINT');
    expect([await worker.exit, await fit.exit], fit.said()).toEqual([0, 1]);
    expect(fit.said()).toContain('no chain has begun');
    expect(readManifest(out).status).toBe('stopped');
    const resumed = smile(['resume', out]);
    expect(await resumed.exit, resumed.said()).not.toBe(1);
    expect(readManifest(out).status).toBe('done');
  });

  it.skipIf(!hasOpenssl)('is reached over TLS by those who have its certificate', async () => {
    const file = (name: string) => join(folder, name);
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', file('key.pem')];
    spawnSync('openssl', ['req', '-x509', ...key, '-out', file('ca.pem'), '-days', '2', ...subject]);
    const port = await freePort();
    const tls = ['--tls-port', String(port), '--tls-cert-file', file('ca.pem'), '--tls-key-file', file('key.pem')];
    await redisServer(undefined, undefined, [...tls, '--tls-auth-clients', 'no']);
    const url = `rediss://localhost:${port}`;
    const stranger = smile(['worker', '--redis', url]);
    expect(await stranger.exit).toBe(1);
    expect(stranger.said()).toMatch(/self-signed certificate/);
    const friend = smile(['worker', '--redis', url], undefined, { NODE_EXTRA_CA_CERTS: file('ca.pem') });
    await until(() => friend.said().includes('waiting for chains'), 'the friend to be let in');
    friend.process.kill('SIGINT');
    expect(await friend.exit, friend.said()).toBe(0);
  });
});
