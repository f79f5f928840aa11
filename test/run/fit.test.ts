import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { evaluate } from '../../src/answers/evaluate.ts';
import { predict } from '../../src/answers/predict.ts';
import { predictEncoded } from '../../src/answers/predict-rows.ts';
import { recalibrate, recalibrated } from '../../src/answers/recalibrate.ts';
import { runBlock } from '../../src/chains/block.ts';
import { fit } from '../../src/control/fit.ts';
import { demoCsv, demoTruth } from '../../src/data/demo.ts';
import { predictingEnsemble } from '../../src/spec/ensemble.ts';
import { loadData, loadRun } from '../../src/spec/loaded-run.ts';
import { withRun } from '../../src/spec/opened-run.ts';
import type { FitEvent } from '../../src/spec/records.ts';
import { type FitConfig, mergeConfigs } from '../../src/spec/spec.ts';
import { readJson, writeJson } from '../../src/store/files.ts';
import { runPaths } from '../../src/store/rundir.ts';
import { readTensors } from '../../src/store/safetensors.ts';
import { said } from '../verdict.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-fit-'));
const data = join(folder, 'demo.csv');
writeFileSync(data, demoCsv(1, 300));
const small: FitConfig = {
  model: { hidden: [8, 8], likelihood: 'gaussian-per-input' },
  warmStart: { epochs: 60 },
  sampler: { warmup: 600, steps: 600, thin: 5, batchSize: 64 },
  chains: 3,
  seed: 4,
};
const run = (name: string, config: FitConfig = {}, source: Parameters<typeof fit>[0]['data'] = data) =>
  fit({ data: source, out: join(folder, name), config: mergeConfigs(small, config), workers: 0, force: true });
const draws = (name: string, chain: number) =>
  readdirSync(join(folder, name, 'chains', String(chain)))
    .filter((file) => file.startsWith('draws'))
    .map((file) => readFileSync(join(folder, name, 'chains', String(chain), file)));

describe('fit', () => {
  let result: Awaited<ReturnType<typeof run>>;
  const events: FitEvent[] = [];
  beforeAll(async () => {
    const out = join(folder, 'main');
    result = await fit({ data, out, config: small, workers: 0, onEvent: (event) => events.push(event) });
  });

  it('finds the shape of the demo’s noise and widens in its gap', async () => {
    const grid = [-3.5, -2, 0.5, 2, 3.5];
    const rows = (await predict({ run: join(folder, 'main'), data: grid.map((x) => ({ x })) })).rows as Record<
      string,
      number
    >[];
    for (const [i, x] of grid.entries()) {
      if (x === 0.5) continue;
      expect(Math.abs(rows[i].mean - demoTruth.mean(x))).toBeLessThan(0.35);
      expect(rows[i].aleatoric / demoTruth.sd(x)).toBeGreaterThan(0.5);
      expect(rows[i].aleatoric / demoTruth.sd(x)).toBeLessThan(2);
    }
    expect(rows[4].aleatoric).toBeGreaterThan(2 * rows[0].aleatoric);
    expect(rows[2].epistemic).toBeGreaterThan(2 * rows[1].epistemic);
  });

  it('scores, stores, notes and reports', () => {
    expect(result.task).toBe('regression');
    expect(result.bayesianEnsemble?.test.members).toBe(3 * 120);
    expect(readJson(runPaths(join(folder, 'main')).result)).toEqual(result);
    const notes = events.flatMap((event) => (event.type === 'note' ? [event.message] : []));
    expect(notes.join('\n')).toContain('300 rows, 2 columns, separated by comma, with header');
    expect(notes.join('\n')).toContain("regression: 'y' has");
    const phases = new Set(events.flatMap((event) => (event.type === 'progress' ? [event.block.phase] : [])));
    expect([...phases]).toEqual(['warm start', 'warm-up', 'sampling']);
    for (const chain of result.chains) expect(chain).toMatchObject({ status: 'done', draws: 120 });
  });

  it('evaluates to the same numbers again, from the run directory alone', async () => {
    expect(await evaluate(join(folder, 'main'))).toEqual(result);
  });

  it('refuses to overwrite, and files that are damaged', async () => {
    const out = join(folder, 'main');
    await expect(fit({ data, out, config: small, workers: 0 })).rejects.toThrow('expected a new or empty folder');
    const copy = join(folder, 'damaged');
    cpSync(out, copy, { recursive: true });
    truncateSync(join(copy, 'chains', '1', 'draws-000001.safetensors'), 999);
    await expect(predict({ run: copy, data: [{ x: 1 }] })).rejects.toThrow(
      'draws-000001.safetensors: expected a whole',
    );
    writeJson(join(copy, 'manifest.json'), { format: 'smile-run', version: 99 });
    await expect(predict({ run: copy, data: [{ x: 1 }] })).rejects.toThrow('expected run version 1, got 99');
  });

  it('predicts nothing without the columns of the training', async () => {
    const predicting = predict({ run: join(folder, 'main'), data: [{ z: 1 }] });
    await expect(predicting).rejects.toThrow("rows: expected a column 'x', got z. Add it under that name.");
    const { warnings } = await predict({ run: join(folder, 'main'), data: [{ x: 1, z: 2, y: 0 }] });
    expect(warnings).toEqual(['columns the model does not use were ignored: z']);
    await expect(predict({ run: join(folder, 'main'), data: [{ x: 1 }], quantiles: [2] })).rejects.toThrow('got 2');
  });
});

