/** Who may have a worker do what: signatures, roots, stores, and networks that refer to files. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { prepareRun } from '../../src/control/fit.ts';
import { demoCsv } from '../../src/data/demo.ts';
import { decodeModel, encodeModel, storedNumbers } from '../../src/graph/index.ts';
import { isLoopback, shownAddress, withoutSecrets } from '../../src/queue/address.ts';
import { checkAdmission, placeOf } from '../../src/queue/admission.ts';
import { failureCounts } from '../../src/queue/failures.ts';
import { type ChainJob, readJob, runId, signed } from '../../src/queue/job.ts';
import { printable } from '../../src/queue/printable.ts';
import { readSecret, requireSecret } from '../../src/queue/secret.ts';
import { type TakeOptions, takeJob } from '../../src/queue/take.ts';
import { readProgress } from '../../src/queue/told.ts';
import { loadRun } from '../../src/spec/loaded-run.ts';
import { sha256, writeJson } from '../../src/store/files.ts';
import { readManifest, runPaths } from '../../src/store/rundir.ts';
import { scratchFolder, sweepScratch } from '../../src/store/scratch.ts';

const SECRET = 'a word that only the two of them know';
const folder = mkdtempSync(join(tmpdir(), 'smile-trust-'));
const run = join(folder, 'runs', 'run');
let job: ChainJob;
beforeAll(async () => {
  writeFileSync(join(folder, 'demo.csv'), demoCsv(1, 100));
  const config = {
    model: { hidden: [2] },
    warmStart: { epochs: 1 },
    sampler: { warmup: 5, steps: 10, thin: 5 },
    chains: 2,
  };
  await prepareRun({ data: join(folder, 'demo.csv'), out: run, config });
  const manifest = readManifest(run);
  job = { run: runId(manifest), configHash: manifest.configHash, dir: run, chains: [1] };
});

describe('a job', () => {
  it('is read as it was signed, by those who know the secret', () => {
    const sealed = signed(job, SECRET);
    expect(readJob(JSON.parse(JSON.stringify(sealed)), SECRET)).toEqual(job);
    expect(() => readJob(sealed, 'another word, as long as it')).toThrow(/expected one signed.*same --secret-file/);
    expect(() => readJob({ ...sealed, chains: [0] }, SECRET)).toThrow('another signature');
    expect(() => readJob(job, undefined)).toThrow('another signature');
    expect(readJob(signed(job, undefined), undefined)).toEqual(job);
  });

  it('has the fields it has, of their kinds', () => {
    const wrong: unknown[] = [
      null,
      'job',
      { ...job, chains: ['../../victim/c'] },
      { ...job, chains: [-1] },
      { ...job, chains: [0.5] },
      { ...job, chains: [] },
      { ...job, more: 1 },
      { ...job, run: '../x' },
      { ...job, store: { url: 'file:///etc/passwd', nonce: 'a'.repeat(48) } },
      { ...job, store: { url: 'http://127.0.0.1:1', token: 'x' } },
    ];
    for (const data of wrong)
      expect(() => readJob(data, SECRET)).toThrow(/job: expected one of smile fit.*Nothing was done/);
  });
});

describe('a worker', () => {
  const notes: string[] = [];
  const take = (data: ChainJob, more: Partial<TakeOptions> = {}, secret = SECRET) =>
    takeJob(signed(data, secret), {
      secret: SECRET,
      roots: [join(folder, 'runs')],
      stores: [],
      signal: AbortSignal.abort(),
      lost: new AbortController().signal,
      onProgress: () => {},
      onNote: (note) => notes.push(note),
      ...more,
    });
  const untouched = () => expect(readdirSync(run)).not.toContain('chains');

  it('does nothing for a job of others, nor for chains that the run has not', async () => {
    await expect(take(job, {}, 'somebody else’s long word')).rejects.toThrow('another signature');
    await expect(take({ ...job, chains: [2] })).rejects.toThrow('got another. Nothing was written');
    await expect(take({ ...job, run: '0'.repeat(16) })).rejects.toThrow('got another. Nothing was written');
    untouched();
  });

  it('stays below its roots, links followed', async () => {
    mkdirSync(join(folder, 'root'));
    const roots = [join(folder, 'root')];
    await expect(take(job, { roots })).rejects.toThrow(
      /expected a run directory below .*root, got one elsewhere.*--root/,
    );
    symlinkSync(run, join(folder, 'root', 'link'));
    await expect(take({ ...job, dir: join(folder, 'root', 'link') }, { roots })).rejects.toThrow('got one elsewhere');
    await expect(take({ ...job, dir: join(folder, 'nowhere') })).rejects.toThrow('expected to see the run directory');
    untouched();
    symlinkSync(join(folder, 'runs'), join(folder, 'way'));
    expect(placeOf(job, { roots: [join(folder, 'way')], stores: [] })).toBe('directory');
  });

  it('is told of roots and addresses that are none before it begins', () => {
    const stores = ['http://fit-host:8480'];
    expect(() => checkAdmission({ roots: [join(folder, 'nowhere')], stores })).toThrow(/--root: expected a folder/);
    expect(() => checkAdmission({ roots: [folder], stores: ['fit-host:8480'] })).toThrow(
      /--allow-store: expected an address/,
    );
    checkAdmission({ roots: [folder], stores });
  });

  it('asks the stores it was given', async () => {
    const far = {
      ...job,
      dir: join(folder, 'nowhere'),
      store: { url: 'http://192.0.2.1:8480', nonce: 'a'.repeat(48) },
    };
    await expect(take(far)).rejects.toThrow(
      /expected a store that this worker may ask.*--allow-store http:\/\/192\.0\.2\.1:8480/,
    );
    await expect(take(far, { stores: ['http://192.0.2.1:8481'] })).rejects.toThrow('may ask');
    const near = { ...far, store: { ...far.store, url: 'http://127.0.0.1:1' } };
    await expect(take(near)).rejects.toThrow('expected the store of the run to answer');
  });
});

it('a network that is stored in a run reads no file beside it, nor elsewhere', async () => {
  const out = join(folder, 'network');
  const data = Array.from({ length: 60 }, (_, i) => ({ a: i % 7, b: i % 5, c: i % 3, d: i % 4, e: i % 2, y: i }));
  const network = 'test/fixtures/onnx/mlp.onnx';
  await prepareRun({ data, out, config: { model: { network }, chains: 1 } });
  const model = decodeModel(readFileSync(runPaths(out).network));
  const [tensor, ...others] = model.graph.initializer;
  const numbers = storedNumbers('a', tensor, () => new Uint8Array());
  writeFileSync(join(folder, 'secret.bin'), Float32Array.from(numbers));
  const { rawData: _raw, floatData: _float, ...facts } = tensor as typeof tensor & { floatData?: unknown };
  const location = { key: 'location', value: join(folder, 'secret.bin') };
  const outside = { ...facts, dataLocation: 1, externalData: [location] };
  const bytes = encodeModel({ ...model, graph: { ...model.graph, initializer: [outside, ...others] } });
  writeFileSync(runPaths(out).network, bytes);
  const { sha256: _hash, ...manifest } = JSON.parse(readFileSync(runPaths(out).manifest, 'utf8'));
  writeJson(runPaths(out).manifest, { ...manifest, networkHash: sha256(bytes) });
  expect(() => loadRun(out)).toThrow(/got a reference to .*secret\.bin/);
});

describe('the secret', () => {
  it('is long, and needed for what leaves this machine', () => {
    writeFileSync(join(folder, 'word'), `${SECRET}\n`);
    expect(readSecret(join(folder, 'word'))).toBe(SECRET);
    expect(readSecret(undefined, SECRET)).toBe(SECRET);
    expect(readSecret(undefined, undefined)).toBeUndefined();
    expect(() => readSecret(undefined, 'short')).toThrow(
      'SMILE_SECRET: expected a secret of 16 characters or more, got 5',
    );
    expect(() => requireSecret(undefined, ['redis://127.0.0.1:6379', 'http://10.0.0.1:1'])).toThrow(
      'http://10.0.0.1:1: expected --secret-file, or SMILE_SECRET',
    );
    requireSecret(undefined, ['redis://localhost', 'rediss://[::1]:1', 'http://127.8.8.8:1']);
    requireSecret(SECRET, ['redis://queue-host']);
  });

  it('is told by no address', () => {
    const url = 'rediss://user:p%40ss@queue-host:6379/0?password=other';
    expect(shownAddress(url)).toBe('rediss://user:…@queue-host:6379/0');
    expect(shownAddress('user:pass@queue-host')).toBe('…@queue-host');
    expect(shownAddress('localhost')).toBe('localhost');
    expect(withoutSecrets(url, `no ${url}, p@ss, p%40ss or other`)).toBe(`no ${shownAddress(url)}, …, … or …`);
    expect(['localhost.example', '127.0.0.1.example', '128.0.0.1'].some((host) => isLoopback(`http://${host}`))).toBe(
      false,
    );
  });
});

describe('what comes from the queue', () => {
  it('cannot command a terminal', () => {
    expect(printable('a\u001b]0;title\u0007\u001b[2Jb\rc\u202ed\ne')).toBe('ab?c?d\ne');
  });

  it('is progress, or is not shown', () => {
    const block = {
      chains: [1],
      phase: 'sampling',
      step: 1,
      total: 2,
      first: 0,
      seconds: 1,
      value: [null],
      stepSize: [0.1],
      resets: [0],
      nonFinite: [0],
      draws: 1,
      gradients: 1,
      energyError: [null],
      lppd: [null],
    };
    expect(readProgress({ at: 1, ...block }, [1])?.block.value).toEqual([Number.NaN]);
    for (const wrong of [0, {}, { at: 1, ...block, phase: '\u001b[2J' }, { at: 1, ...block, lppd: [] }])
      expect(readProgress(wrong, [1])).toBeUndefined();
    expect(readProgress({ at: 1, ...block }, [0])).toBeUndefined();
  });

  it('counts failures of a chain, whatever group it is in', () => {
    const failures = failureCounts();
    failures.count([0, 1, 2], 'a');
    failures.count([2, 3], 'b');
    failures.count([3], 'c');
    expect(() => failures.count([1, 2], 'no \u001b[2Jmemory')).toThrow(/chains 1, 2: .*got 3 failures: no memory/);
  });
});

it('sweeps what killed workers left, and nothing of the living', () => {
  const mine = scratchFolder('trial');
  const named = (pid: number) => mine.replace(new RegExp(`-${process.pid}-[^-]*$`), `-${pid}-abcdef`);
  const dead = 2 ** 22 + 1;
  mkdirSync(join(named(dead), 'data'), { recursive: true });
  mkdirSync(named(process.ppid));
  const before = named(process.pid);
  mkdirSync(before);
  sweepScratch('trial');
  const left = readdirSync(tmpdir()).map((name) => join(tmpdir(), name));
  expect(left).not.toContain(named(dead));
  expect(left).not.toContain(before);
  expect(left).toContain(mine);
  expect(left).toContain(named(process.ppid));
  rmSync(mine, { recursive: true });
  rmSync(named(process.ppid), { recursive: true });
});
