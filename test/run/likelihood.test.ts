/** The choice of the likelihood, and scores that mean the same for each. */
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../src/answers/evaluate.ts';
import { predict } from '../../src/answers/predict.ts';
import { recalibrated } from '../../src/answers/recalibrate.ts';
import { fit, prepareRun } from '../../src/control/fit.ts';
import type { LikelihoodChoice } from '../../src/control/likelihood-pilot.ts';
import { STUDENT_T } from '../../src/infer/student-t.ts';
import { normals, uniforms } from '../../src/math/random.ts';
import { collectReport } from '../../src/report/collect.ts';
import { loadData, loadRun } from '../../src/spec/loaded-run.ts';
import { PAPER_PRESET } from '../../src/spec/presets.ts';
import type { FitEvent } from '../../src/spec/records.ts';
import { type FitConfig, mergeConfigs } from '../../src/spec/spec.ts';
import { readJson } from '../../src/store/files.ts';
import { runPaths } from '../../src/store/rundir.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-likelihood-'));
const small: FitConfig = {
  model: { hidden: [8, 8] },
  warmStart: { epochs: 20 },
  sampler: { warmup: 300, steps: 300, thin: 10 },
  chains: 2,
  seed: 3,
};

type Truth = (mean: number, z: number, p: number) => number;
/** Rows `x,y` with y made of a curve in x, a normal number and a uniform one. */
function table(name: string, truth: Truth, rows = 800): string {
  const [z, u] = [new Float64Array(rows), new Float64Array(2 * rows)];
  normals([11, 71], z);
  uniforms([12, 71], u);
  const lines = Array.from({ length: rows }, (_, i) => {
    const x = 4 * u[i] - 2;
    return `${x.toFixed(5)},${truth(Math.sin(1.3 * x) + 0.3 * x, z[i], u[rows + i])}`;
  });
  const path = join(folder, `${name}.csv`);
  writeFileSync(path, `x,y\n${lines.join('\n')}\n`);
  return path;
}

const TRUTHS: Record<string, Truth> = {
  gaussian: (mean, z) => mean + 0.3 * z,
  'gaussian-per-input': (mean, z) => mean + (mean > 0 ? 0.6 : 0.05) * z,
  'student-t': (mean, _z, p) => mean + STUDENT_T.quantile(p, 0, 0.2) + (p > 0.98 ? 3 : 0),
  'log-normal': (mean, z) => Math.exp(2 + 2 * mean + 0.5 * z),
};
const prepared = async (name: string, config: FitConfig = {}, data = table(name, TRUTHS[name])) => {
  const notes: string[] = [];
  const out = join(folder, `prepared-${name}`);
  const onEvent = (event: FitEvent) => event.type === 'note' && notes.push(event.message);
  const spec = await prepareRun({ data, out, config: mergeConfigs(small, config), force: true, onEvent }, false);
  const path = runPaths(out).likelihood;
  return { spec, notes, choice: existsSync(path) ? (readJson(path) as LikelihoodChoice) : undefined };
};

describe('likelihood: auto', () => {
  it.each(Object.keys(TRUTHS))('finds noise that is %s, says so, and stores the numbers', async (name) => {
    const { spec, notes, choice } = await prepared(name);
    expect(spec.model.likelihood).toBe(name);
    expect(choice?.chosen).toBe(name);
    expect(notes).toContain(choice?.said);
    expect(choice?.said).toMatch(new RegExp(`^likelihood ${name}, .* on 80 validation rows .*--likelihood sets it$`));
    expect(choice?.candidates.every(({ lppd }) => Number.isFinite(lppd))).toBe(true);
  });

  it('makes the same choice for another length of the run, and to the bit', async () => {
    const first = await prepared('log-normal');
    const second = await prepared('log-normal', { sampler: { steps: 4000 }, chains: 5 });
    expect(second.choice).toEqual(first.choice);
  });

  it('does not try where it is told, where too few rows could tell, or for the paper', async () => {
    expect((await prepared('student-t', { model: { likelihood: 'gaussian' } })).choice).toBeUndefined();
    const paper = await prepared('student-t', { sampler: { mode: 'paper' } });
    expect([paper.spec.model.likelihood, paper.choice]).toEqual(['gaussian', undefined]);
    const { model } = PAPER_PRESET;
    expect((await prepared('student-t', { model })).spec.model.likelihood).toBe('gaussian');
    const labels = table('labels', (mean) => (mean > 0 ? 1 : 0));
    expect((await prepared('student-t', { model }, labels)).spec.model.likelihood).toBe('softmax');
    const few = await prepared('student-t', {}, table('few', TRUTHS['student-t'], 60));
    expect(few.spec.model.likelihood).toBe('gaussian');
    expect(few.notes).toContain('likelihood gaussian: 6 validation rows are too few to compare others');
  });

  it('leaves log-normal out where a target is not positive, and refuses it where it is asked for', async () => {
    const data = table('signed', (mean, z, p) => (p > 0.99 ? 0 : TRUTHS['log-normal'](mean, z, p)));
    const { choice } = await prepared('gaussian', {}, data);
    expect(choice?.candidates.map(({ name }) => name)).toEqual(['gaussian', 'gaussian-per-input', 'student-t']);
    await expect(prepared('gaussian', { model: { likelihood: 'log-normal' } }, data)).rejects.toThrow(
      "model.likelihood: expected a target 'y' above zero in all rows for log-normal, got others.",
    );
  });
});

