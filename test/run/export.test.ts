import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { beforeAll, describe, expect, it } from 'vitest';
import { evaluate } from '../../src/answers/evaluate.ts';
import { exportRun } from '../../src/answers/export.ts';
import { fit } from '../../src/control/fit.ts';
import { demoCsv } from '../../src/data/demo.ts';
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
  expect(await exportRun(run, out)).toHaveLength(2);
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
});