describe('chains', () => {
  it('are the same to the bit alone, in another block, and in another run of the same seed', async () => {
    const config = {
      sampler: { name: 'psmile', warmup: 60, steps: 60, thin: 5, batchSize: 33 },
      warmStart: { epochs: 5 },
    } as FitConfig;
    await run('a', config);
    await run('b', config);
    for (const chain of [0, 1, 2]) expect(draws('b', chain)).toEqual(draws('a', chain));
    rmSync(runPaths(join(folder, 'b')).chains, { recursive: true });
    await runBlock(join(folder, 'b'), { chains: [2], stopped: () => false, onProgress: () => {} });
    expect(draws('b', 2)).toEqual(draws('a', 2));
    await run('c', mergeConfigs(config, { seed: 5 }));
    expect(draws('c', 0)).not.toEqual(draws('a', 0));
  });

  it('stop on request with what they have, and the result says so', async () => {
    const stop = new AbortController();
    const result = await fit({
      data,
      out: join(folder, 'stopped'),
      config: mergeConfigs(small, { sampler: { steps: 100_000 } }),
      workers: 0,
      signal: stop.signal,
      onEvent: (event) => {
        if (event.type === 'progress' && event.block.phase === 'sampling') stop.abort();
      },
    });
    expect(result.verdict.sampling?.answer).toBe('no');
    expect(said(result.verdict).reasons).toContain('chains 0, 1, 2: stopped before the end');
    expect(readJson(runPaths(join(folder, 'stopped')).manifest)).toMatchObject({ status: 'stopped' });
    expect((await predict({ run: join(folder, 'stopped'), data: [{ x: 1 }] })).rows.length).toBe(1);
  });

  it('stopped in the warm start leave the deep ensemble and no draws', async () => {
    const stop = new AbortController();
    const out = join(folder, 'early');
    const onEvent = (event: FitEvent) => void (event.type === 'progress' && stop.abort());
    const result = await fit({ data, out, config: small, workers: 0, signal: stop.signal, onEvent });
    expect(result.bayesianEnsemble).toBe(undefined);
    expect(result.deepEnsemble.test.members).toBe(3);
    expect(result.verdict.trusted).toBe(false);
    await expect(predict({ run: out, data: [{ x: 1 }] })).rejects.toThrow('stopped before its first');
  });
});

