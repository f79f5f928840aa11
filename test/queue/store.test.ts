/** The run directory over HTTP: who may write what, and what a worker does when it may not. */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { demoCsv } from '../../src/data/demo.ts';
import { ownerOf } from '../../src/queue/files.ts';
import { mirrored } from '../../src/queue/mirror.ts';
import { type StoreServer, serveStore } from '../../src/queue/store-server.ts';
import { runBlock } from '../../src/run/block.ts';
import { fit, prepareRun } from '../../src/run/fit.ts';
import type { FitConfig } from '../../src/run/spec.ts';
import { claimChain } from '../../src/store/claim.ts';
import { runPaths } from '../../src/store/rundir.ts';
import { drawsOf } from '../draws.ts';
import { freePort, until } from './cluster.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-http-'));
const data = join(folder, 'demo.csv');
writeFileSync(data, demoCsv(1, 200));
const config: FitConfig = {
  model: { hidden: [4] },
  warmStart: { epochs: 5 },
  sampler: { warmup: 500, steps: 3000, thin: 10, batchSize: 32 },
  chains: 3,
};
const forever = new AbortController().signal;

let out: string;
let server: StoreServer;
let count = 0;
beforeEach(async () => {
  out = join(folder, `run-${count++}`);
  await prepareRun({ data, out, config });
  await server?.close();
  server = await serveStore(out, `http://127.0.0.1:${await freePort()}`);
});
afterAll(() => server.close());

const ask = (path: string, options: RequestInit & { headers?: Record<string, string> } = {}) =>
  fetch(`${server.store.url}/${path}`, {
    ...options,
    headers: { authorization: `Bearer ${server.store.token}`, ...options.headers },
  });
const put = (path: string, body: string, epoch: number, hash = createHash('sha256').update(body).digest('hex')) =>
  ask(`files/${path}`, { method: 'PUT', body, headers: { 'x-epoch': String(epoch), 'x-sha256': hash } });

describe('the store', () => {
  it('takes a file under the last epoch only, whole, and of a chain', async () => {
    const path = 'chains/1/summary.json';
    const claim = async () => ((await (await ask('claims/1', { method: 'POST' })).json()) as { epoch: number }).epoch;
    const [early, late] = [await claim(), await claim()];
    const refused = await put(path, 'a', early);
    expect(refused.status).toBe(409);
    expect(await refused.text()).toContain('a later claim (epoch 2)');
    expect((await put(path, 'a', late, 'f00')).status).toBe(400);
    expect(existsSync(join(out, path))).toBe(false);
    expect((await put(path, 'a', late)).status).toBe(204);
    expect(readFileSync(join(out, path), 'utf8')).toBe('a');
    expect(readdirSync(runPaths(out).chain(1)).sort()).toEqual(['claim-000002', 'summary.json']);
    for (const foreign of [
      'config.yaml',
      'chains/1/notes',
      'chains/1/..%2f..%2fmanifest.json',
      'members/x.safetensors',
    ])
      expect((await put(foreign, 'a', late)).status).toBe(404);
  });

  it('opens to nobody without the word, and shows nothing but the run', async () => {
    expect((await fetch(`${server.store.url}/list?chains=0`)).status).toBe(401);
    writeFileSync(join(out, 'secret.txt'), 'x');
    expect(((await (await ask('list?chains=0')).json()) as string[]).sort()).toEqual(
      expect.arrayContaining(['config.yaml', 'data.safetensors', 'manifest.json', 'preprocessing.json']),
    );
    expect((await ask('files/secret.txt')).status).toBe(404);
    expect((await ask('files/..%2fdemo.csv')).status).toBe(404);
    expect((await ask('files/manifest.json')).status).toBe(200);
  });

  it('says when its port is taken', async () => {
    await expect(serveStore(out, server.store.url)).rejects.toThrow('--store: expected to listen on port');
  });

  it('knows whose a file is', () => {
    expect(ownerOf('chains/12/draws-000003.safetensors')).toBe(12);
    expect(ownerOf('chains/12/checkpoint-000001-000002.safetensors')).toBe(12);
    expect(ownerOf('members/7.safetensors')).toBe(7);
    expect(ownerOf('posterior.zarr/sample_stats/step_size/c/3/0')).toBe(3);
    expect(ownerOf('posterior.zarr/sample_stats/step_size/zarr.json')).toBe('run');
    expect(ownerOf('chains/1/../../etc/passwd')).toBeUndefined();
  });
});

describe('a mirror', () => {
  const job = (stopped: () => boolean = () => false) => ({ chains: [0, 1, 2], stopped, onProgress: () => {} });
  let whole: Record<string, string>;
  beforeAll(async () => {
    await fit({ data, out: join(folder, 'whole'), config, workers: 0 });
    whole = drawsOf(join(folder, 'whole'));
  });

  it('brings the draws home, and what was stopped goes on from there', async () => {
    const stop = (steps: number) => {
      let asked = 0;
      return () => ++asked > steps;
    };
    await mirrored(server.store, [0, 1, 2], forever, (dir) => runBlock(dir, job(stop(2000))));
    expect(readdirSync(runPaths(out).chain(0)).filter((name) => name.startsWith('checkpoint')).length).toBeGreaterThan(
      0,
    );
    const asked: string[] = [];
    await mirrored(server.store, [0, 1, 2], forever, async (dir) => {
      asked.push(...readdirSync(runPaths(dir).chain(0)));
      await runBlock(dir, job());
    });
    expect(asked.some((name) => name.startsWith('checkpoint'))).toBe(true);
    expect(drawsOf(out)).toEqual(whole);
  });

  it('ends and brings nothing more once a chain is claimed by another', async () => {
    const working = mirrored(server.store, [0, 1, 2], forever, async (dir, signal) => {
      claimChain(runPaths(out).chain(1));
      await runBlock(dir, job());
      await until(() => signal.aborted, 'the mirror to end the work');
    });
    await expect(working).rejects.toThrow('a later claim');
    expect(existsSync(runPaths(out).member(1))).toBe(false);
    expect(existsSync(runPaths(out).summary(1))).toBe(false);
  });

  it('ends when the fit was started again', async () => {
    const stale = { ...server.store, token: 'of the fit before' };
    await expect(mirrored(stale, [0], forever, async () => {})).rejects.toMatchObject({ tag: 'TakenOver' });
  });

  it('says that the store is gone', async () => {
    await server.close();
    await expect(mirrored(server.store, [0], forever, async () => {})).rejects.toThrow('Is its fit running?');
  });
});
