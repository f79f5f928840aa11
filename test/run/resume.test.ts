/** Runs that survive: killed in every phase, stopped, damaged, made longer; the draws are those of a run never disturbed. */
import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { drawFiles, drawsOf } from '../../bench/draws.ts';
import { runBlock } from '../../src/chains/block.ts';
import { standingOf } from '../../src/chains/checkpoint.ts';
import { fit, prepareRun } from '../../src/control/fit.ts';
import { resume } from '../../src/control/resume.ts';
import { status } from '../../src/control/status.ts';
import type { Verification } from '../../src/control/verify.ts';
import { demoCsv } from '../../src/data/demo.ts';
import { uniforms } from '../../src/math/random.ts';
import { loadRun } from '../../src/spec/loaded-run.ts';
import type { FitEvent } from '../../src/spec/records.ts';
import { type FitConfig, mergeConfigs } from '../../src/spec/spec.ts';
import { checkpointPaths } from '../../src/store/checkpoint.ts';
import { runPaths } from '../../src/store/rundir.ts';
import { built } from '../built.ts';
import { said } from '../verdict.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-resume-'));
const data = join(folder, 'demo.csv');
writeFileSync(data, demoCsv(1, 300));
const config: FitConfig = {
  model: { hidden: [8, 8], likelihood: 'gaussian-per-input' },
  warmStart: { epochs: 80, patience: 80 },
  sampler: { warmup: 625, steps: 1500, thin: 4, batchSize: 64 },
  chains: 4,
  seed: 6,
};
const often = { workers: 0, checkpointSeconds: 0.03 };

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
  expect(drawFiles(join(folder, 'whole')).length).toBe(4 * 2 + 4);
  expect(Object.keys(undisturbed).filter((name) => name.includes('.zarr')).length).toBe(11 * 4 * 2 + 1);
});

describe('a stopped run', () => {
  it('resumes from within an epoch of its warm start', async () => {
    const out = join(folder, 'stopped-within');
    await stoppedFit(out, reached('warm start', 0));
    expect(standingOf(loadRun(out), 0)).toBe('training 0 1');
    await resume(out, often);
    expect(drawsOf(out)).toEqual(undisturbed);
  });

  it.each([
    ['warm start', 1],
    ['warm-up', 1],
    ['sampling', 1],
  ])('resumes from its %s', async (phase, step) => {
    const out = join(folder, `stopped-${phase}`);
    const early = await stoppedFit(out, reached(phase, step));
    expect(said(early.verdict).reasons).toContain('stopped before the end');
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
    writeFileSync(path, readFileSync(path, 'utf8').replace('thin: 4', 'thin: 5'));
    await expect(resume(out)).rejects.toThrow('config.yaml: expected the one that the run began with');
  });
});

