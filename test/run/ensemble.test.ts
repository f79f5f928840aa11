/** Whose predictions are handed out: the draws', or on request those of the deep ensemble they started from. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, it, vi } from 'vitest';
import { predict } from '../../src/answers/predict.ts';
import { fit } from '../../src/control/fit.ts';
import { inputsAsked } from '../../src/data/asked.ts';
import { demoCsv } from '../../src/data/demo.ts';
import { encode } from '../../src/data/table/encode.ts';
import { readDelimited } from '../../src/data/table/table.ts';
import { readStarts } from '../../src/spec/members.ts';
import { memberPredictor } from '../../src/spec/predictor.ts';
import { loadTable } from '../table-run.ts';

const graphs = vi.hoisted(() => ({ compiled: 0, released: 0 }));
vi.mock('../../src/spec/compute.ts', async (original) => {
  const real = await original<typeof import('../../src/spec/compute.ts')>();
  const compileFor: typeof real.compileFor = async (...given) => {
    const graph = await real.compileFor(...given);
    graphs.compiled++;
    const release = async () => {
      graphs.released++;
      await graph.release();
    };
    return { ...graph, release };
  };
  return { ...real, compileFor };
});

const folder = mkdtempSync(join(tmpdir(), 'smile-ensemble-'));
const data = join(folder, 'demo.csv');
const run = join(folder, 'run');
beforeAll(async () => {
  writeFileSync(data, demoCsv(1, 200));
  const sampler = { warmup: 100, steps: 100, batchSize: 64 };
  const config = { model: { hidden: [8] }, warmStart: { epochs: 20 }, sampler, chains: 3, seed: 2 };
  await fit({ data, out: run, config, workers: 0 });
});

it('the deep ensemble, where it is asked for, with a loud word', async () => {
  const { ensemble, rows, warnings } = await predict({ run, data, ensemble: 'deep' });
  expect(ensemble).toBe('deep');
  expect(warnings[0]).toBe('THESE ARE PREDICTIONS OF THE DEEP ENSEMBLE, not of the posterior: as --ensemble asks');
  const opened = loadTable(run);
  const { preprocessing } = opened;
  const table = await readDelimited(data);
  const { x } = encode(preprocessing, table, [...Array(table.rows).keys()], false);
  const means: Float64Array[] = [];
  const members = readStarts(opened).map((theta, chain) => ({ chain, first: 0, thetas: Float32Array.from(theta) }));
  const predictor = memberPredictor(opened);
  for await (const { mean } of predictor.of(inputsAsked(x, opened.network.inputs), members)) means.push(mean);
  await predictor.release();
  const { target } = preprocessing;
  if ('classes' in target) throw new Error('expected a regression');
  rows.forEach(({ mean }, i) => {
    const expected = target.mean + (target.sd * means.reduce((sum, member) => sum + member[i], 0)) / means.length;
    expect(mean).toBeCloseTo(expected, 10);
  });
});

it('the draws, where nothing or they are asked for', async () => {
  const usual = await predict({ run, data });
  expect(usual.ensemble).toBe('bayesian');
  expect((await predict({ run, data, ensemble: 'bayesian' })).rows).toEqual(usual.rows);
  expect((await predict({ run, data, ensemble: 'deep' })).rows).not.toEqual(usual.rows);
});

it('the deep ensemble of a run that was stopped before its first draw', async () => {
  const stopped = join(folder, 'stopped');
  const stop = new AbortController();
  const onEvent = () => stop.abort();
  const warmStart = { epochs: 5 };
  await fit({ data, out: stopped, config: { chains: 2, warmStart }, workers: 0, signal: stop.signal, onEvent });
  await expect(predict({ run: stopped, data })).rejects.toThrow(/expected draws to predict with/);
  const { rows } = await predict({ run: stopped, data, ensemble: 'deep' });
  expect(rows.every(({ mean }) => Number.isFinite(mean))).toBe(true);
});

it('an opened run compiles a graph once for rows of a shape, and releases it whatever happens', async () => {
  Object.assign(graphs, { compiled: 0, released: 0 });
  // Modules that another file has loaded know nothing of the count.
  vi.resetModules();
  const { withRun } = await import('../../src/spec/opened-run.ts');
  const asked = withRun(run, async (opened) => {
    const { valid } = opened.data;
    const places: string[] = [];
    for (let time = 0; time < 2; time++) {
      for await (const { chain, draw } of opened.predict(valid.asked(), opened.draws([1])))
        places.push(`${chain} ${draw}`);
    }
    expect(places.length).toBe(2 * opened.summaries[1].draws);
    expect(places.slice(places.length / 2)).toEqual(places.slice(0, places.length / 2));
    expect([places[0], places.at(-1)]).toEqual(['1 0', `1 ${opened.summaries[1].draws - 1}`]);
    expect(graphs).toEqual({ compiled: 1, released: 0 });
    throw new Error('asked enough');
  });
  await expect(asked).rejects.toThrow('asked enough');
  expect(graphs).toEqual({ compiled: 1, released: 1 });
});
