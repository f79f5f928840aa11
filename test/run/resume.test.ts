/** Runs that survive: killed in every phase, stopped, damaged, made longer; the draws are those of a run never disturbed. */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { demoCsv } from '../../src/data/demo.ts';
import { uniforms } from '../../src/math/random.ts';
import { runBlock } from '../../src/run/block.ts';
import type { FitEvent } from '../../src/run/events.ts';
import { fit } from '../../src/run/fit.ts';
import { loadRun } from '../../src/run/load.ts';
import { resume } from '../../src/run/resume.ts';
import { type FitConfig, mergeConfigs } from '../../src/run/spec.ts';
import { standingOf } from '../../src/run/standing.ts';
import { status } from '../../src/run/status.ts';
import { checkpointPaths } from '../../src/store/checkpoint.ts';
import { runPaths } from '../../src/store/rundir.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-resume-'));
const data = join(folder, 'demo.csv');
writeFileSync(data, demoCsv(1, 300));
const config: FitConfig = {
  model: { hidden: [8, 8], likelihood: 'gaussian-per-input' },
  warmStart: { epochs: 300, patience: 300 },
  sampler: { warmup: 2500, steps: 6000, thin: 15, batchSize: 64 },
  chains: 4,
  seed: 6,
};
const often = { workers: 0, checkpointSeconds: 0.03 };

/** A hash of every stored draw, by file. */
function drawsOf(dir: string): Record<string, string> {
  const files = readdirSync(join(dir, 'chains')).flatMap((chain) =>
    readdirSync(join(dir, 'chains', chain))
      .filter((name) => name.startsWith('draws'))
      .map((name) => join('chains', chain, name)),
  );
  const members = readdirSync(join(dir, 'members')).map((name) => join('members', name));
  const hash = (name: string) =>
    createHash('sha256')
      .update(readFileSync(join(dir, name)))
      .digest('hex');
  return Object.fromEntries([...files, ...members].map((name) => [name, hash(name)]));
}

/** Fits until `when` says so of an event, then stops as Ctrl-C does. */
async function stoppedFit(out: string, when: (event: FitEvent) => boolean, changed: FitConfig = {}) {
  const stop = new AbortController();
  const onEvent = (event: FitEvent) => {
    if (when(event)) stop.abort();
  };
  return fit({ data, out, config: mergeConfigs(config, changed), ...often, signal: stop.signal, onEvent });
}
const reached = (phase: string, step: number) => (event: FitEvent) =>
  event.type === 'progress' && event.block.phase === phase && event.block.step >= step;

let undisturbed: Record<string, string>;
beforeAll(async () => {
  await fit({ data, out: join(folder, 'whole'), config, workers: 0 });
  undisturbed = drawsOf(join(folder, 'whole'));
  expect(Object.keys(undisturbed).length).toBe(4 * 2 + 4);
});

describe('a stopped run', () => {
  it.each([
    ['warm start', 1],
    ['warm-up', 1],
    ['sampling', 1],
  ])('resumes from its %s', async (phase, step) => {
    const out = join(folder, `stopped-${phase}`);
    const early = await stoppedFit(out, reached(phase, step));
    expect(early.verdict.reasons.join('\n')).toContain('stopped before the end');
    const late = await resume(out, often);
    expect(late.chains.every(({ status }) => status === 'done')).toBe(true);
    expect(drawsOf(out)).toEqual(undisturbed);
  });

  it('resumes with other workers, chain by chain at different places', async () => {
    const out = join(folder, 'apart');
    await stoppedFit(out, reached('warm-up', 1));
    const other = join(folder, 'further');
    await stoppedFit(other, reached('sampling', 1));
    cpSync(runPaths(other).chain(2), runPaths(out).chain(2), { recursive: true });
    const block = join(folder, 'apart-in-a-block');
    cpSync(out, block, { recursive: true });
    await resume(out, { workers: 0 });
    expect(drawsOf(out)).toEqual(undisturbed);
    await runBlock(block, { chains: [0, 1, 2, 3], stopped: () => false, onProgress: () => {} });
    expect(drawsOf(block)).toEqual(undisturbed);
  });

  it('names a damaged checkpoint and goes on from the one before', async () => {
    const out = join(folder, 'damaged');
    await stoppedFit(out, reached('sampling', 1));
    truncateSync(checkpointPaths(runPaths(out).chain(1))[0], 500);
    const notes: string[] = [];
    const onEvent = (event: FitEvent) => event.type === 'note' && notes.push(event.message);
    await resume(out, { ...often, onEvent });
    expect(notes.join('\n')).toMatch(/chain 1: .*checkpoint.*The checkpoint before it is used/);
    expect(drawsOf(out)).toEqual(undisturbed);
  });

  it('refuses a configuration that was edited', async () => {
    const out = join(folder, 'edited');
    await stoppedFit(out, reached('warm-up', 1));
    const path = runPaths(out).config;
    writeFileSync(path, readFileSync(path, 'utf8').replace('thin: 15', 'thin: 16'));
    await expect(resume(out)).rejects.toThrow('expected the configuration that the run began with');
  });
});