describe('verdict', () => {
  const quick: FitConfig = { sampler: { warmup: 100, steps: 300, batchSize: 64 } };
  const reasons = async (name: string, config: FitConfig) =>
    said((await run(name, mergeConfigs(quick, config))).verdict).reasons;

  it('finds frozen chains, exploding steps and too few draws', async () => {
    expect(await reasons('frozen', { sampler: { name: 'smile-naive', stepSize: 1e-9 } })).toContain('did not move');
    expect(await reasons('exploding', { sampler: { name: 'smile-naive', stepSize: 50 } })).toMatch(
      /non-finite|worse than the deep/,
    );
    expect(await reasons('few', { sampler: { thin: 300 } })).toContain('only 3 draws');
  });
});

describe('classification', () => {
  const rows = Array.from({ length: 240 }, (_, i) => {
    const [a, b] = [Math.sin(12.9 * i) * 2, Math.cos(7.1 * i) * 2];
    return { a, b: i % 17 === 0 ? null : b, kind: ['u', 'v'][i % 2], label: a * a + b * b > 4 ? 'out' : 'in' };
  });

  it('goes from objects to probabilities', async () => {
    const result = await run('classes', { model: { likelihood: 'auto' } }, rows);
    expect(result.task).toBe('classification');
    expect(result.bayesianEnsemble?.test.accuracy).toBeGreaterThan(0.8);
    const { rows: predicted } = await predict({ run: join(folder, 'classes'), data: rows.slice(0, 3) });
    for (const row of predicted) expect(Number(row['p(in)']) + Number(row['p(out)'])).toBeCloseTo(1, 5);
  });

  it('refuses a likelihood for the other task', async () => {
    await expect(run('wrong', {}, rows)).rejects.toThrow(
      'model.likelihood: expected one for classification, got gaussian-per-input',
    );
  });
});

describe('specification', () => {
  it('keeps asked batch sizes within the training rows and shrinks the others', async () => {
    await expect(run('batch', { sampler: { batchSize: 5000 } })).rejects.toThrow(
      'sampler.batchSize: expected at most the 210 training rows, got 5000. Lower it, or leave it out.',
    );
    const { sampler: _sampler, ...rest } = small;
    await fit({
      data,
      out: join(folder, 'shrunk'),
      config: { ...rest, sampler: { warmup: 5, steps: 5 }, warmStart: { epochs: 2 } },
      workers: 0,
    });
    expect(readFileSync(runPaths(join(folder, 'shrunk')).config, 'utf8')).toContain('batchSize: 210');
  });

  it('trains with σ = 1 in paper mode, so that log σ starts at zero', async () => {
    const config = {
      model: { likelihood: 'gaussian' },
      sampler: { mode: 'paper', warmup: 5, steps: 5, batchSize: 64 },
      warmStart: { epochs: 3 },
    } as FitConfig;
    await run('paper', config);
    const theta = readTensors(runPaths(join(folder, 'paper')).member(0)).tensors.theta.data;
    expect(theta[theta.length - 1]).toBe(0);
  });
});

