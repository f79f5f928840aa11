import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { FileSystemStore } from '@zarrita/storage';
import { unzipSync } from 'fflate';
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

  it('draws for NumPy: every parameter under its name', async () => {
    const [path] = await exportRun(run, out, ['draws'], 'npz');
    const files = unzipSync(readFileSync(path));
    const weight = Buffer.from(files['weight1.npy']);
    expect(weight.subarray(0, 8).toString('latin1')).toBe('\x93NUMPY\x01\x00');
    const size = weight.readUInt16LE(8);
    expect((10 + size) % 64).toBe(0);
    const header = weight.subarray(10, 10 + size).toString('latin1');
    expect(header.trim()).toBe("{'descr': '<f4', 'fortran_order': False, 'shape': (40, 16, 1), }");
    expect(header.at(-1)).toBe('\n');
    const { tensors } = readTensors(join(out, 'draws.safetensors'));
    const d = tensors.draws.shape[1];
    const bias = Buffer.from(files['bias1.npy']);
    const first = (m: number) => bias.readFloatLE(bias.length - 4 * 16 * (40 - m));
    for (const m of [0, 17, 39]) expect(first(m)).toBe(tensors.draws.data[m * d + 16]);
    expect(Buffer.from(files['chain.npy']).readInt32LE(files['chain.npy'].length - 4)).toBe(1);
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
    const norms = await zarr.open(root.resolve('posterior/layer_norm'), { kind: 'array' });
    const layers = convergence?.layers ?? [];
    expect(norms.attrs.layers).toEqual(layers.map(({ name }) => name));
    const { data: norm } = await zarr.get(norms);
    const mean = Array.from({ length: 20 }, (_, t) => (norm as Float64Array)[t * layers.length]);
    expect(mean.reduce((a, b) => a + b, 0) / 20).toBeCloseTo(layers[0].chainNorms[0], 12);
    const { tensors } = readTensors(join(out, 'draws.safetensors'));
    const weights = [...tensors.draws.data.slice(0, 16)];
    expect(mean[0]).toBeCloseTo(Math.sqrt(weights.reduce((sum, w) => sum + w * w, 0) / 16), 6);
  });
});
