/** A run for other tools: predictions as Parquet, draws as safetensors, monitored quantities as zarr. */
import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { FileSystemStore } from '@zarrita/storage';
import { parquetWriteBuffer } from 'hyparquet-writer';
import * as zarr from 'zarrita';
import { writeWhole } from '../store/files.ts';
import { writeTensors } from '../store/safetensors.ts';
import { evaluate } from './evaluate.ts';
import { type LoadedRun, loadData, loadRun } from './load.ts';
import { predictMembers, readEnsemble } from './members.ts';
import { predictEncoded } from './predict.ts';

export const EXPORTS = ['predictions', 'draws', 'monitored'] as const;
export type ExportKind = (typeof EXPORTS)[number];

/** Validation rows whose predictions are monitored draw by draw. */
const PROBES = 20;

/** Writes the chosen parts to `out` and returns their paths. */
export async function exportRun(dir: string, out: string, kinds: readonly ExportKind[] = EXPORTS): Promise<string[]> {
  const run = loadRun(dir);
  mkdirSync(out, { recursive: true });
  const written: string[] = [];
  if (kinds.includes('predictions')) written.push(await exportPredictions(run, join(out, 'predictions.parquet')));
  if (kinds.includes('draws')) written.push(await exportDraws(run, join(out, 'draws.safetensors')));
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

/** `draws` `[M × d]` float32, `chain` `[M]`; where each parameter lies is in the metadata. */
async function exportDraws(run: LoadedRun, path: string): Promise<string> {
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
  const chain = Int32Array.from(chains.flatMap((c) => new Array<number>(c.draws).fill(c.chain)));
  let offset = 0;
  const parameters = run.network.parameters.map(({ name, shape }) => {
    const entry = { name, shape, offset };
    offset += shape.reduce((size, n) => size * n, 1);
    return entry;
  });
  writeTensors(path, {
    tensors: { draws: { shape: [members, d], data: draws }, chain: { shape: [members], data: chain } },
    metadata: { parameters: JSON.stringify(parameters) },
  });
  return path;
}

/**
 * Group `posterior` with arrays over (chain, draw): the mean validation log likelihood, and predictions at probe rows (mean, or
 * the probability of the observed class). Chains are cut to the shortest. Opens with
 * `xarray.open_datatree(path, engine="zarr", consolidated=False)`.
 */
async function exportMonitored(run: LoadedRun, path: string): Promise<string> {
  const { chains } = await evaluate(run.dir);
  const { valid } = loadData(run);
  const probes = Math.min(PROBES, valid.y.length);
  const draws = Math.min(...chains.map((chain) => chain.draws));
  const logLikelihood = new Float64Array(chains.length * draws);
  const prediction = new Float64Array(chains.length * draws * probes);
  const { target } = run.preprocessing;
  let chain = 0;
  let draw = 0;
  for await (const { mean, sd, logProbability } of predictMembers(run, valid.x, readEnsemble(run))) {
    while (draw >= chains[chain].draws) {
      chain++;
      draw = 0;
    }
    if (draw < draws) {
      const at = chain * draws + draw;
      const said = (i: number) =>
        'classes' in target
          ? logProbability[i * target.classes.length + valid.y[i]]
          : -0.5 * ((valid.y[i] - mean[i]) / sd[i]) ** 2 - Math.log(sd[i]) - 0.5 * Math.log(2 * Math.PI);
      for (let i = 0; i < valid.y.length; i++) logLikelihood[at] += said(i) / valid.y.length;
      for (let i = 0; i < probes; i++) {
        prediction[at * probes + i] = 'classes' in target ? Math.exp(said(i)) : target.mean + target.sd * mean[i];
      }
    }
    draw++;
  }
  rmSync(path, { recursive: true, force: true });
  const root = zarr.root(new FileSystemStore(resolve(path)));
  await zarr.create(root, { attributes: { software: run.manifest.software, sampler: run.spec.sampler.name } });
  const group = root.resolve('posterior');
  await zarr.create(group, { attributes: {} });
  const write = async (name: string, shape: number[], dimensionNames: string[], data: Float64Array) => {
    const array = await zarr.create(group.resolve(name), {
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
  await write('log_likelihood', [chains.length, draws], ['chain', 'draw'], logLikelihood);
  await write('prediction', [chains.length, draws, probes], ['chain', 'draw', 'probe'], prediction);
  return path;
}
