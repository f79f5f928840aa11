/** Every row and every draw has its say: what is not usable is left out pair by pair and said, in all that a run is asked for. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { beforeAll, describe, expect, it } from 'vitest';
import { groupsOf } from '../../src/answers/conformal.ts';
import { evaluate } from '../../src/answers/evaluate.ts';
import { exportRun } from '../../src/answers/export.ts';
import { outOfDistribution } from '../../src/answers/ood.ts';
import { predict } from '../../src/answers/predict.ts';
import { recalibrate } from '../../src/answers/recalibrate.ts';
import { fit } from '../../src/control/fit.ts';
import { resume } from '../../src/control/resume.ts';
import { sensitivity } from '../../src/control/sensitivity.ts';
import { usableClasses } from '../../src/infer/usable.ts';
import { collectReport } from '../../src/report/collect.ts';
import { runPage } from '../../src/report/text.ts';
import { loadData, loadRun } from '../../src/spec/loaded-run.ts';
import { withRun } from '../../src/spec/opened-run.ts';
import { memberPredictor } from '../../src/spec/predictor.ts';
import type { FitConfig } from '../../src/spec/spec.ts';
import { readJson, writeJson } from '../../src/store/files.ts';
import { runPaths } from '../../src/store/rundir.ts';
import { readTensors, writeTensors } from '../../src/store/safetensors.ts';
import { loadTable, tableData } from '../table-run.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-predictions-'));
const given = (name: string) => join('test', 'fixtures', 'predictions', name);
const at = (name: string) => join(folder, name);
const small: FitConfig = {
  model: { hidden: [8], likelihood: 'auto' },
  warmStart: { epochs: 20 },
  sampler: { warmup: 100, steps: 100, thin: 5 },
  chains: 2,
  repair: { share: 0 },
  seed: 1,
};
const fitted = (name: string, data: string, target: string, config: FitConfig = {}) =>
  fit({
    data,
    out: at(name),
    workers: 0,
    config: {
      ...small,
      ...config,
      data: { target, ...config.data },
      sampler: { ...small.sampler, ...config.sampler },
      model: { ...small.model, ...config.model },
    },
  });
type Numbers = Record<string, number>;

describe('rows that are far from what was seen', () => {
  beforeAll(async () => {
    await fitted('base', given('base.csv'), 'y', { model: { likelihood: 'gaussian' } });
  });

  it('keep their line and are named; the others are predicted', async () => {
    for (const file of ['far2.csv', 'base_new_far.csv']) {
      const { rows, warnings } = await predict({ run: at('base'), data: given(file) });
      const lines = readFileSync(given(file), 'utf8').trim().split('\n').slice(1);
      expect(rows.length).toBe(lines.length);
      rows.forEach((row, i) => {
        const far = Math.abs(Number(lines[i].split(',')[0])) > 1e9;
        expect(row.outside).toBe(far ? 'a' : '');
        if (!far) expect([Number.isFinite(row.mean), row.unusable]).toEqual([true, 0]);
      });
      expect(warnings.join('\n')).toMatch(/outside what the training rows showed, by a \(\d\)/);
    }
  });

  it('a cell beyond any number is the matter of its row, and an unseen category is a flag', async () => {
    const data = at('odd.csv');
    writeFileSync(data, 'a,b,colour,who\n0.5,3,red,ann\n1e300,3,red,bob\n0.5,3,mauve,cid\ninf,3,mauve,dan\n');
    const { rows, warnings } = await predict({ run: at('base'), data, ids: ['who'] });
    expect(rows.map(({ outside }) => outside)).toEqual(['', 'a', 'colour', 'a|colour']);
    expect(rows.map(({ who }) => who)).toEqual(['ann', 'bob', 'cid', 'dan']);
    expect(Object.keys(rows[0])[0]).toBe('who');
    expect(rows[0].unusable).toBe(0);
    expect(warnings.join('\n')).toContain("'mauve'");
    await expect(predict({ run: at('base'), data, ids: ['mean'] })).rejects.toThrow('under names that predictions');
  });

  it('a word where training had numbers counts as missing in its row, is told with its line and flagged', async () => {
    const data = at('words.csv');
    writeFileSync(data, 'a,b,colour\n0.5,3,red\n2021-01-03,3,red\n0.5,three,7\n0.5,,red\n');
    const { rows, warnings } = await predict({ run: at('base'), data });
    expect(rows.map(({ outside }) => outside)).toEqual(['', 'a', 'colour|b', '']);
    expect(rows.every(({ mean, unusable }) => Number.isFinite(mean) && unusable === 0)).toBe(true);
    const known = { a: 0.5, colour: 'red' };
    const [word, gap] = (
      await predict({
        run: at('base'),
        data: [
          { ...known, b: 'three' },
          { ...known, b: '' },
        ],
      })
    ).rows;
    expect(word).toEqual({ ...gap, outside: 'b' });
    const told = warnings.join('\n');
    expect(told).toContain(
      "column 'a': 1 of 4 cells is no number, as training had, and counts as missing: '2021-01-03' (line 3)",
    );
    expect(told).toContain(
      "column 'b': 1 of 4 cells is no number, as training had, and counts as missing: 'three' (line 4)",
    );
    expect(told).toContain("column 'colour': category '7' (1 rows) was not in training");
    expect(told).toContain('2 of 4 rows (rows 2, 3) lie outside what the training rows showed');
    const { warnings: strange, rows: count } = await withRun(at('base'), (run) => outOfDistribution(run, data));
    expect(count).toBe(4);
    expect(strange).toEqual(warnings);
  });

  it('a row that no draw predicts has empty cells and the count of all draws', async () => {
    const run = loadRun(at('base'));
    const stored = readTensors(runPaths(at('base')).member(0)).tensors.theta.data;
    expect(stored.length).toBe(run.network.dim);
    const raw = await fitted('relu', given('base.csv'), 'y', { model: { likelihood: 'gaussian', activation: 'relu' } });
    const { rows, warnings } = await predict({
      run: at('relu'),
      data: [
        { a: 0.5, b: 3, colour: 'red' },
        { a: 1e60, b: 3, colour: 'red' },
      ],
      conformal: 0.8,
    });
    const draws = raw.bayesianEnsemble?.test.members;
    expect(rows[1]).toMatchObject({ mean: Number.NaN, conformalLower: Number.NaN, unusable: draws, outside: 'a' });
    expect(Number.isFinite(rows[0].conformalLower)).toBe(true);
    expect(warnings.join('\n')).toContain('1 of 2 rows (row 2): no draw predicts finite numbers');
    writeFileSync(at('far.csv'), 'a,b,colour\n0.5,3,red\n1e60,3,red\n9,3,red\n');
    const strange = await withRun(at('relu'), (opened) => outOfDistribution(opened, at('far.csv')));
    expect(strange.rows).toBe(3);
    expect(Number.isNaN(strange.auroc.total)).toBe(false);
  });

  it('many unseen categories are one warning', async () => {
    const data = Array.from({ length: 3000 }, (_, i) => ({ a: 0.5, b: 3, colour: `c${i}` }));
    const { rows, warnings } = await predict({ run: at('base'), data, quantiles: [] });
    expect(rows.length).toBe(3000);
    expect(warnings.filter((warning) => warning.includes('not in training')).length).toBe(1);
    expect(warnings.join('\n')).toMatch(/3000 (categories|rows)|3,000/);
  });

  it('are numbered in exports as in the file', async () => {
    const [path] = await exportRun(at('base'), at('exports'), ['predictions']);
    const rows = await parquetReadObjects({ file: await asyncBufferFromFile(path) });
    const lines = readFileSync(given('base.csv'), 'utf8').trim().split('\n').slice(1);
    for (const { row, observed } of rows) {
      expect(observed).toBeCloseTo(Number(lines[Number(row) - 1].split(',')[3]), 3);
    }
  });
});

describe('logits of millions', () => {
  it('leave probabilities that sum to 1', async () => {
    const data = at('fares.csv');
    const line = (i: number) => `${i % 40},${i % 2 ? 'yes' : 'no'}`;
    writeFileSync(data, `fare,lived\n${Array.from({ length: 80 }, (_, i) => line(i)).join('\n')}\n`);
    await fitted('fares', data, 'lived', { model: { activation: 'relu' } });
    const { rows } = await predict({ run: at('fares'), data: [1, 1e6, 1e9, 1e13].map((fare) => ({ fare })) });
    for (const row of rows as Numbers[]) expect(row['p(yes)'] + row['p(no)']).toBeCloseTo(1, 6);
    expect(rows.map(({ outside }) => outside)).toEqual(['', 'fare', 'fare', 'fare']);
    const run = loadRun(at('fares'));
    // Equal logits of some 1e8: float32 has no digits left for their log 2.
    const members = [{ chain: 0, first: 0, thetas: new Float32Array(run.network.dim).fill(3000) }];
    const predictor = memberPredictor(run);
    for await (const { logProbability } of predictor.of(tableData(run).test.asked(), members)) {
      const best = tableData(run).test.x.reduce((at, x, i, all) => (x > all[at] ? i : at), 0);
      expect(usableClasses(logProbability, best, 2)).toBe(true);
      expect(Math.exp(logProbability[2 * best]) + Math.exp(logProbability[2 * best + 1])).toBeCloseTo(1, 6);
    }
    await predictor.release();
  });
});

/** Makes every draw and warm start of a run NaN. */
function spoil(dir: string, what: 'draws' | 'members'): void {
  const paths = runPaths(dir);
  for (const k of [0, 1]) {
    const path = what === 'members' ? paths.member(k) : join(paths.chain(k), 'draws-000001.safetensors');
    const { tensors, metadata } = readTensors(path);
    tensors[what === 'members' ? 'theta' : 'draws'].data.fill(Number.NaN);
    writeTensors(path, { tensors, metadata });
  }
}

