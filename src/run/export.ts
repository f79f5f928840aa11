/** A run for other tools: predictions as Parquet, draws as safetensors or npz, monitored quantities as zarr. */
import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { FileSystemStore } from '@zarrita/storage';
import { parquetWriteBuffer } from 'hyparquet-writer';
import * as zarr from 'zarrita';
import { sizeOf } from '../models/model.ts';
import { writeWhole } from '../store/files.ts';
import { encodeNpz } from '../store/npz.ts';
import { type StoredTensor, writeTensors } from '../store/safetensors.ts';
import { evaluate } from './evaluate.ts';
import { type LoadedRun, loadData, loadRun } from './load.ts';
import { predictMembers, readEnsemble } from './members.ts';
import { monitor, type Series } from './monitor.ts';
import { predictEncoded } from './predict.ts';

export const EXPORTS = ['predictions', 'draws', 'monitored'] as const;
export type ExportKind = (typeof EXPORTS)[number];

export type DrawFormat = 'safetensors' | 'npz';

/** Writes the chosen parts to `out` and returns their paths. */
export async function exportRun(
  dir: string,
  out: string,
  kinds: readonly ExportKind[] = EXPORTS,
  format: DrawFormat = 'safetensors',
): Promise<string[]> {
  const run = loadRun(dir);
  mkdirSync(out, { recursive: true });
  const written: string[] = [];
  if (kinds.includes('predictions')) written.push(await exportPredictions(run, join(out, 'predictions.parquet')));
  if (kinds.includes('draws')) written.push(await exportDraws(run, out, format));
  if (kinds.includes('monitored')) written.push(await exportMonitored(run, join(out, 'monitored.zarr')));
  return written;
}

/** A row per validation and test row: split, observed target, and every column of `predict`. */
async function exportPredictions(run: LoadedRun, path: string): Promise<string> {
  const data = loadData(run);
  const { target } = run.preprocessing;
  const columns = new Map<string, (number | string)[]>();
  const put = (name: string, value: number | string) => {
    const held = columns.get(name);
    if (held) held.push(value);
    else columns.set(name, [value]);
  };
  for (const split of ['valid', 'test'] as const) {
    const rows = await predictEncoded(run, data[split].x);
    rows.forEach((row, i) => {
      const y = data[split].y[i];
      put('split', split);
      put('observed', 'classes' in target ? target.classes[y] : target.mean + target.sd * y);
      for (const [name, value] of Object.entries(row)) put(name, value);
    });
  }
  const columnData = [...columns].map(([name, values]) => ({
    name,
    data: values,
    type: typeof values[0] === 'string' ? ('STRING' as const) : ('DOUBLE' as const),
  }));
  writeWhole(path, new Uint8Array(parquetWriteBuffer({ columnData })));
  return path;
}

/**
 * safetensors: `draws` `[M × d]` float32, `chain` `[M]`, and in the metadata where each parameter lies. npz: every parameter under
 * its name, `[M × shape]`, and `chain`.
 */
async function exportDraws(run: LoadedRun, out: string, format: DrawFormat): Promise<string> {
  const pieces = [...readEnsemble(run)];
  const d = run.network.dim;
  const members = pieces.reduce((sum, piece) => sum + piece.length / d, 0);
  const draws = new Float32Array(members * d);
  let at = 0;
  for (const piece of pieces) {
    draws.set(piece, at);
    at += piece.length;
  }
  const { chains } = await evaluate(run.dir);
  const chain = {
    shape: [members],
    data: Int32Array.from(chains.flatMap((c) => new Array<number>(c.draws).fill(c.chain))),
  };
  let offset = 0;
  const parameters = run.network.parameters.map(({ name, shape }) => {
    const entry = { name, shape, offset };
    offset += sizeOf(shape);
    return entry;
  });
  const path = join(out, `draws.${format}`);
  if (format === 'safetensors') {
    writeTensors(path, {
      tensors: { draws: { shape: [members, d], data: draws }, chain },
      metadata: { parameters: JSON.stringify(parameters) },
    });
    return path;
  }
  const arrays = parameters.map(({ name, shape, offset: from }): [string, StoredTensor] => {
    const size = sizeOf(shape);
    const data = new Float32Array(members * size);
    for (let m = 0; m < members; m++) data.set(draws.subarray(m * d + from, m * d + from + size), m * size);
    return [name, { shape: [members, ...shape], data }];
  });
  writeWhole(path, encodeNpz({ ...Object.fromEntries(arrays), chain }));
  return path;
}

/**
 * Group `posterior` with arrays over (chain, draw): the mean validation log likelihood, predictions at probe rows (mean, or
 * the probability of the observed class) and root mean square of each parameter tensor. Chains are cut to the shortest. Opens with
 * `xarray.open_datatree(path, engine="zarr", consolidated=False)`.
 */
async function exportMonitored(run: LoadedRun, path: string): Promise<string> {
  const { chains } = await evaluate(run.dir);
  const watch = monitor(run, chains);
  for await (const member of predictMembers(run, loadData(run).valid.x, readEnsemble(run))) watch.add(member);
  const { logLikelihood, probes, layers } = watch.result();
  const draws = Math.min(...chains.map((chain) => chain.draws));
  const cut = (series: Series) => Float64Array.from(series.flatMap((chain) => [...chain.subarray(0, draws)]));
  /** `[chain × draw × series]` from several series. */
  const together = (all: readonly Series[]) =>
    Float64Array.from(
      chains.flatMap((_, c) => Array.from({ length: draws }, (_, t) => all.map((series) => series[c][t])).flat()),
    );
  rmSync(path, { recursive: true, force: true });
  const root = zarr.root(new FileSystemStore(resolve(path)));
  await zarr.create(root, { attributes: { software: run.manifest.software, sampler: run.spec.sampler.name } });
  const group = root.resolve('posterior');
  await zarr.create(group, { attributes: {} });
  const write = async (
    name: string,
    shape: number[],
    dimensionNames: string[],
    data: Float64Array,
    attributes: Record<string, unknown> = {},
  ) => {
    const array = await zarr.create(group.resolve(name), {
      attributes,
      shape,
      chunkShape: [1, ...shape.slice(1)],
      dtype: 'float64',
      dimensionNames,
      fillValue: Number.NaN,
      codecs: [
        { name: 'bytes', configuration: { endian: 'little' } },
        { name: 'zstd', configuration: { level: 3, checksum: false } },
      ],
    });
    const stride = shape.map((_, axis) => shape.slice(axis + 1).reduce((size, n) => size * n, 1));
    await zarr.set(array, null, { data, shape, stride });
  };
  await write('log_likelihood', [chains.length, draws], ['chain', 'draw'], cut(logLikelihood));
  await write('prediction', [chains.length, draws, probes.length], ['chain', 'draw', 'probe'], together(probes));
  const norms = together(layers.map(({ norm }) => norm));
  await write('layer_norm', [chains.length, draws, layers.length], ['chain', 'draw', 'layer'], norms, {
    layers: layers.map(({ name }) => name),
  });
  return path;
}
