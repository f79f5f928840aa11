/**
 * What is watched of every draw, as `posterior.zarr` in the run directory, under ArviZ's group names. Arrays are as long as the run is
 * to be; a chunk has the draws of one of a chain's files, so that every chunk has one writer and draws not yet made read as NaN.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { LoadedRun, SplitData } from '../spec/loaded-run.ts';
import { readJson, readWhole, sha256, writeJson } from '../store/files.ts';
import { runPaths } from '../store/rundir.ts';
import { arrayShape, readArray, writeMetadata, writeRegion, type ZarrArray } from '../store/zarr.ts';
import type { Info } from '../types.ts';
import { PROBES } from './monitor.ts';

/** A file of draws has so many at most, and so many bytes at most, as float32, but for a draw that is larger: writers hold one file. */
const DRAWS_PER_FILE = 250;
const FILE_BYTES = 16 * 2 ** 20;

/** Draws of a chain that are written together, to files of draws as to `posterior.zarr`. */
export const drawsPerFile = ({ dim }: { readonly dim: number }): number =>
  Math.max(1, Math.min(DRAWS_PER_FILE, Math.floor(FILE_BYTES / (4 * dim))));
/** Validation rows whose log likelihood is watched draw by draw. */
const WATCHED_ROWS = 256;

const OBSERVED = 'observed_data/y';

/** Numbers about each draw, in the order in which files of draws keep them. `step` counts from the first of sampling. */
export const SAMPLE_STATS = ['step', 'step_size', 'energy_error', 'lp', 'diverging', 'non_finite'] as const;

/** The numbers about chain c's draw. */
export const statsOf = (step: number, { stepSize, energyChange, logDensity, reset, nonFinite }: Info, c: number) => [
  step,
  stepSize[c],
  energyChange[c],
  logDensity[c],
  reset[c],
  nonFinite[c],
];

/** A number about draw i, of the rows that `statsOf` makes. */
export const statOf = (stats: Float64Array, i: number, name: (typeof SAMPLE_STATS)[number]): number =>
  stats[i * SAMPLE_STATS.length + SAMPLE_STATS.indexOf(name)];

/** Checksums of a chain's chunks in `posterior.zarr`, by path in the run directory. */
export type Ledger = Record<string, string>;

/** Names of arrays under the group names, each `[chain, draw]` or `[chain, draw, further]`. */
export const WATCHED = [
  ...SAMPLE_STATS.map((name) => `sample_stats/${name}` as const),
  'posterior/log_likelihood',
  'posterior/running_lppd',
  'posterior/prediction',
  'posterior/layer_norm',
  'log_likelihood/y',
] as const;
export type WatchedName = (typeof WATCHED)[number];

export const watchedRows = ({ valid }: SplitData): number => Math.min(WATCHED_ROWS, valid.y.length);
const probeRows = ({ valid }: SplitData): number => Math.min(PROBES, valid.y.length);

export interface WatchedArray extends ZarrArray {
  readonly path: WatchedName;
  /** Numbers per draw. */
  readonly width: number;
}

/** The arrays of a run over (chain, draw). */
export function watchedArrays({ spec, network }: LoadedRun, data: SplitData): WatchedArray[] {
  const draws = Math.ceil(spec.sampler.steps / spec.sampler.thin);
  const array = (
    path: WatchedName,
    further?: readonly [string, number],
    attributes: Record<string, unknown> = {},
    type: ZarrArray['type'] = 'float64',
  ): WatchedArray => ({
    path,
    width: further?.[1] ?? 1,
    shape: [spec.chains, draws, ...(further ? [further[1]] : [])],
    chunk: [1, drawsPerFile(network), ...(further ? [further[1]] : [])],
    dimensions: ['chain', 'draw', ...(further ? [further[0]] : [])],
    type,
    attributes,
  });
  const layers = network.parameters.map(({ name }) => name);
  return [
    ...SAMPLE_STATS.map((name) => array(`sample_stats/${name}`)),
    array('posterior/log_likelihood'),
    array('posterior/running_lppd'),
    array('posterior/prediction', ['probe', probeRows(data)]),
    array('posterior/layer_norm', ['layer', layers.length], { layers }),
    array('log_likelihood/y', ['row', watchedRows(data)], {}, 'float32'),
  ];
}

