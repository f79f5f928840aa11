/** Disks that lie, fill up and are read-only: nothing is lost, nothing silently wrong. */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { drawFiles, drawsOf } from '../../bench/draws.ts';
import { evaluate } from '../../src/answers/evaluate.ts';
import { exportRun } from '../../src/answers/export.ts';
import { predict } from '../../src/answers/predict.ts';
import { fit } from '../../src/control/fit.ts';
import { resume } from '../../src/control/resume.ts';
import { demoCsv } from '../../src/data/demo.ts';
import { loadRun } from '../../src/spec/loaded-run.ts';
import type { FitConfig } from '../../src/spec/spec.ts';
import { readJson, sha256, writeJson } from '../../src/store/files.ts';
import { readManifest, runPaths, updateManifest } from '../../src/store/rundir.ts';
import { readTensors, writeTensors } from '../../src/store/safetensors.ts';
import { built } from '../built.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-damage-'));
const data = join(folder, 'demo.csv');
writeFileSync(data, demoCsv(1, 120));
const config: FitConfig = {
  model: { hidden: [4] },
  warmStart: { epochs: 10 },
  sampler: { warmup: 300, steps: 3300, thin: 10, batchSize: 32 },
  chains: 3,
  seed: 2,
};
let undisturbed: Record<string, string>;

beforeAll(async () => {
  await fit({ data, out: join(folder, 'whole'), config, workers: 0 });
  undisturbed = drawsOf(join(folder, 'whole'));
  expect(drawFiles(join(folder, 'whole')).length).toBe(3 * 3);
  const stop = new AbortController();
  await fit({
    data,
    out: join(folder, 'stopped'),
    config,
    workers: 0,
    checkpointSeconds: 0.05,
    signal: stop.signal,
    onEvent: (event) => {
      if (event.type === 'progress' && event.block.phase === 'sampling' && event.block.step > 2600) stop.abort();
    },
  });
});

const INJURIES = {
  torn: (path: string, at: number) => truncateSync(path, Math.floor(at * readFileSync(path).length)),
  flipped: (path: string, at: number) => {
    const bytes = readFileSync(path);
    bytes[Math.floor(at * bytes.length)] ^= 1 << Math.floor(at * 8);
    writeFileSync(path, bytes);
  },
  missing: (path: string) => rmSync(path),
};

/** Files of members and chains, a claim aside: it is empty. */
const breakable = (dir: string) =>
  readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter(
      (name) =>
        /^(members|chains)\/.*\.(safetensors|json)$|^posterior\.zarr\/.*\/c\/.*\d$/.test(name) &&
        statSync(join(dir, name)).isFile(),
    )
    .sort();