describe('a finished run', () => {
  it('made longer is the longer run', async () => {
    const long = join(folder, 'long');
    await fit({ data, out: long, config: mergeConfigs(config, { sampler: { steps: 2700 } }), workers: 0 });
    const out = join(folder, 'grown');
    cpSync(join(folder, 'whole'), out, { recursive: true });
    const { bayesianEnsemble } = await resume(out, { draws: 300, workers: 0 });
    expect(bayesianEnsemble?.test.members).toBe(4 * 675);
    expect(drawsOf(out)).toEqual(drawsOf(long));
  });

  it.each(['mclmc', 'mile'] as const)('of %s, which keeps a trace in its warm-up only, too', async (name) => {
    // A repair asks how far the draws have come, so that a run made longer need not be the longer run.
    const short: FitConfig = { sampler: { name, warmup: 200, steps: 400, batchSize: undefined }, repair: { share: 0 } };
    const base = mergeConfigs(config, short, { warmStart: { epochs: 5 }, chains: 2 });
    const [long, out] = ['long', 'grown'].map((which) => join(folder, `${which}-${name}`));
    await fit({ data, out: long, config: mergeConfigs(base, { sampler: { steps: 600 } }), workers: 0 });
    await fit({ data, out, config: base, workers: 0 });
    await resume(out, { draws: 50, workers: 0 });
    expect(drawsOf(out)).toEqual(drawsOf(long));
  });

  it('of a large network keeps blocks of bounded bytes, and goes on within one', async () => {
    const large: FitConfig = {
      model: { hidden: [256, 256] },
      warmStart: { epochs: 1 },
      sampler: { warmup: 5, steps: 70, thin: 1, batchSize: 16 },
      compute: { threads: 1 },
      chains: 1,
    };
    const base = mergeConfigs(config, large);
    const [whole, out] = ['large', 'large-stopped'].map((which) => join(folder, which));
    await fit({ data, out: whole, config: base, workers: 0 });
    const sizes = drawFiles(whole).map((name) => statSync(join(whole, name)).size);
    expect(Math.max(...sizes)).toBeLessThan(16.1 * 2 ** 20);
    expect(drawFiles(whole).length).toBe(2 + 1);
    const stop = new AbortController();
    const onEvent = (event: FitEvent) => event.type === 'progress' && event.block.draws > 10 && stop.abort();
    await fit({ data, out, config: base, workers: 0, signal: stop.signal, onEvent });
    await resume(out, { workers: 0 });
    expect(drawsOf(out)).toEqual(drawsOf(whole));
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

describe('the same seed', () => {
  const block = (chains: number[]) => ({ chains, stopped: () => false, onProgress: () => {} });

  it('gives the same files in other blocks', async () => {
    const out = join(folder, 'blocks');
    await prepareRun({ data, out, config });
    for (const chains of [[3, 1, 2], [0]]) await runBlock(out, block(chains));
    expect(drawsOf(out)).toEqual(undisturbed);
  });

  it.each([1, 16])('gives the same files with %i workers', (workers) => {
    const out = join(folder, `workers-${workers}`);
    const yaml = join(folder, 'workers.yaml');
    writeFileSync(yaml, JSON.stringify(config));
    const flags = ['-c', yaml, '-o', out, '--workers', String(workers), '--quiet'];
    expect(spawnSync(process.execPath, [built('cli.js'), 'fit', data, ...flags]).status).not.toBe(1);
    expect(drawsOf(out)).toEqual(undisturbed);
  });
});

describe('a killed run', () => {
  it('is the run that never was, whenever it was killed', async () => {
    const yaml = join(folder, 'fit.yaml');
    writeFileSync(yaml, JSON.stringify(config));
    const out = join(folder, 'killed');
    const flags = ['--checkpoint-every', '0.05', '--workers', '2', '--quiet'];
    const start = (args: string[]) =>
      spawn(process.execPath, [built('cli.js'), ...args, ...flags], { stdio: 'ignore' });
    const phases = ['nothing', 'start', 'training', 'sampling'];
    const stands = () => (existsSync(runPaths(out).data) ? standingOf(loadRun(out), 0) : 'nothing').split(' ');
    const at = (phase: string, from: number) => () => {
      const [now, count] = stands();
      const beyond = phases.indexOf(now) - phases.indexOf(phase);
      return beyond > 0 || (beyond === 0 && Number(count) >= from);
    };
    const moments = [
      () => existsSync(out),
      () => existsSync(runPaths(out).data),
      at('training', 0),
      at('training', 15),
      at('training', 40),
      at('sampling', 0),
      at('sampling', 250),
      at('sampling', 625),
      at('sampling', 875),
      at('sampling', 1550),
      at('sampling', 1950),
    ];
    const jitter = new Float64Array(moments.length);
    uniforms([7, 7], jitter);
    for (const [i, reached] of moments.entries()) {
      const child = start(
        existsSync(runPaths(out).data) ? ['resume', out] : ['fit', data, '-c', yaml, '-o', out, '--force'],
      );
      const ended = new Promise<number | null>((done) => child.on('exit', (code) => done(code)));
      while (child.exitCode === null && !reached()) await sleep(5);
      await sleep(60 * jitter[i]);
      child.kill('SIGKILL');
      expect(await ended, `killed at moment ${i}`).toBe(null);
    }
    expect(await new Promise((done) => start(['resume', out]).on('exit', done))).not.toBe(1);
    expect(drawsOf(out)).toEqual(undisturbed);
    const files = readdirSync(out, { recursive: true, encoding: 'utf8' });
    expect(files.filter((name) => name.endsWith('.partial'))).toEqual([]);
  });
});

describe('a run that is moved while it runs', () => {
  it('says so, leaves nothing at the old place, and goes on where it is', async () => {
    const [out, moved] = [join(folder, 'here'), join(folder, 'there')];
    const onEvent = reached('warm-up', 1);
    let done = false;
    const move = (event: FitEvent) => {
      if (done || !onEvent(event)) return;
      done = true;
      renameSync(out, moved);
    };
    await expect(fit({ data, out, config, ...often, onEvent: move })).rejects.toThrow(
      'expected the chain where it was claimed, got none. Was the run moved or removed? smile resume goes on where it is now.',
    );
    expect(existsSync(out)).toBe(false);
    await resume(moved, often);
    expect(drawsOf(moved)).toEqual(undisturbed);
  });
});

describe('verify and status', () => {
  const run = (...args: string[]) => spawnSync(process.execPath, [built('cli.js'), ...args], { encoding: 'utf8' });

  it('proves a run by replaying it, and finds a draw that was changed', async () => {
    const out = join(folder, 'verified');
    cpSync(join(folder, 'whole'), out, { recursive: true });
    const fine = run('verify', out, '--json');
    expect([fine.status, JSON.parse(fine.stdout).different]).toEqual([0, []]);
    const { compared, kills, untried } = JSON.parse(fine.stdout) as Verification;
    expect(compared.length).toBe(4);
    expect(untried).toEqual([]);
    for (const phase of ['warm start', 'warm-up', 'sampling'])
      expect(kills.filter((kill) => kill.phase === phase).at(-1)?.resumedFrom?.phase).toBe(phase);
    const path = join(runPaths(out).chain(1), 'draws-000001.safetensors');
    const bytes = readFileSync(path);
    bytes[bytes.length - 5] ^= 1;
    writeFileSync(path, bytes);
    const changed = run('verify', out, '--kills', '0');
    expect(changed.status).toBe(2);
    expect(changed.stdout).toContain('chains/1/draws-000001.safetensors');
    expect(changed.stdout).toContain('not tried: a resume from within the warm start, the warm-up, the sampling');
  });

  it('says where every chain stands', async () => {
    const out = join(folder, 'looked-at');
    await stoppedFit(out, reached('warm-up', 1));
    const { chains } = status(out);
    expect(chains.map(({ phase }) => phase)).toEqual(['stopped', 'stopped', 'stopped', 'stopped']);
    expect(chains[0].step).toBeGreaterThan(0);
    expect(chains[0].of).toBe(2125);
    const text = run('status', join(folder, 'whole')).stdout;
    expect(text).toMatch(/chain 3 +done +2125 of 2125 +100 %/);
    expect(run('status', folder).status).toBe(1);
  });
});