describe('a sampler that diverges', () => {
  it.each([
    ['regression', given('base.csv'), 'y'],
    ['classification', given('coin.csv'), 'c'],
  ])('is a verdict with the scores of the deep ensemble: %s', async (task, data, target) => {
    const name = `diverged-${task}`;
    const result = await fitted(name, data, target, { sampler: { name: 'sgld', stepSize: 10 } });
    spoil(at(name), 'draws');
    const again = await evaluate(at(name));
    for (const { verdict, deepEnsemble } of [result, again]) {
      expect(verdict.trusted).toBe(false);
      expect(Number.isFinite(deepEnsemble.test.lppd)).toBe(true);
    }
    expect(again.bayesianEnsemble?.test).toMatchObject({ members: 0, lppd: -Infinity });
    expect(again.bayesianEnsemble?.test.leftOut?.emptyRows).toBe(again.bayesianEnsemble?.test.rows);
    const page = runPage(await collectReport(at(name)));
    expect(page.findings.join('\n')).toContain('No draw predicts finite numbers');
    const features = task === 'regression' ? { a: 0.5, b: 3, colour: 'red' } : { a: 0.5, b: 1 };
    const { ensemble, warnings, rows } = await predict({ run: at(name), data: [features] });
    expect(ensemble).toBe('deep');
    expect(warnings[0]).toContain('THESE ARE PREDICTIONS OF THE DEEP ENSEMBLE');
    expect(rows[0].unusable).toBe(0);
    expect((await exportRun(at(name), at(`${name}-out`), ['predictions'])).length).toBe(1);
  });

  it('and a warm start that diverges is scored all the same', async () => {
    await fitted('lost', given('base.csv'), 'y');
    spoil(at('lost'), 'members');
    const { deepEnsemble, singleNetwork, verdict } = await evaluate(at('lost'));
    expect(deepEnsemble.valid).toMatchObject({ members: 0, lppd: -Infinity });
    expect(singleNetwork.valid.lppd).toBeNaN();
    expect(verdict.predictions.findings.length + (verdict.sampling?.findings.length ?? 0)).toBeGreaterThan(0);
    expect(runPage(await collectReport(at('lost'))).findings.join('\n')).toContain('some test row is impossible');
  });

  it('a run without draws has a report of what it started from', async () => {
    const stop = new AbortController();
    stop.abort();
    const config = { ...small, data: { target: 'y' } };
    await fit({ data: given('base.csv'), out: at('none'), workers: 0, config, signal: stop.signal });
    const report = await collectReport(at('none'));
    expect(report.evaluation.bayesianEnsemble).toBeUndefined();
    expect(runPage(report).findings[0]).toContain('There are no draws');
  });
});