/** Writes the metadata where it is missing, or is that of a shorter run. */
export async function ensurePosteriorStore(run: LoadedRun, data: SplitData): Promise<void> {
  const { posterior } = runPaths(run.dir);
  const last = watchedArrays(run, data).at(-1)!;
  const shape = await arrayShape(posterior, last.path);
  const whole = existsSync(join(posterior, OBSERVED, 'c', '0')) && shape?.join() === last.shape.join();
  if (!whole) await createPosteriorStore(run, data);
}

/** Writes the metadata, and last the validation rows as observed; for a run made longer, anew. */
export async function createPosteriorStore(run: LoadedRun, data: SplitData): Promise<void> {
  const { manifest, spec, preprocessing } = run;
  const { posterior } = runPaths(run.dir);
  const { target } = preprocessing;
  const groups = {
    '/': { software: manifest.software, sampler: spec.sampler.name, mode: spec.sampler.mode, target: target.name },
    '/posterior': {},
    '/sample_stats': {},
    '/log_likelihood': {},
    '/observed_data': {},
  };
  const rows = watchedRows(data);
  const observed: ZarrArray = { path: OBSERVED, shape: [rows], chunk: [rows], dimensions: ['row'], type: 'float64' };
  const y = data.valid.y.subarray(0, rows);
  await writeMetadata(posterior, groups, [...watchedArrays(run, data), observed]);
  const values = 'classes' in target ? Float64Array.from(y) : Float64Array.from(y, (v) => target.mean + target.sd * v);
  await writeRegion(posterior, observed.path, [0], [rows], values);
}

/** Writes the draws of a file, `values` `[count × width]`; the rest of it reads as NaN. Returns the checksum of the chunk. */
export async function writeWatched(
  dir: string,
  { path, shape, chunk: [, size], width, type }: WatchedArray,
  chain: number,
  file: number,
  values: Float64Array,
  check: () => void,
): Promise<Ledger> {
  const first = file * size;
  const draws = Math.min(size, shape[1] - first);
  const filled = type === 'float32' ? new Float32Array(draws * width) : new Float64Array(draws * width);
  filled.fill(Number.NaN);
  filled.set(values);
  const further = shape.length > 2 ? [width] : [];
  const start = [chain, first, ...further.map(() => 0)];
  await writeRegion(runPaths(dir).posterior, path, start, [1, draws, ...further], filled, check);
  const written = join('posterior.zarr', path, 'c', String(chain), String(file), ...further.map(() => '0'));
  return { [written]: sha256(readWhole(join(dir, written))) };
}

/** Removes what a chain has written of later files; `check` is asked before each goes. */
export function dropWatched(dir: string, chain: number, files: number, check: () => void): void {
  for (const path of WATCHED) {
    const folder = join(runPaths(dir).posterior, path, 'c', String(chain));
    const names = existsSync(folder) ? readdirSync(folder) : [];
    for (const name of names.filter((file) => Number.parseInt(file, 10) >= files)) {
      check();
      rmSync(join(folder, name), { recursive: true, force: true });
    }
  }
}

/** The checksums of the chunks of a chain's first `files` files; of all where `files` is left out. Throws a `StoreError` where they are damaged. */
export function readLedger(dir: string, chain: number, files = Number.POSITIVE_INFINITY): Ledger {
  const all = readJson(runPaths(dir).ledger(chain)) as Ledger;
  const fileOf = (path: string) => Number(/\/c\/\d+\/(\d+)/.exec(path)?.[1]);
  return Object.fromEntries(Object.entries(all).filter(([path]) => fileOf(path) < files));
}

export const writeLedger = (dir: string, chain: number, ledger: Ledger, check: () => void): void =>
  writeJson(runPaths(dir).ledger(chain), ledger, check);

/** All of an array, `[chain × draw × further]`, NaN where there is no draw yet. */
export const readWatched = (dir: string, name: WatchedName) => readArray(join(runPaths(dir).posterior), name);
