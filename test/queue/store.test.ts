/** The run directory over HTTP: who may write what, and what a worker does when it may not. */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { drawsOf } from '../../bench/draws.ts';
import { runBlock } from '../../src/chains/block.ts';
import { fit, prepareRun } from '../../src/control/fit.ts';
import { demoCsv } from '../../src/data/demo.ts';
import { ownerOf } from '../../src/queue/files.ts';
import { runId } from '../../src/queue/job.ts';
import { mirrored } from '../../src/queue/mirror.ts';
import { storeNonce, storeToken } from '../../src/queue/secret.ts';
import type { Store } from '../../src/queue/store-client.ts';
import { type StoreServer, serveStore } from '../../src/queue/store-server.ts';
import type { FitConfig } from '../../src/spec/spec.ts';
import { claimChain } from '../../src/store/claim.ts';
import { readManifest, runPaths } from '../../src/store/rundir.ts';
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
const forever = { signal: new AbortController().signal };
const SECRET = 'a word that only the two of them know';

let out: string;
let server: StoreServer;
let store: Store;
let count = 0;
beforeEach(async () => {
  out = join(folder, `run-${count++}`);
  await prepareRun({ data, out, config });
  await server?.close();
  server = await serveStore(out, `http://127.0.0.1:${await freePort()}`, { secret: SECRET, idleSeconds: 1 });
  store = { url: server.url, token: tokenOf(out) };
});
afterAll(() => server.close());

/** The word for a run as it is configured now. */
function tokenOf(dir: string, secret = SECRET): string {
  const manifest = readManifest(dir);
  return storeToken(secret, { nonce: storeNonce(dir), run: runId(manifest), configHash: manifest.configHash });
}

const ask = (path: string, options: RequestInit & { headers?: Record<string, string> } = {}) =>
  fetch(`${store.url}/${path}`, {
    ...options,
    headers: { authorization: `Bearer ${store.token}`, ...options.headers },
  });
const put = (path: string, body: string, epoch: number, hash = createHash('sha256').update(body).digest('hex')) =>
  ask(`files/${path}`, { method: 'PUT', body, headers: { 'x-epoch': String(epoch), 'x-sha256': hash } });

/** The status of an answer to a request that no well-behaved client makes. */
const exchange = (options: { path: string; method?: string; headers: Record<string, string | number> }) =>
  new Promise<number>((done, fail) => {
    const { hostname, port } = new URL(store.url);
    const asking = request({ hostname, port, ...options }, (answer) => {
      asking.destroy();
      done(answer.statusCode ?? 0);
    });
    asking.on('error', fail).flushHeaders();
    if (options.method === undefined) asking.end();
  });