describe.each(['student-t', 'log-normal'] as const)('a %s run', (likelihood) => {
  const out = join(folder, likelihood);
  const data = table(likelihood, TRUTHS[likelihood]);
  const result = fit({ data, out, config: mergeConfigs(small, { model: { likelihood } }), workers: 0, force: true });

  it('scores what it predicts: RMSE and coverage follow from the columns of predict', async () => {
    const { bayesianEnsemble } = await result;
    const run = loadRun(out);
    const { test } = loadData(run);
    const target = run.preprocessing.target as { mean: number; sd: number };
    const observed = Array.from(test.y, (y) => target.mean + target.sd * y);
    const lines = readFileSync(data, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(',').map(Number));
    const rows = observed.map((y) => ({ x: lines.find(([, other]) => Math.abs(other - y) < 1e-9 * Math.abs(y))![0] }));
    const predicted = (await predict({ run: out, data: rows, quantiles: [0.05, 0.5, 0.95] })).rows;
    const number = (i: number, name: string) => predicted[i][name] as number;
    const error = observed.map((y, i) => (number(i, 'mean') - y) ** 2).reduce((a, b) => a + b, 0) / observed.length;
    expect(Math.sqrt(error) / bayesianEnsemble!.test.rmse!).toBeCloseTo(1, 4);
    const inside = observed.filter((y, i) => y >= number(i, 'q0.05') && y <= number(i, 'q0.95')).length;
    expect(inside / observed.length).toBe(
      bayesianEnsemble!.test.coverage!.find(({ level }) => level === 0.9)!.observed,
    );
    if (likelihood === 'log-normal') expect(predicted.every((row) => (row['q0.05'] as number) > 0)).toBe(true);
    expect(predicted.every((_, i) => number(i, 'aleatoric') > 0 && number(i, 'q0.5') < number(i, 'q0.95'))).toBe(true);
  });

  it('explains its data better than one σ for all does, in the same unit', async () => {
    const { bayesianEnsemble } = await result;
    const plain = join(folder, `${likelihood}-plain`);
    const config = mergeConfigs(small, { model: { likelihood: 'gaussian' } });
    const other = await fit({ data, out: plain, config, workers: 0, force: true });
    expect(bayesianEnsemble!.test.lppd).toBeGreaterThan(other.bayesianEnsemble!.test.lppd + 0.2);
    expect((await evaluate(out)).bayesianEnsemble).toEqual(bayesianEnsemble);
  });

  it('calibrates intervals that hold the truth', async () => {
    await result;
    const { calibration, rows } = await predict({ run: out, data: [{ x: 0.5 }, { x: 300 }], conformal: 0.8 });
    expect(calibration!.testCoverage).toBeGreaterThan(0.65);
    for (const row of rows)
      for (const name of ['mean', 'conformalUpper']) expect(Number.isFinite(row[name])).toBe(true);
    if (likelihood === 'log-normal') expect(rows.every((row) => (row.conformalLower as number) > 0)).toBe(true);
  });

  it('is recalibrated about its centre, and keeps its range', async () => {
    await result;
    const data = [{ x: 0.5 }, { x: -1 }];
    const run = loadRun(out);
    const { rows: plain } = await predict({ run: out, data, quantiles: [0.001, 0.5, 0.95] });
    const { recalibration } = await predict({ run: out, data, recalibrate: true });
    const { before, after, scale } = recalibration!;
    expect(scale).toBeGreaterThan(0.5);
    expect(scale).toBeLessThan(2);
    expect(Math.abs(after.lppd - before.lppd)).toBeLessThan(0.2);
    for (const row of plain) {
      const [same, wide] = [1, 1.5].map((factor) => recalibrated(run, row, factor));
      for (const [name, value] of Object.entries(row)) {
        if (typeof value === 'number') expect(same[name]).toBeCloseTo(value, 9);
      }
      expect(wide['q0.95']).toBeGreaterThan(row['q0.95'] as number);
      expect(wide['q0.001']).toBeLessThan(row['q0.001'] as number);
      if (likelihood === 'log-normal') expect(wide['q0.001']).toBeGreaterThan(0);
    }
    const { facts, recalibration: reported } = await collectReport(out);
    expect(reported).toEqual(recalibration);
    expect(facts.some(([name, value]) => name === 'network' && value.includes(`${likelihood} likelihood`))).toBe(true);
  });
});