describe('a damaged run', { timeout: 120_000 }, () => {
  it.each(['whole', 'stopped'])(
    '%s: is mended by resume, to the bit, whatever was torn, flipped or missing',
    async (which) => {
      const names = breakable(join(folder, which));
      const injury = fc.record({
        kind: fc.constantFrom(...(Object.keys(INJURIES) as (keyof typeof INJURIES)[])),
        name: fc.constantFrom(...names),
        at: fc.double({ min: 0, max: 0.999, noNaN: true }),
      });
      let trial = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(injury, { minLength: 1, maxLength: 4, selector: ({ name }) => name }),
          async (all) => {
            const out = join(folder, `${which}-${trial++}`);
            cpSync(join(folder, which), out, { recursive: true });
            for (const { kind, name, at } of all) INJURIES[kind](join(out, name), at);
            const notes: string[] = [];
            await resume(out, { workers: 0, onEvent: (event) => event.type === 'note' && notes.push(event.message) });
            expect(drawsOf(out)).toEqual(undisturbed);
            const told = notes.join('\n');
            for (const { kind, name } of all)
              if (kind !== 'missing' && /\/(draws|\d+\.)/.test(name)) expect(told).toContain(name.split('/').at(-1));
            rmSync(out, { recursive: true });
          },
        ),
        { numRuns: 15, seed: 5 },
      );
    },
  );

  it('names a chunk of posterior.zarr that was changed, and watches the draws again', async () => {
    const out = join(folder, 'chunk');
    cpSync(join(folder, 'whole'), out, { recursive: true });
    const chunk = join('posterior.zarr', 'posterior', 'running_lppd', 'c', '2', '0');
    INJURIES.flipped(join(out, chunk), 0.9);
    const notes: string[] = [];
    await resume(out, { workers: 0, onEvent: (event) => event.type === 'note' && notes.push(event.message) });
    expect(notes[0]).toContain(`${chunk}: expected what its checksum says, got another. Its draws are watched again.`);
    expect(drawsOf(out)).toEqual(undisturbed);
  });

  it('is mended where a file of draws beyond the last checkpoint and its chunk are torn', async () => {
    const out = join(folder, 'both');
    cpSync(join(folder, 'whole'), out, { recursive: true });
    const chunk = join('posterior.zarr', 'log_likelihood', 'y', 'c', '1', '0', '0');
    for (const name of [join('chains', '1', 'draws-000002.safetensors'), chunk]) INJURIES.torn(join(out, name), 0);
    await resume(out, { workers: 0 });
    expect(drawsOf(out)).toEqual(undisturbed);
  });

  it('is not scored as if it were whole', async () => {
    const out = join(folder, 'cut');
    cpSync(join(folder, 'whole'), out, { recursive: true });
    rmSync(join(out, 'chains', '1', 'draws-000002.safetensors'));
    await expect(evaluate(out)).rejects.toThrow('chains/1: expected 330 draws, got 250. Run smile resume');
  });

  it.each<[string, (path: string) => void]>([
    ['config.yaml', (path) => writeFileSync(path, readFileSync(path, 'utf8').replace('thin: 10', 'thin: 11'))],
    ['config.yaml', (path) => writeFileSync(path, 'a: [1')],
    ['config.yaml', (path) => writeFileSync(path, '')],
    [
      'preprocessing.json',
      (path) => {
        const learned = readJson(path) as { target: { mean: number } };
        writeJson(path, { ...learned, target: { ...learned.target, mean: learned.target.mean + 1 } });
      },
    ],
    [
      'data.safetensors',
      (path) => {
        const { tensors, metadata } = readTensors(path);
        tensors['y.test']?.data.fill(0);
        writeTensors(path, { tensors, metadata });
      },
    ],
  ])('is not read where a hand has changed %s, however well', async (name, edit) => {
    const out = mkdtempSync(join(folder, 'edited-'));
    cpSync(join(folder, 'whole'), out, { recursive: true });
    edit(join(out, name));
    const refusal = `${name}: expected the one that the run began with, got another. Restore it, or fit anew.`;
    const reads = [
      evaluate(out),
      predict({ run: out, data }),
      resume(out, { workers: 0 }),
      exportRun(out, join(out, 'x')),
    ];
    for (const read of await Promise.allSettled(reads)) {
      const { name: tag, message } = (read as PromiseRejectedResult).reason;
      expect([tag, message]).toEqual(['StoreError', expect.stringContaining(refusal)]);
    }
  });

  it('a configuration that is being replaced opens whenever the kill came', async () => {
    const texts = ['whole', 'longer'].map((name) => {
      const out = join(folder, name);
      if (name === 'longer') {
        cpSync(join(folder, 'whole'), out, { recursive: true });
        writeFileSync(
          runPaths(out).config,
          readFileSync(runPaths(out).config, 'utf8').replace('steps: 3300', 'steps: 3400'),
        );
      }
      return readFileSync(runPaths(out).config, 'utf8');
    });
    const [before, after] = texts as [string, string];
    for (const text of texts) {
      const out = mkdtempSync(join(folder, 'replaced-'));
      cpSync(join(folder, 'whole'), out, { recursive: true });
      updateManifest(out, { configHash: sha256(before), nextConfigHash: sha256(after) });
      writeFileSync(runPaths(out).config, text);
      expect(loadRun(out).spec.sampler.steps).toBe(text === before ? 3300 : 3400);
      await resume(out, { workers: 0 });
      expect(readManifest(out)).toMatchObject({ configHash: sha256(text), status: 'done' });
      expect(readManifest(out).nextConfigHash).toBeUndefined();
    }
  });

  it.each(['manifest.json', 'config.yaml', 'preprocessing.json', 'data.safetensors'])(
    'says what cannot be made again: %s',
    async (name) => {
      for (const kind of ['torn', 'missing'] as const) {
        const out = join(folder, `without-${name}-${kind}`);
        cpSync(join(folder, 'stopped'), out, { recursive: true });
        INJURIES[kind](join(out, name), 0.5);
        await expect(resume(out, { workers: 0 })).rejects.toThrow(name);
        expect(readdirSync(join(out, 'chains', '0'))).toEqual(readdirSync(join(folder, 'stopped', 'chains', '0')));
      }
    },
  );
});

const small = mkdtempSync(join(tmpdir(), 'smile-small-'));
const mount = (...args: string[]) => spawnSync('mount', args).status === 0;
const mounted = mount('-t', 'tmpfs', '-o', 'size=200k', 'tmpfs', small);
if (!mounted) console.log('no right to mount: tests of a full and a read-only disk are skipped');

describe.skipIf(!mounted)('a disk', () => {
  const yaml = join(folder, 'fit.yaml');
  const smile = (...args: string[]) => spawnSync(process.execPath, [built('cli.js'), ...args], { encoding: 'utf8' });
  const alone = ['--quiet', '--workers', '1'];
  const out = join(small, 'run');
  beforeAll(() => writeFileSync(yaml, stringify(config)));
  afterAll(() => void spawnSync('umount', [small]));

  it('that is full ends the fit with a word; with more room it goes on, to the bit', () => {
    const full = smile('fit', data, '-c', yaml, '-o', out, '--checkpoint-every', '0.05', ...alone);
    expect(full.status).toBe(1);
    expect(full.stderr).toMatch(/^smile: .*: expected to write the file, got ENOSPC.*Check space and rights\.\n$/);
    expect(existsSync(join(out, 'manifest.json'))).toBe(true);
    mount('-o', 'remount,size=10m', small);
    expect(smile('resume', out, ...alone).status).not.toBe(1);
    expect(drawsOf(out)).toEqual(undisturbed);
  });

  it('that is read-only is named, and nothing changes', () => {
    const before = drawsOf(out);
    mount('-o', 'remount,ro', small);
    const refused = smile('resume', out, '--draws', '+10', ...alone);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatch(/^smile: .*EROFS.*Check space and rights\.\n$/);
    expect(smile('status', out).status).toBe(0);
    for (const args of [
      ['evaluate', out],
      ['predict', out, data, '--recalibrate', '--conformal', '0.9'],
      ['report', out, '-o', join(folder, 'report')],
      ['export', out, '-o', join(folder, 'export')],
    ]) {
      const { status, stderr } = smile(...args);
      expect([args[0], status], stderr).not.toEqual([args[0], 1]);
      if (args[0] !== 'export') expect(stderr).toContain('not kept, the folder is for reading only (EROFS)');
    }
    expect(smile('export', out).stderr).toMatch(/^smile: .*EROFS.*Check space and rights\.\n$/);
    mount('-o', 'remount,rw', small);
    expect(drawsOf(out)).toEqual(before);
  });
});