function raw(text: string) {
  const { hostname, port } = new URL(store.url);
  const socket: Socket = connect(Number(port), hostname);
  let heard = '';
  let over = false;
  socket
    .on('data', (data) => (heard += data))
    .on('close', () => (over = true))
    .on('error', () => {});
  socket.write(text);
  return { socket, said: () => heard, closed: () => over };
}

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
    expect((await fetch(`${store.url}/list?chains=0`)).status).toBe(401);
    writeFileSync(join(out, 'secret.txt'), 'x');
    expect(((await (await ask('list?chains=0')).json()) as string[]).sort()).toEqual(
      expect.arrayContaining(['config.yaml', 'data.safetensors', 'manifest.json', 'preprocessing.json']),
    );
    expect((await ask('files/secret.txt')).status).toBe(404);
    expect((await ask('files/..%2fdemo.csv')).status).toBe(404);
    expect((await ask('files/manifest.json')).status).toBe(200);
  });

  it('gives out claims to chains of the run, and no others', async () => {
    for (const path of ['claims/NaN', 'claims/3', 'claims/-1', 'claims/1.5', 'claims/', 'claims/..%2f..%2fvictim'])
      expect((await ask(path, { method: 'POST' })).status).toBe(404);
    expect(readdirSync(out)).not.toContain('chains');
    expect((await put('chains/3/summary.json', 'a', 0)).status).toBe(404);
    expect((await put('members/4.safetensors', 'a', 0)).status).toBe(404);
    for (const chains of ['', '0,x', '0,3']) expect((await ask(`list?chains=${chains}`)).status).toBe(400);
  });

  it('asks for the word before it looks at the address, and answers to every address', async () => {
    for (const authorization of [`Bearer ${store.token}`, 'Bearer x', '']) {
      const known = authorization === `Bearer ${store.token}`;
      for (const path of ['//', '/%zz', '/files/%', 'http://['])
        expect(await exchange({ path, headers: { authorization } })).toBe(known ? 400 : 401);
      expect(await exchange({ path: '/nowhere', headers: { authorization } })).toBe(known ? 404 : 401);
    }
  });

  it('takes no body of unknown or of any length', async () => {
    const headers = { authorization: `Bearer ${store.token}` };
    const path = '/files/chains/1/summary.json';
    expect(await exchange({ method: 'PUT', path, headers: { ...headers, 'transfer-encoding': 'chunked' } })).toBe(411);
    expect(await exchange({ method: 'PUT', path, headers: { ...headers, 'content-length': 2 ** 40 } })).toBe(413);
  });

  it('waits for an upload while it comes, for longer than for one that does not', async () => {
    const epoch = ((await (await ask('claims/1', { method: 'POST' })).json()) as { epoch: number }).epoch;
    const head = (length: number) =>
      `PUT /files/chains/1/summary.json HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${store.token}\r\nx-epoch: ${epoch}\r\n` +
      `x-sha256: ${createHash('sha256').update('abcde').digest('hex')}\r\ncontent-length: ${length}\r\n\r\n`;
    const slow = raw(head(5));
    const stuck = raw(head(5));
    for (const letter of 'abcde') {
      slow.socket.write(letter);
      await sleep(500);
    }
    await until(() => slow.said().includes('204'), 'the slow upload to be taken');
    await until(() => stuck.closed(), 'the stuck one to be cut');
    expect(readFileSync(join(out, 'chains/1/summary.json'), 'utf8')).toBe('abcde');
    slow.socket.destroy();
  });

  it('listens at the address it was given, and at all for a name', async () => {
    const at = async (url: string, listen?: string) => {
      const server = await serveStore(out, url, { listen });
      await server.close();
      return server.listens.replace(/:\d+$/, '');
    };
    const port = await freePort();
    expect(await at(`http://127.0.0.1:${port}`)).toBe('127.0.0.1');
    expect(await at(`http://localhost:${port}`)).toMatch(/^(127\.0\.0\.1|::1)$/);
    expect(await at(`http://some-host:${port}`)).toMatch(/^(::|0\.0\.0\.0)$/);
    expect(await at('https://some-host/run', `127.0.0.1:${port}`)).toBe('127.0.0.1');
    await expect(serveStore(out, 'queue-host')).rejects.toThrow(
      '--store: expected an address such as http://this-host:8480',
    );
  });

  it('says when its port is taken', async () => {
    await expect(serveStore(out, store.url)).rejects.toThrow('--store: expected to listen at 127.0.0.1, port');
  });

  it('knows whose a file is', () => {
    expect(ownerOf('chains/12/draws-000003.safetensors')).toBe(12);
    expect(ownerOf('chains/12/checkpoint-000001-000002.safetensors')).toBe(12);
    expect(ownerOf('chains/12/start-000001.safetensors')).toBe(12);
    expect(ownerOf('members/7.safetensors')).toBe(7);
    expect(ownerOf('posterior.zarr/sample_stats/step_size/c/3/0')).toBe(3);
    expect(ownerOf('posterior.zarr/sample_stats/step_size/zarr.json')).toBe('run');
    expect(ownerOf('chains/1/../../etc/passwd')).toBeUndefined();
  });
});