describe('conformal predictions', () => {
  it.each(['cqr', 'scaled'] as const)(
    '%s: calibrated on the validation rows, kept in the run, replayed',
    async (method) => {
      const asked = { run: join(folder, 'main'), data: [{ x: -2 }, { x: 2 }], conformal: 0.8, conformalMethod: method };
      const { rows, calibration } = await predict(asked);
      expect(calibration?.calibrationRows).toBe(30);
      expect(calibration?.testCoverage).toBeGreaterThan(0.6);
      for (const row of rows as Record<string, number>[]) {
        expect(row.conformalLower).toBeLessThan(row['q0.5']);
        expect(row.conformalUpper).toBeGreaterThan(row['q0.5']);
        expect(row['q0.1']).toBeUndefined();
      }
      const kept = runPaths(join(folder, 'main')).conformal(method, 0.8);
      writeJson(kept, { ...calibration, threshold: 100 });
      const again = (await predict(asked)).rows as Record<string, number>[];
      expect(again[0].conformalUpper - again[0].conformalLower).toBeGreaterThan(20);
      rmSync(kept);
    },
  );

  it('gives groups thresholds of their own where they have the rows', async () => {
    const asked = { run: join(folder, 'main'), data: [{ x: -2 }, { x: 3 }], conformal: 0.8, conformalGroup: 'x' };
    const { calibration, rows } = await predict(asked);
    expect(calibration?.groups?.map(({ group }) => group)).toEqual(['x above its mean', 'x below its mean']);
    const total = calibration?.groups?.reduce((sum, group) => sum + group.calibrationRows, 0);
    expect(total).toBe(30);
    const common = (await predict({ ...asked, conformalGroup: undefined })).rows as Record<string, number>[];
    const [above, below] = calibration?.groups ?? [];
    const grouped = rows as Record<string, number>[];
    const widened = (i: number) => grouped[i].conformalUpper - common[i].conformalUpper;
    expect(widened(0) - widened(1)).toBeCloseTo(below.threshold - above.threshold, 9);
    await expect(predict({ ...asked, conformalGroup: 'z' })).rejects.toThrow("got 'z'");
  });

  it('refuses levels that the validation rows cannot give, and methods of the other task', async () => {
    const asked = { run: join(folder, 'main'), data: [{ x: 1 }] };
    await expect(predict({ ...asked, conformal: 0.99 })).rejects.toThrow('more than 30 validation rows');
    await expect(predict({ ...asked, conformal: 0.9, conformalMethod: 'aps' })).rejects.toThrow('cqr or scaled');
  });
});

