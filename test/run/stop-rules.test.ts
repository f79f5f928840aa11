/** Rules that end a run: what they say of invented histories, and what a run that one has ended is worth. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { drawFiles, drawsOf } from '../../bench/draws.ts';
import { fit } from '../../src/control/fit.ts';
import { resume } from '../../src/control/resume.ts';
import {
  hasPlateau,
  type LppdPoint,
  lateGain,
  lppdHistories,
  nextQuestion,
  reasonToEnd,
} from '../../src/control/stop-rules.ts';
import { demoCsv } from '../../src/data/demo.ts';
import { loadRun } from '../../src/spec/loaded-run.ts';
import type { FitEvent } from '../../src/spec/records.ts';
import { type FitConfig, mergeConfigs, resolveSpec } from '../../src/spec/spec.ts';
import { readManifest } from '../../src/store/rundir.ts';
import { built } from '../built.ts';
import { said } from '../verdict.ts';

const history = (lppd: (draws: number) => number, upTo = 400): LppdPoint[] =>
  Array.from({ length: upTo / 25 }, (_, i) => ({ draws: 25 * (i + 1), lppd: lppd(25 * (i + 1)) }));
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
  const flat = [history(() => 1), history(() => 2)];

  it('says nothing where nothing is asked', () => {
    expect(reasonToEnd(rules({}), { gradients: [1e9, 1e9], histories: flat })).toBeUndefined();
    expect(nextQuestion(rules({}), { warmup: 10, thin: 2 })).toBe(Number.POSITIVE_INFINITY);
  });

  it('counts the gradients of every chain', () => {
    const ask = (gradients: number[]) => reasonToEnd(rules({ gradients: 100 }), { gradients, histories: [] });
    expect(ask([100, 99])).toBeUndefined();
    expect(ask([101, 100])).toBe('100 gradients of every chain');
  });

  it('sees a plateau', () => {
    const ask = (histories: LppdPoint[][]) =>
      reasonToEnd(rules({ plateau: 0.01, minDraws: 100 }), { gradients: [], histories });
    expect(ask([history((n) => 1 - 1 / n, 75), history(() => 1, 75)])).toBeUndefined();
    expect(ask([history((n) => 1 - 1 / n, 100), history(() => 1, 100)])).toMatch(/^LPPD plateau after 100 draws of/);
  });

  it('is asked at steps that follow from the configuration and from what was spent', () => {
    const sampler = { warmup: 100, thin: 10 };
    const asked = (stop: FitConfig['stop'], rate: number, upTo: number) => {
      const steps: number[] = [];
      for (let t = 0; t < upTo; steps.push(t))
        t = nextQuestion(rules(stop), sampler, t ? { t, gradients: [rate * t, rate * t + 7] } : undefined);
      return steps;
    };
    // 20, 24, 29, 35, 42 draws.
    expect(asked({ plateau: 1, minDraws: 20 }, 2, 500)).toEqual([291, 331, 381, 441, 511]);
    expect(asked({ gradients: 999 }, 2.25, 440)).toEqual([8, 444]);
    expect(asked({ gradients: 999, plateau: 1, minDraws: 20 }, 2.25, 440)).toEqual([8, 291, 331, 381, 441]);
    // A sampler whose steps grow cheaper is asked again, until the budget is spent.
    expect(nextQuestion(rules({ gradients: 999 }), sampler, { t: 440, gradients: [950] })).toBe(463);
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
    expect(readManifest(out)).toMatchObject({ status: 'stopped', endedBy: notes.at(-1)?.slice('enough: '.length) });
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
    expect(readManifest(out)).toMatchObject({ status: 'done' });
    expect(readManifest(out).endedBy).toBeUndefined();
    expect(drawFiles(out).length).toBe(2 * 17);
    expect(drawsOf(out)).toEqual(drawsOf(whole));
  });

  it.each<FitConfig['stop']>([{ plateau: 0.05, minDraws: 300 }, { gradients: 9000 }])(
    'is the same to the bit with other workers, and after a stop on the way: %j',
    async (stop) => {
      const [one, two, three] = [1, 2, 3].map((n) => join(folder, `${n}-${JSON.stringify(stop).length}`));
      await fit({ data, out: one, config: mergeConfigs(config, { stop }), workers: 0 });
      const ended = readManifest(one);
      expect(ended.endedBy).toMatch(/^(LPPD plateau|9000 gradients)/);

      const yaml = join(folder, 'rule.yaml');
      writeFileSync(yaml, JSON.stringify(mergeConfigs(config, { stop })));
      const flags = ['-c', yaml, '-o', two, '--workers', '2', '--quiet'];
      expect(spawnSync(process.execPath, [built('cli.js'), 'fit', data, ...flags]).status).not.toBe(1);
      expect(drawsOf(two)).toEqual(drawsOf(one));
      expect(readManifest(two)).toMatchObject({ endedBy: ended.endedBy, until: ended.until });

      const abort = new AbortController();
      const onEvent = (event: FitEvent) =>
        event.type === 'progress' && event.block.phase !== 'warm start' && abort.abort();
      const interrupted = { config: mergeConfigs(config, { stop }), workers: 0, signal: abort.signal, onEvent };
      await fit({ data, out: three, ...interrupted });
      expect(readManifest(three).endedBy).toBeUndefined();
      await resume(three, { workers: 0 });
      expect(drawsOf(three)).toEqual(drawsOf(one));
      expect(readManifest(three)).toMatchObject({ endedBy: ended.endedBy, until: ended.until });
    },
  );

  it('may have run out of time, and says that the seed does not decide where', async () => {
    const out = join(folder, 'time');
    const long = mergeConfigs(config, { sampler: { steps: 10_000_000 }, stop: { seconds: 1 } });
    await fit({ data, out, config: long, workers: 0 });
    expect(readManifest(out)).toMatchObject({ status: 'stopped', endedBy: '1 seconds', timed: true });
  });

  it('or whose engine throws, is not left as running', async () => {
    const out = join(folder, 'thrown');
    const engine = () => Promise.reject(new Error('no power'));
    await expect(fit({ data, out, config, engine })).rejects.toThrow('no power');
    expect(readManifest(out).status).toBe('stopped');
  });
});
