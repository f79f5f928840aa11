/** A run while it runs: events for programs, looks from outside, stops, single chains, plans. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { drawsOf } from '../../bench/draws.ts';
import { heartbeats } from '../../src/chains/heartbeat.ts';
import { fit } from '../../src/control/fit.ts';
import { plan } from '../../src/control/plan.ts';
import { status } from '../../src/control/status.ts';
import { fitEvents, resumeEvents } from '../../src/control/stream.ts';
import { demoCsv } from '../../src/data/demo.ts';
import type { FitEvent } from '../../src/spec/records.ts';
import type { FitConfig } from '../../src/spec/spec.ts';
import { built } from '../built.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-live-'));
const data = join(folder, 'demo.csv');
writeFileSync(data, demoCsv(1, 200));
const config: FitConfig = {
  model: { hidden: [8], likelihood: 'gaussian' },
  warmStart: { epochs: 10 },
  sampler: { warmup: 1000, steps: 12000, thin: 20, batchSize: 32 },
  chains: 3,
  seed: 9,
};
const yaml = join(folder, 'fit.yaml');
writeFileSync(yaml, stringify(config));
const smile = (...args: string[]) => spawnSync(process.execPath, [built('cli.js'), ...args], { encoding: 'utf8' });
const fitting = (out: string) =>
  spawn(process.execPath, [
    built('cli.js'),
    'fit',
    data,
    '-c',
    yaml,
    '-o',
    out,
    '--workers',
    '1',
    '--steps',
    '200000',
    '--quiet',
  ]);

let undisturbed: Record<string, string>;
beforeAll(async () => {
  await fit({ data, out: join(folder, 'whole'), config, workers: 0 });
  undisturbed = drawsOf(join(folder, 'whole'));
});

describe('the events of a fit', () => {
  it('come in order, and the generator returns the evaluation', async () => {
    const events = fitEvents({ data, out: join(folder, 'streamed'), config, workers: 0 });
    const phases: string[] = [];
    let next = await events.next();
    for (; !next.done; next = await events.next())
      phases.push(next.value.type === 'progress' ? next.value.block.phase : 'note');
    expect([...new Set(phases)]).toEqual(['note', 'warm start', 'warm-up', 'sampling']);
    expect(next.value.chains.map(({ status }) => status)).toEqual(['done', 'done', 'done']);
    expect(drawsOf(join(folder, 'streamed'))).toEqual(undisturbed);
  });

  it('end the fit with a checkpoint when the loop is left, and go on from there', async () => {
    const out = join(folder, 'left');
    const seen: FitEvent[] = [];
    for await (const event of fitEvents({ data, out, config, workers: 0 })) {
      seen.push(event);
      if (event.type === 'progress' && event.block.phase === 'sampling') break;
    }
    expect(status(out).status).toBe('stopped');
    const at = status(out).chains[0].step;
    expect(at).toBeGreaterThan(1000);
    expect(at).toBeLessThan(13000);
    const stop = new AbortController();
    for await (const event of resumeEvents(out, { workers: 0, signal: stop.signal })) seen.push(event);
    expect(status(out).status).toBe('done');
    expect(drawsOf(out)).toEqual(undisturbed);
  });

  it('throw what the fit throws', async () => {
    await expect(fitEvents({ data: join(folder, 'none.csv'), out: join(folder, 'x') }).next()).rejects.toThrow(
      'none.csv',
    );
  });
});

describe('a run that is watched', () => {
  it('shows every chain from outside, and stops when asked', async () => {
    const out = join(folder, 'watched');
    const running = fitting(out);
    const exit = new Promise<number | null>((resolve) => running.on('exit', resolve));
    while (!heartbeats(out).some(({ block }) => block.phase === 'sampling')) await sleep(20);
    const looked = smile('watch', out, '--once', '--json');
    const { chains, phase, step, total, stepSize, resets } = JSON.parse(
      looked.stdout.trim().split('\n').at(-1) as string,
    );
    expect([chains, phase, total]).toEqual([[0, 1, 2], 'sampling', 200_000]);
    expect(step).toBeGreaterThan(0);
    expect([stepSize.length, resets.length]).toEqual([3, 3]);
    expect(smile('watch', out, '--once').stderr).toMatch(/chains 0–2: sampling \d+\/200000 .*ETA[\s\S]*: running/);
    const stopped = smile('stop', out);
    expect(stopped.stdout).toContain('asked to stop');
    expect(await exit).toBe(2);
    expect(status(out).status).toBe('stopped');
    expect(smile('stop', out).stdout).toContain('is not running');
    expect(smile('watch', out).stderr).toContain(': stopped');
  });
});

describe('chains by number', () => {
  it('are those of a fit, in any order', () => {
    const out = join(folder, 'array');
    expect(smile('fit', data, '-c', yaml, '-o', out, '--prepare', '--quiet').stdout.trim()).toBe(out);
    smile('stop', out);
    const stopped = smile('chain', out, '--index', '2', '--quiet');
    expect([stopped.status, stopped.stderr]).toEqual([
      2,
      'chain 2: stopped before its end; the same command goes on\n',
    ]);
    expect(smile('stop', out, '--withdraw').stdout).toContain('may go on');
    for (const index of [2, 0]) expect(smile('chain', out, '--index', String(index), '--quiet').status).toBe(0);
    expect(status(out).status).toBe('running');
    expect(smile('chain', out, '--index', '1', '--quiet').status).toBe(0);
    expect(status(out).status).toBe('done');
    expect(drawsOf(out)).toEqual(undisturbed);
    const beyond = smile('chain', out, '--index', '3');
    expect([beyond.status, beyond.stderr]).toEqual([1, 'smile: --index: expected one of 0 to 2, got 3. Correct it.\n']);
  });
});

/** A number that no process has. */
const DEAD = 2 ** 22 + 1;

describe('a plan', () => {
  it('knows dimensions and disk exactly, and the time about', async () => {
    const host = hostname().replace(/[^A-Za-z0-9.]/g, '');
    const killed = join(tmpdir(), `smile-plan-${host}-${DEAD}-x`);
    mkdirSync(killed);
    const mine = () => readdirSync(tmpdir()).filter((name) => name.startsWith(`smile-plan-${host}-${process.pid}-`));
    const planned = await plan({ data, config, workers: 2 });
    expect([mine(), existsSync(killed)]).toEqual([[], false]);
    expect(planned).toMatchObject({ chains: 3, workers: 2, chainsPerBlock: 2, draws: 1800 });
    expect(planned.repairs).toBe(1);
    expect(planned.disk).toBe(1800 * 4 * planned.parameters);
    expect(planned.seconds).toBeCloseTo((13000 * planned.millisecondsPerStep) / 1000, 9);
    const shown = smile('plan', data, '-c', yaml);
    expect(shown.stdout).toContain(`parameters            ${planned.parameters}`);
    expect(shown.stdout).toContain('repairs               at most 1 of 3 chains begun again: 33 % more gradients');
    expect(shown.status).toBe(0);
  });
});