describe('recalibration', () => {
  it('stretches deviations and quantiles about the mean, is kept, replayed, and gone with a new fit', async () => {
    await run('scaled', {});
    const asked = { run: join(folder, 'scaled'), data: [{ x: -2 }, { x: 2 }] };
    const [plain] = (await predict(asked)).rows as Record<string, number>[];
    const path = runPaths(asked.run).recalibration;
    // Whatever it gains on these few rows: what is asked here is how it is applied.
    writeJson(path, { ...(await withRun(asked.run, (run) => recalibrate(run))), helps: true });
    const { recalibration, rows } = await predict({ ...asked, recalibrate: true, conformal: 0.8 });
    const [row] = rows as Record<string, number>[];
    const scale = recalibration?.scale ?? Number.NaN;
    expect(row.mean).toBe(plain.mean);
    for (const name of ['aleatoric', 'epistemic']) expect(row[name]).toBeCloseTo(scale * plain[name], 12);
    for (const q of ['q0.05', 'q0.75']) expect(row[q] - row.mean).toBeCloseTo(scale * (plain[q] - plain.mean), 12);
    const [conformal] = (await predict({ ...asked, conformal: 0.8 })).rows as Record<string, number>[];
    expect(row.conformalLower).toBe(conformal.conformalLower);
    writeJson(path, { ...recalibration, scale: 3 });
    const [again] = (await predict({ ...asked, recalibrate: true })).rows as Record<string, number>[];
    expect(again.aleatoric).toBeCloseTo(3 * plain.aleatoric, 12);
    await run('scaled', {});
    expect((await predict({ ...asked, recalibrate: true })).recalibration?.scale).toBeCloseTo(scale, 12);
  });

  it('scores the mixture of stretched members', async () => {
    const scaled = loadRun(join(folder, 'scaled'));
    const { target } = scaled.preprocessing as { target: { mean: number; sd: number } };
    const { y } = loadData(scaled).test;
    const density = new Float64Array(y.length);
    let members = 0;
    const { found, rows } = await withRun(scaled.dir, async (run) => {
      const found = await recalibrate(run);
      const predicted = await predictEncoded(run, await predictingEnsemble(run), run.data.test.asked(), [0.05, 0.95]);
      const rows = predicted as Record<string, number>[];
      for await (const { mean, sd } of run.predict(run.data.test.asked(), run.draws())) {
        members++;
        for (let i = 0; i < y.length; i++) {
          const centre = (rows[i].mean - target.mean) / target.sd;
          const z = (y[i] - centre - found.scale * (mean[i] - centre)) / (found.scale * sd[i]);
          density[i] += Math.exp(-0.5 * z * z) / (found.scale * sd[i] * Math.sqrt(2 * Math.PI));
        }
      }
      return { found, rows };
    });
    const { scale, before, after } = found;
    const lppd = density.reduce((sum, p) => sum + Math.log(p / members), 0) / y.length;
    expect(after.lppd).toBeCloseTo(lppd, 9);
    expect(before.lppd).toBeCloseTo((await evaluate(join(folder, 'scaled'))).bayesianEnsemble?.test.lppd ?? 0, 9);
    const inside = rows.filter((row, i) => {
      const stretched = recalibrated(scaled, row, scale) as Record<string, number>;
      const observed = target.mean + target.sd * y[i];
      return observed >= stretched['q0.05'] && observed <= stretched['q0.95'];
    });
    expect(after.coverage90).toBeCloseTo(inside.length / y.length, 12);
  });

  it('tempers class probabilities and keeps the shares of their entropy', async () => {
    const asked = { run: join(folder, 'classes'), data: [{ a: 0.5, b: 1.5, kind: 'u' }] };
    writeJson(runPaths(asked.run).recalibration, {
      ...(await withRun(asked.run, (run) => recalibrate(run))),
      helps: true,
    });
    const { recalibration, rows } = await predict({ ...asked, recalibrate: true });
    const [plain] = (await predict(asked)).rows as Record<string, number>[];
    const [row] = rows as Record<string, number>[];
    const names = Object.keys(row).filter((name) => name.startsWith('p('));
    const weights = names.map((name) => plain[name] ** (1 / (recalibration?.scale ?? 1)));
    const total = weights.reduce((sum, w) => sum + w, 0);
    names.forEach((name, k) => {
      expect(row[name]).toBeCloseTo(weights[k] / total, 12);
    });
    const entropy = -names.reduce((sum, name) => sum + row[name] * Math.log(row[name]), 0);
    expect(row.aleatoric + row.epistemic).toBeCloseTo(entropy, 12);
    expect(row.epistemic / row.aleatoric).toBeCloseTo(plain.epistemic / plain.aleatoric, 9);
    expect(recalibration?.before.lppd).toBeCloseTo((await evaluate(asked.run)).bayesianEnsemble?.test.lppd ?? 0, 7);
  });
});

describe('baselines', () => {
  it('fit like any sampler: cyclical SGLD leaves its exploring draws out, MCLMC takes all rows', async () => {
    const steps = { warmup: 300, steps: 300, thin: 5 };
    const cyclical = await run('csgld', { sampler: { ...steps, name: 'csgld' } });
    expect(cyclical.bayesianEnsemble?.test.members).toBeLessThan(3 * 60 * 0.75);
    expect(cyclical.bayesianEnsemble?.test.members).toBeGreaterThan(3 * 60 * 0.5);
    const { sampler, ...rest } = small;
    const config = { ...rest, sampler: { ...steps, name: 'mclmc' as const } };
    const full = await fit({ data, out: join(folder, 'mclmc'), config, workers: 0, force: true });
    expect(full.verdict.trusted).toBe(true);
    const spec = readFileSync(runPaths(join(folder, 'mclmc')).config, 'utf8');
    expect(spec).toContain('batchSize: 210');
    expect(spec).toContain('stepSize: 0.01');
  });

  it('say what they cannot do', async () => {
    await expect(run('x', { sampler: { name: 'mclmc' } })).rejects.toThrow('needs full gradients');
    await expect(run('x', { sampler: { name: 'sgld', mode: 'paper' } })).rejects.toThrow('which only smile-naive');
  });
});
