import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { FileSystemStore } from '@zarrita/storage';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { beforeAll, describe, expect, it } from 'vitest';
import * as zarr from 'zarrita';
import { demoCsv } from '../../src/data/demo.ts';
import { evaluate } from '../../src/run/evaluate.ts';
import { exportRun } from '../../src/run/export.ts';
import { fit } from '../../src/run/fit.ts';
import { readTensors } from '../../src/store/safetensors.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-export-'));
const run = join(folder, 'run');
const out = join(folder, 'out');
beforeAll(async () => {
  writeFileSync(join(folder, 'demo.csv'), demoCsv(1, 200));
  const sampler = { warmup: 200, steps: 200, thin: 10, batchSize: 50 };
  await fit({
    data: join(folder, 'demo.csv'),
    out: run,
    config: { sampler, warmStart: { epochs: 10 }, chains: 2 },
    workers: 0,
  });
  expect(await exportRun(run, out)).toHaveLength(3);
});

describe('export', () => {
  it('predictions: a Parquet row per validation and test row', async () => {
    const file = await asyncBufferFromFile(join(out, 'predictions.parquet'));
    const rows = await parquetReadObjects({ file });
    expect(rows.length).toBe(60);
    expect(rows.filter(({ split }) => split === 'test').length).toBe(40);
    const test = rows.filter(({ split }) => split === 'test');
    const rmse = Math.sqrt(test.reduce((sum, row) => sum + (row.observed - row.mean) ** 2, 0) / test.length);
    const { bayesianEnsemble } = await evaluate(run);
    expect(rmse).toBeCloseTo(bayesianEnsemble?.test.rmse ?? Number.NaN, 6);
  });

  it('draws: every member, with its chain and the layout of its parameters', () => {
    const { tensors, metadata } = readTensors(join(out, 'draws.safetensors'));
    expect(tensors.draws.shape).toEqual([40, 1 * 16 + 16 + 2 * (256 + 16) + 16 + 1 + 1]);
    expect([...tensors.chain.data].filter((c) => c === 1).length).toBe(20);
    const layout = JSON.parse(metadata.parameters);
    expect(layout[0]).toEqual({ name: 'weight1', shape: [16, 1], offset: 0 });
    expect(layout.at(-1).offset).toBe(tensors.draws.shape[1] - 1);
  });

  it('monitored quantities: zarr over (chain, draw)', async () => {
    const root = zarr.root(new FileSystemStore(resolve(out, 'monitored.zarr')));
    const array = await zarr.open(root.resolve('posterior/log_likelihood'), { kind: 'array' });
    expect(array.shape).toEqual([2, 20]);
    const { data } = await zarr.get(array);
    const { convergence } = await evaluate(run);
    const first = (data as Float64Array).slice(0, 20).reduce((a, b) => a + b, 0) / 20;
    expect(first).toBeCloseTo(convergence?.chainMeans[0] ?? Number.NaN, 6);
    const meta = JSON.parse(readFileSync(join(out, 'monitored.zarr', 'posterior', 'prediction', 'zarr.json'), 'utf8'));
    expect(meta.dimension_names).toEqual(['chain', 'draw', 'probe']);
  });
});
