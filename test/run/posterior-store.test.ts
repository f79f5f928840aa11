/** posterior.zarr and files of draws: as their bytes say, as the library reads them, as Python does. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { registry } from 'zarrita';
import { type Evaluation, evaluate } from '../../src/answers/evaluate.ts';
import { drawsPerFile, readWatched, SAMPLE_STATS } from '../../src/chains/posterior-store.ts';
import { rewatch } from '../../src/chains/rewatch.ts';
import { fit } from '../../src/control/fit.ts';
import { demoCsv } from '../../src/data/demo.ts';
import { loadData, loadRun } from '../../src/spec/loaded-run.ts';
import type { FitEvent } from '../../src/spec/records.ts';
import type { FitConfig } from '../../src/spec/spec.ts';
import { readDraws } from '../../src/store/draws.ts';
import { runPaths } from '../../src/store/rundir.ts';
import { readTensors, writeTensors } from '../../src/store/safetensors.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-zarr-'));
const data = join(folder, 'demo.csv');
writeFileSync(data, demoCsv(1, 200));
const config: FitConfig = {
  model: { hidden: [8], likelihood: 'gaussian-per-input' },
  warmStart: { epochs: 10 },
  sampler: { warmup: 500, steps: 4000, thin: 10, batchSize: 32 },
  chains: 3,
  seed: 3,
};
const out = join(folder, 'run');
const cut = join(folder, 'unfinished');
let evaluation: Evaluation;
beforeAll(async () => {
  evaluation = await fit({ data, out, config, workers: 0 });
  const stop = new AbortController();
  const onEvent = (event: FitEvent) =>
    event.type === 'progress' && event.block.phase === 'sampling' && event.block.step > 500 && stop.abort();
  await fit({ data, out: cut, config, workers: 0, signal: stop.signal, onEvent });
});
const json = (...path: string[]) => JSON.parse(readFileSync(join(out, 'posterior.zarr', ...path, 'zarr.json'), 'utf8'));

describe('posterior.zarr', () => {
  it('is zarr v3, byte by byte', async () => {
    expect(json()).toMatchObject({ zarr_format: 3, node_type: 'group' });
    expect(readdirSync(join(out, 'posterior.zarr')).sort()).toEqual([
      'log_likelihood',
      'observed_data',
      'posterior',
      'sample_stats',
      'zarr.json',
    ]);
    expect(json('posterior', 'prediction')).toMatchObject({
      zarr_format: 3,
      node_type: 'array',
      shape: [3, 400, 20],
      data_type: 'float64',
      chunk_grid: { name: 'regular', configuration: { chunk_shape: [1, 250, 20] } },
      chunk_key_encoding: { name: 'default', configuration: { separator: '/' } },
      fill_value: 'NaN',
      dimension_names: ['chain', 'draw', 'probe'],
      codecs: [
        { name: 'bytes', configuration: { endian: 'little' } },
        { name: 'zstd', configuration: { level: 3, checksum: false } },
      ],
    });
    const bytes = readFileSync(join(out, 'posterior.zarr', 'posterior', 'prediction', 'c', '1', '1', '0'));
    expect(bytes.readUInt32LE(0)).toBe(0xfd2fb528);
    const zstd = await registry.get('zstd')?.();
    const raw = Buffer.from((await zstd?.fromConfig({ level: 3 }, undefined as never).decode(bytes)) as Uint8Array);
    expect(raw.length).toBe(250 * 20 * 8);
    const { data: all } = await readWatched(out, 'posterior/prediction');
    for (const [draw, probe] of [
      [0, 0],
      [149, 19],
      [70, 3],
    ])
      expect(raw.readDoubleLE(8 * (20 * draw + probe))).toBe(all[(400 + 250 + draw) * 20 + probe]);
    expect(raw.readDoubleLE(8 * 20 * 150)).toBeNaN();
  });

  it('holds what the draws say', async () => {
    const read = async (name: Parameters<typeof readWatched>[1]) => (await readWatched(out, name)).data as Float64Array;
    const means = await read('posterior/log_likelihood');
    const pointwise = (await readWatched(out, 'log_likelihood/y')).data;
    const running = await read('posterior/running_lppd');
    const rows = loadData(loadRun(out)).valid.y.length;
    const { convergence } = evaluation;
    for (let c = 0; c < 3; c++) {
      const chain = means.subarray(400 * c, 400 * (c + 1));
      expect(chain.reduce((a, b) => a + b, 0) / 400).toBeCloseTo(convergence?.chainMeans[c] ?? Number.NaN, 12);
      let lppd = 0;
      for (let r = 0; r < rows; r++) {
        let density = 0;
        for (let t = 0; t < 400; t++) density += Math.exp(pointwise[(400 * c + t) * rows + r]) / 400;
        lppd += Math.log(density) / rows;
      }
      expect(running[400 * (c + 1) - 1]).toBeCloseTo(lppd, 5);
    }
    const norms = await read('posterior/layer_norm');
    const [{ data: draws, stats }] = readDraws(runPaths(out).chain(0), loadRun(out).network.dim);
    expect(norms[0]).toBeCloseTo(Math.sqrt(draws.subarray(0, 8).reduce((sum, w) => sum + w * w, 0) / 8), 12);
    const lp = await read('sample_stats/lp');
    expect(lp[7]).toBe(stats[7 * SAMPLE_STATS.length + SAMPLE_STATS.indexOf('lp')]);
    expect((await read('sample_stats/step')).subarray(0, 3)).toEqual(Float64Array.of(0, 10, 20));
    expect((await read('sample_stats/step_size')).every((size) => size > 0)).toBe(true);
  });

  it('leaves a draw that is not finite out of the running LPPD, and of nothing after it', async () => {
    const dir = join(folder, 'poisoned');
    cpSync(out, dir, { recursive: true });
    const run = loadRun(dir);
    const path = join(runPaths(dir).chain(1), 'draws-000001.safetensors');
    const { tensors, metadata } = readTensors(path);
    tensors.draws.data[100 * run.network.dim] = Number.NaN;
    writeTensors(path, { tensors, metadata });
    await rewatch(run, loadData(run), 1);
    const read = async (from: string, name: Parameters<typeof readWatched>[1]) => (await readWatched(from, name)).data;
    expect([...(await read(dir, 'posterior/log_likelihood'))].findIndex(Number.isNaN)).toBe(400 + 100);
    const [before, after] = [await read(out, 'posterior/running_lppd'), await read(dir, 'posterior/running_lppd')];
    expect(after.subarray(400, 500)).toEqual(before.subarray(400, 500));
    expect(after[500]).toBe(after[499]);
    const pointwise = await read(out, 'log_likelihood/y');
    const rows = loadData(run).valid.y.length;
    let lppd = 0;
    for (let r = 0; r < rows; r++) {
      let density = 0;
      for (let t = 0; t < 400; t++) if (t !== 100) density += Math.exp(pointwise[(400 + t) * rows + r]) / 399;
      lppd += Math.log(density) / rows;
    }
    expect(after[799]).toBeCloseTo(lppd, 5);
  });

  it('is written in blocks that are bounded in draws and in bytes', () => {
    expect([10, 16_777, 16_778, 1e6, 10.8e6, 1e9].map((dim) => drawsPerFile({ dim }))).toEqual([
      250, 250, 249, 4, 1, 1,
    ]);
  });

  it('of an unfinished run reads as NaN where there is no draw yet', async () => {
    const { chains } = await evaluate(cut);
    const { data: means } = await readWatched(cut, 'posterior/log_likelihood');
    for (const [c, { draws }] of chains.entries()) {
      expect(draws).toBeGreaterThan(49);
      expect(draws).toBeLessThan(400);
      const known = [...means.subarray(400 * c, 400 * (c + 1))].map(Number.isFinite);
      expect(known).toEqual(known.map((_, t) => t < draws));
    }
  });
});

describe('float16', () => {
  it('takes half the disk and changes predictions by less than its rounding', async () => {
    const half = join(folder, 'half');
    const rounded = await fit({ data, out: half, config: { ...config, storage: { draws: 'float16' } }, workers: 0 });
    const file = join(runPaths(half).chain(0), 'draws-000001.safetensors');
    const whole = join(runPaths(out).chain(0), 'draws-000001.safetensors');
    const d = loadRun(out).network.dim;
    expect(statSync(whole).size - statSync(file).size).toBeGreaterThanOrEqual(250 * d * 2 - 100);
    // Relative rounding 2⁻¹¹ of every weight: far below the Monte Carlo error of the RMSE.
    const [a, b] = [evaluation, rounded].map(({ bayesianEnsemble }) => bayesianEnsemble?.test.rmse ?? Number.NaN);
    expect(Math.abs(a - b) / a).toBeLessThan(2 ** -9);
    const size = readFileSync(file).readBigUInt64LE();
    const header = JSON.parse(
      readFileSync(file)
        .subarray(8, 8 + Number(size))
        .toString(),
    );
    expect(header.draws).toMatchObject({ dtype: 'F16', shape: [250, d] });
    expect(header.__metadata__.stats).toBe('step step_size energy_error lp diverging non_finite');
  });
});

const imports = (packages: string) => spawnSync('python3', ['-c', `import ${packages}`]).status === 0;
const has = { xarray: imports('xarray, zarr; xarray.open_datatree'), safetensors: imports('safetensors.numpy') };
for (const [name, there] of Object.entries(has)) {
  if (!there) console.log(`no python3 with ${name}: its snippet of docs/formats.md is skipped`);
}

describe.each(['finished', 'unfinished'])('the Python snippets of docs/formats.md, on a %s run', (which) => {
  const run = which === 'finished' ? out : cut;
  const snippets = [...readFileSync('docs/formats.md', 'utf8').matchAll(/```python\n([\s\S]*?)```/g)];
  const answer = ([, code]: RegExpExecArray) => {
    const { stdout, stderr, status } = spawnSync('python3', ['-c', `RUN = ${JSON.stringify(run)}\n${code}`], {
      encoding: 'utf8',
    });
    expect(status, stderr).toBe(0);
    return stdout;
  };

  it.skipIf(!has.xarray)('open posterior.zarr', async () => {
    const draws = Math.min(...(await evaluate(run)).chains.map((chain) => chain.draws));
    expect(answer(snippets[0])).toContain(`(3, ${draws})`);
  });

  it.skipIf(!has.safetensors)('open the draws', async () => {
    expect(answer(snippets[1])).toBe(`${(await evaluate(run)).chains[0].draws} float32\n`);
  });
});