describe('a finished run', () => {
  it('made longer is the longer run', async () => {
    const long = join(folder, 'long');
    await fit({ data, out: long, config: mergeConfigs(config, { sampler: { steps: 10500 } }), workers: 0 });
    const out = join(folder, 'grown');
    cpSync(join(folder, 'whole'), out, { recursive: true });
    const { bayesianEnsemble } = await resume(out, { draws: 300, workers: 0 });
    expect(bayesianEnsemble?.test.members).toBe(4 * 700);
    expect(drawsOf(out)).toEqual(drawsOf(long));
  });

  it('takes more chains', async () => {
    const wide = join(folder, 'wide');
    await fit({ data, out: wide, config: mergeConfigs(config, { chains: 6 }), workers: 0 });
    const out = join(folder, 'widened');
    cpSync(join(folder, 'whole'), out, { recursive: true });
    await resume(out, { chains: 2, workers: 0 });
    expect(drawsOf(out)).toEqual(drawsOf(wide));
  });

  it('has nothing to go on with, and says so', async () => {
    const notes: string[] = [];
    await resume(join(folder, 'whole'), { onEvent: (event) => event.type === 'note' && notes.push(event.message) });
    expect(notes).toEqual(['every chain has all its draws']);
    expect(drawsOf(join(folder, 'whole'))).toEqual(undisturbed);
  });

  it('of a cyclical sampler cannot be made longer', async () => {
    const out = join(folder, 'cycles');
    const sampler = { name: 'csgld' as const, warmup: 50, steps: 50 };
    await fit({ data, out, config: mergeConfigs(config, { sampler, chains: 2 }), workers: 0 });
    await expect(resume(out, { draws: 10 })).rejects.toThrow('cycles are planned');
  });
});

describe('a killed run', () => {
  const cli = (args: string[]) => spawn(process.execPath, ['dist/cli.js', ...args], { stdio: 'ignore' });
  const yaml = join(folder, 'fit.yaml');

  it('killed at many moments is the run that never was', async () => {
    writeFileSync(yaml, JSON.stringify(config));
    const out = join(folder, 'killed');
    const random = new Float64Array(60);
    uniforms([7, 7], random);
    const flags = ['--checkpoint-every', '0.05', '--workers', '2', '--quiet'];
    const place = () => (existsSync(runPaths(out).data) ? standingOf(loadRun(out), 0) : 'nothing');
    const places: string[] = [];
    let patience = 400;
    for (const u of random) {
      const args = place() === 'nothing' ? ['fit', data, '-c', yaml, '-o', out, '--force'] : ['resume', out];
      const child = cli([...args, ...flags]);
      const ended = new Promise<number | null>((done) => child.on('exit', (code) => done(code)));
      const timer = setTimeout(() => child.kill('SIGKILL'), patience + 200 * u);
      const code = await ended;
      clearTimeout(timer);
      if (code !== null) break;
      if (place() === places.at(-1)) patience += 100; // the machine is slow: it was killed before it came further
      places.push(place());
    }
    const last = cli(['resume', out, ...flags]);
    expect(await new Promise((done) => last.on('exit', done))).toBeLessThan(3);
    expect(drawsOf(out)).toEqual(undisturbed);
    const steps = (phase: string) => places.filter((p) => p.startsWith(phase)).map((p) => Number(p.split(' ')[1]));
    expect(steps('training').length).toBeGreaterThan(0);
    expect(steps('sampling').some((t) => t < 2500)).toBe(true);
    expect(steps('sampling').some((t) => t > 2500)).toBe(true);
    const files = readdirSync(out, { recursive: true, encoding: 'utf8' });
    expect(files.filter((name) => name.endsWith('.partial'))).toEqual([]);
  });
});

describe('verify and status', () => {
  const run = (...args: string[]) => spawnSync(process.execPath, ['dist/cli.js', ...args], { encoding: 'utf8' });

  it('proves a run by replaying it, and finds a draw that was changed', async () => {
    const out = join(folder, 'verified');
    cpSync(join(folder, 'whole'), out, { recursive: true });
    const fine = run('verify', out, '--json');
    expect([fine.status, JSON.parse(fine.stdout).different]).toEqual([0, []]);
    expect(JSON.parse(fine.stdout).compared.length).toBe(4);
    const path = join(runPaths(out).chain(1), 'draws-000001.safetensors');
    const bytes = readFileSync(path);
    bytes[bytes.length - 5] ^= 1;
    writeFileSync(path, bytes);
    const changed = run('verify', out, '--kills', '0');
    expect(changed.status).toBe(2);
    expect(changed.stdout).toContain('chains/1/draws-000001.safetensors');
  });

  it('says where every chain stands', async () => {
    const out = join(folder, 'looked-at');
    await stoppedFit(out, reached('warm-up', 1));
    const { chains } = status(out);
    expect(chains.map(({ phase }) => phase)).toEqual(['stopped', 'stopped', 'stopped', 'stopped']);
    expect(chains[0].step).toBeGreaterThan(0);
    expect(chains[0].of).toBe(8500);
    const text = run('status', join(folder, 'whole')).stdout;
    expect(text).toMatch(/chain 3 +done +8500 of 8500 +100 %/);
    expect(run('status', folder).status).toBe(1);
  });
});
