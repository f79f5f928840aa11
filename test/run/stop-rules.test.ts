/** Rules that end a run: what they say of invented histories, and what a run that one has ended is worth. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { demoCsv } from '../../src/data/demo.ts';
import type { BlockProgress, FitEvent } from '../../src/run/events.ts';
import { fit } from '../../src/run/fit.ts';
import { loadRun } from '../../src/run/load.ts';
import { resume } from '../../src/run/resume.ts';
import { type FitConfig, mergeConfigs, resolveSpec } from '../../src/run/spec.ts';
import { hasPlateau, type LppdPoint, lateGain, lppdHistories, stopRule } from '../../src/run/stop-rules.ts';
import { openRun } from '../../src/store/rundir.ts';
import { drawFiles, drawsOf } from '../draws.ts';
import { said } from '../verdict.ts';

const history = (lppd: (draws: number) => number, upTo = 400): LppdPoint[] =>
  Array.from({ length: upTo / 25 }, (_, i) => ({ draws: 25 * (i + 1), lppd: lppd(25 * (i + 1)) }));
const block = (facts: Partial<BlockProgress>): BlockProgress => ({
  chains: [0, 1],
  phase: 'sampling',
  step: 1,
  total: 2,
  first: 0,
  seconds: 1,
  value: [0, 0],
  stepSize: [1, 1],
  resets: [0, 0],
  nonFinite: [0, 0],
  draws: 0,
  gradients: 0,
  energyError: [null, null],
  lppd: [null, null],
  ...facts,
});
const rules = (stop: FitConfig['stop']) => resolveSpec({ stop }).stop;

describe('the late gain', () => {
  it('is that over the second half of the draws', () => {
    expect(lateGain(history((n) => n / 100))).toBe(2);
    expect(lateGain(history((n) => -1 / n, 375))).toBeCloseTo(1 / 175 - 1 / 375, 14);
    expect(lateGain([])).toBeNaN();
    expect(lateGain([{ draws: 25, lppd: 1 }])).toBeNaN();
  });
});

describe('a plateau', () => {
  const flat = history(() => 1);
  const rising = history((n) => n / 100);
  const falling = history((n) => -n / 100);
  const asked = { tolerance: 0.01, minDraws: 200 };

  it('is one in most chains, of enough draws of every chain', () => {
    expect(hasPlateau([flat, flat, rising], asked)).toBe(true);
    expect(hasPlateau([flat, rising, falling], asked)).toBe(false);
    expect(hasPlateau([flat, flat, history(() => 1, 175)], asked)).toBe(false);
    expect(hasPlateau([flat], { ...asked, minDraws: 401 })).toBe(false);
    expect(hasPlateau([history((n) => 1 - 2 / n)], { tolerance: 0.0051, minDraws: 200 })).toBe(true);
    expect(hasPlateau([history((n) => 1 - 2 / n)], { tolerance: 0.0049, minDraws: 200 })).toBe(false);
    expect(hasPlateau([], asked)).toBe(false);
  });
});

describe('a rule', () => {
  const none = () => [[], []] as LppdPoint[][];

  it('says nothing where nothing is asked', () => {
    const rule = stopRule(rules({}), [0, 1], none());
    expect(rule(block({ gradients: 1e9, draws: 1e6, lppd: [1, 1] }))).toBeUndefined();
  });

  it('counts the gradients of every chain that runs', () => {
    const rule = stopRule(rules({ gradients: 100 }), [0, 1], none());
    expect(rule(block({ chains: [0], gradients: 100 }))).toBeUndefined();
    expect(rule(block({ chains: [1], gradients: 99 }))).toBeUndefined();
    expect(rule(block({ chains: [1], gradients: 101 }))).toBe('100 gradients of every chain');
  });

  it('sees a plateau in what comes, and in what a run had before', () => {
    const rule = stopRule(rules({ plateau: 0.01, minDraws: 100 }), [0, 1], none());
    const told = [25, 50, 75, 100, 125].map((draws) => rule(block({ draws, lppd: [1 - 1 / draws, 1] })));
    expect(told.slice(0, 3)).toEqual([undefined, undefined, undefined]);
    expect(told[3]).toMatch(/^LPPD plateau after 100 draws of every chain/);
    const going = stopRule(rules({ plateau: 0.01 }), [1], [history(() => 1), history(() => 2)]);
    expect(going(block({ chains: [1], draws: 425, lppd: [2] }))).toMatch(/^LPPD plateau after 400 draws/);
  });
});

describe('a run that a rule has ended', () => {
  const folder = mkdtempSync(join(tmpdir(), 'smile-rules-'));
  const data = join(folder, 'demo.csv');
  writeFileSync(data, demoCsv(1, 400));
  const config: FitConfig = {
    model: { hidden: [8], likelihood: 'gaussian-per-input' },
    sampler: { warmup: 2000, steps: 40_000, thin: 10, batchSize: 64 },
    chains: 2,
  };

  it('is worth as much as one that took all steps, says so, and goes on when asked', async () => {
    const out = join(folder, 'ended');
    const notes: string[] = [];
    const onEvent = (event: FitEvent) => event.type === 'note' && notes.push(event.message);
    const stop = { plateau: 0.05, minDraws: 300 };
    const { verdict, chains } = await fit({ data, out, config: mergeConfigs(config, { stop }), workers: 0, onEvent });
    expect(notes.at(-1)).toMatch(/^enough: LPPD plateau after \d+ draws/);
    expect(openRun(out)).toMatchObject({ status: 'stopped', endedBy: notes.at(-1)?.slice('enough: '.length) });
    expect(said(verdict).notes).toContain('ended by its rule: LPPD plateau');
    expect(said(verdict).reasons).not.toContain('stopped before the end');
    expect(chains[0].draws).toBeGreaterThanOrEqual(300);
    expect(chains[0].draws).toBeLessThan(4000);
    const histories = await lppdHistories(loadRun(out));
    expect(histories.map((points) => points.length)).toEqual(chains.map(({ draws }) => draws));
    expect(hasPlateau(histories, { tolerance: 0.05, minDraws: 300 })).toBe(true);

    const whole = join(folder, 'whole');
    await fit({ data, out: whole, config, workers: 0 });
    await resume(out, { workers: 0 });
    expect(openRun(out)).toMatchObject({ status: 'done' });
    expect(openRun(out).endedBy).toBeUndefined();
    expect(drawFiles(out).length).toBe(2 * 17);
    expect(drawsOf(out)).toEqual(drawsOf(whole));
  });

  it('may have run out of time, or of gradients', async () => {
    const ended = async (name: string, stop: FitConfig['stop']) => {
      const out = join(folder, name);
      await fit({ data, out, config: mergeConfigs(config, { sampler: { steps: 10_000_000 }, stop }), workers: 0 });
      return openRun(out).endedBy;
    };
    expect(await ended('time', { seconds: 1 })).toBe('1 seconds');
    expect(await ended('gradients', { gradients: 5000 })).toBe('5000 gradients of every chain');
  });
});