describe('a mirror', () => {
  const job = (stopped: () => boolean = () => false) => ({ chains: [0, 1, 2], stopped, onProgress: () => {} });
  const stop = (steps: number) => {
    let asked = 0;
    return () => ++asked > steps;
  };
  let whole: Record<string, string>;
  beforeAll(async () => {
    await fit({ data, out: join(folder, 'whole'), config, workers: 0 });
    whole = drawsOf(join(folder, 'whole'));
  });

  it('brings the draws home, and what was stopped goes on from there', async () => {
    await mirrored(store, [0, 1, 2], forever, (dir) => runBlock(dir, job(stop(2000))));
    expect(readdirSync(runPaths(out).chain(0)).filter((name) => name.startsWith('checkpoint')).length).toBeGreaterThan(
      0,
    );
    const asked: string[] = [];
    await mirrored(store, [0, 1, 2], forever, async (dir) => {
      asked.push(...readdirSync(runPaths(dir).chain(0)));
      await runBlock(dir, job());
    });
    expect(asked.some((name) => name.startsWith('checkpoint'))).toBe(true);
    expect(drawsOf(out)).toEqual(whole);
  });

  it('ends and brings nothing more once a chain is claimed by another', async () => {
    const working = mirrored(store, [0, 1, 2], forever, async (dir, signal) => {
      claimChain(runPaths(out).chain(1));
      await runBlock(dir, job());
      await until(() => signal.aborted, 'the mirror to end the work');
    });
    await expect(working).rejects.toThrow('a later claim');
    expect(existsSync(runPaths(out).member(1))).toBe(false);
    expect(existsSync(runPaths(out).summary(1))).toBe(false);
  });

  it('keeps its results until a fit that was started again takes them', async () => {
    const notes: string[] = [];
    const options = { ...forever, onNote: (said: string) => notes.push(said) };
    await mirrored(store, [1], options, async (dir) => {
      await runBlock(dir, { ...job(stop(20)), chains: [1] });
      await server.close();
      void until(() => notes.length > 0, 'the mirror to say that it waits').then(async () => {
        server = await serveStore(out, store.url, { secret: SECRET });
      });
    });
    expect(notes[0]).toContain('the results wait for the store');
    expect(readdirSync(runPaths(out).chain(1)).some((name) => name.startsWith('checkpoint'))).toBe(true);
  });

  it('does not go where a store sends it', async () => {
    const elsewhere = createServer((_, answer) => answer.writeHead(302, { location: `${store.url}/stop` }).end());
    await new Promise<void>((done) => elsewhere.listen(0, '127.0.0.1', done));
    const { port } = elsewhere.address() as { port: number };
    const far = { url: `http://127.0.0.1:${port}`, token: store.token };
    await expect(mirrored(far, [0], forever, async () => {})).rejects.toThrow('got 302');
    elsewhere.close();
  });

  it('says that a file broke off on its way', async () => {
    const answers: Record<string, string> = { '/claims/0': '{"epoch":1}', '/list?chains=0': '["manifest.json"]' };
    const broken = createServer((request, answer) => {
      const text = answers[request.url ?? ''];
      if (text) return answer.end(text);
      answer.writeHead(200, { 'content-length': 1000 }).write('{');
      setTimeout(() => answer.destroy(), 50);
    });
    await new Promise<void>((done) => broken.listen(0, '127.0.0.1', done));
    const { port } = broken.address() as { port: number };
    const far = { url: `http://127.0.0.1:${port}`, token: 'x' };
    await expect(mirrored(far, [0], forever, async () => {})).rejects.toThrow(
      /manifest\.json: expected the whole file/,
    );
    broken.close();
  });

  it('ends when the run was made anew', async () => {
    const stale = { ...store, token: 'of the fit before' };
    await expect(mirrored(stale, [0], forever, async () => {})).rejects.toMatchObject({ tag: 'TakenOver' });
  });

  it('says that the store is gone', async () => {
    await server.close();
    await expect(mirrored(store, [0], forever, async () => {})).rejects.toThrow('Is its fit running?');
  });
});