describe('conformal sets', () => {
  it('hold the share that is said, of the sets really handed out', async () => {
    for (const name of ['labcomma', 'coin'] as const) {
      await fitted(name, given(`${name}.csv`), 'c');
      const run = loadRun(at(name));
      const { test } = loadData(run);
      const lines = readFileSync(given(`${name}.csv`), 'utf8')
        .trim()
        .split('\n')
        .slice(1);
      const cells = Array.from(test.rows ?? [], (row) => lines[row - 1].match(/("[^"]*"|[^,]+)/g) ?? []);
      const data = cells.map(([a, b]) => ({ a: Number(a), b: Number(b) }));
      const { rows, calibration } = await predict({ run: at(name), data, conformal: 0.8 });
      const held = rows.filter(({ conformal }, i) =>
        String(conformal).split('|').includes(cells[i][2].replaceAll('"', '')),
      );
      expect(calibration?.testCoverage).toBeCloseTo(held.length / rows.length, 12);
      const sizes = rows.map(({ conformal }) => String(conformal).split('|').length);
      expect(calibration?.testSize).toBeCloseTo(sizes.reduce((a, b) => a + b, 0) / sizes.length, 12);
    }
  });

  it('are calibrated again when the run has other draws, and so is the recalibration', async () => {
    const asked = { run: at('base'), data: [{ a: 0.5, b: 3, colour: 'red' }], conformal: 0.8, recalibrate: true };
    const first = await predict(asked);
    const paths = [runPaths(at('base')).conformal('cqr', 0.8), runPaths(at('base')).recalibration];
    const planted = paths.map((path) => ({ ...(readJson(path) as object), planted: true }));
    paths.forEach((path, k) => {
      writeJson(path, planted[k]);
    });
    const again = await predict(asked);
    expect(again.calibration).toMatchObject({ planted: true });
    expect([first, again].flatMap(({ warnings }) => warnings).filter((said) => said.includes('learned'))).toEqual([]);
    await resume(at('base'), { draws: 20, workers: 0 });
    const later = await predict(asked);
    expect(later.calibration).not.toMatchObject({ planted: true });
    expect(later.recalibration).not.toMatchObject({ planted: true });
    const told = ['conformal calibration', 'recalibration'].map((what) =>
      expect.stringContaining(`the ${what} is learned`),
    );
    expect(later.warnings).toEqual(expect.arrayContaining(told));
    expect((await predict(asked)).warnings).not.toEqual(expect.arrayContaining(told));
    expect(later.calibration?.threshold).not.toBe(first.calibration?.threshold);
  });

  it('groups split a number at its mean in its own units, and know what they have not seen', async () => {
    await fitted('raw', given('base.csv'), 'y', { data: { standardise: 'none', exclude: ['colour'] } });
    const run = loadTable(at('raw'));
    const b = run.preprocessing.columns.findIndex(({ name }) => name === 'b');
    const code = run.preprocessing.columns[b];
    const mean = code.kind === 'numeric' ? (code.seen?.mean ?? 0) : 0;
    expect(mean).toBeGreaterThan(0.5);
    const x = Float32Array.from([mean - 0.1, mean + 0.1].flatMap((value) => (b === 0 ? [value, 0] : [0, value])));
    expect(groupsOf(run, x, 'b')).toEqual(['b below its mean', 'b above its mean']);
    const whole = loadTable(at('base'));
    const unseen = new Float32Array(whole.preprocessing.inputNames.length);
    expect(groupsOf(whole, unseen, 'colour')).toEqual(['colour not seen in training']);
    const asked = { run: at('base'), conformal: 0.8, conformalGroup: 'colour' };
    const { calibration, rows } = await predict({ ...asked, data: [{ a: 0.5, b: 3, colour: 'mauve' }] });
    const common = await predict({ ...asked, conformalGroup: undefined, data: [{ a: 0.5, b: 3, colour: 'mauve' }] });
    expect(calibration?.groups?.length).toBeGreaterThan(1);
    expect(rows[0].conformalLower).toBe(common.rows[0].conformalLower);
  });
});

describe('recalibration', () => {
  it('is applied where it helps on rows it was not learned from, and else not', async () => {
    const found = await withRun(at('base'), (run) => recalibrate(run));
    const { before, after, gain } = found.crossFitted;
    expect(after.lppd - before.lppd).toBeCloseTo(gain, 9);
    expect(found.helps).toBe(gain > found.crossFitted.error);
    const asked = { run: at('base'), data: [{ a: 0.5, b: 3, colour: 'red' }] };
    const [plain] = (await predict(asked)).rows as Numbers[];
    const path = runPaths(at('base')).recalibration;
    for (const helps of [true, false]) {
      writeJson(path, { ...found, scale: 3, helps });
      const [row] = (await predict({ ...asked, recalibrate: true })).rows as Numbers[];
      expect(row.aleatoric).toBeCloseTo(helps ? 3 * plain.aleatoric : plain.aleatoric, 12);
    }
    writeJson(path, found);
  });
});

describe('sensitivity', () => {
  it('takes the largest batch there is, and tells each shift as it is known', async () => {
    await fitted('tiny', given('base.csv'), 'y', { sampler: { batchSize: 100 } });
    const heard: string[] = [];
    const shifts = await sensitivity(at('tiny'), {
      workers: 0,
      onProgress: () => {},
      onShift: ({ variation }) => heard.push(variation),
    });
    expect(heard).toEqual(['half step', 'whole batch']);
    const { test } = loadData(loadRun(at('tiny')));
    for (const { rows, shift } of shifts) expect([rows, Number.isFinite(shift)]).toEqual([test.y.length, true]);
  });
});
