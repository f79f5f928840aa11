/** Opens what a run directory holds: configuration, preprocessing, encoded data and the network they define. */
import { parse, stringify } from 'yaml';
import type { BatchSource } from '../data/batches.ts';
import type { Preprocessing } from '../data/preprocess.ts';
import type { BayesianNetwork } from '../models/posterior.ts';
import { readJson, readWhole, writeJson, writeWhole } from '../store/files.ts';
import { type Manifest, openRun, runPaths } from '../store/rundir.ts';
import { readTensors, type StoredTensor, writeTensors } from '../store/safetensors.ts';
import { networkOf, storedNetwork } from './network.ts';
import { type FitSpec, resolveSpec } from './spec.ts';

export const SPLITS = ['train', 'valid', 'test'] as const;
export type SplitName = (typeof SPLITS)[number];

/** Encoded rows of the three splits. */
export type SplitData = Readonly<Record<SplitName, BatchSource>>;

export interface LoadedRun {
  readonly dir: string;
  readonly manifest: Manifest;
  readonly spec: FitSpec;
  readonly preprocessing: Preprocessing;
  readonly network: BayesianNetwork;
}

/** Opens a run for reading. Throws a `StoreError` for anything missing, damaged or of another version. */
export function loadRun(dir: string): LoadedRun {
  const manifest = openRun(dir);
  const paths = runPaths(dir);
  const spec = resolveSpec(parse(new TextDecoder().decode(readWhole(paths.config))), paths.config);
  const preprocessing = readJson(paths.preprocessing) as Preprocessing;
  const network = networkOf(spec, preprocessing, () => storedNetwork(dir, manifest, spec));
  return { dir, manifest, spec, preprocessing, network };
}

/** Writes what `loadRun` and `loadData` read. */
export function storeInputs(dir: string, spec: FitSpec, preprocessing: Preprocessing, data: SplitData): void {
  const paths = runPaths(dir);
  writeWhole(paths.config, stringify(spec));
  writeJson(paths.preprocessing, preprocessing);
  const tensors: Record<string, StoredTensor> = {};
  for (const name of SPLITS) {
    const { x, y, inputs, rows } = data[name];
    tensors[`x.${name}`] = { shape: [y.length, inputs], data: x };
    tensors[`y.${name}`] = { shape: [y.length], data: y };
    if (rows) tensors[`row.${name}`] = { shape: [y.length], data: rows };
  }
  writeTensors(paths.data, { tensors, metadata: {} });
}

/** The encoded rows of a run. */
export function loadData({ dir, network }: LoadedRun): SplitData {
  const { tensors } = readTensors(runPaths(dir).data);
  const { inputs } = network;
  const { targets } = network.likelihood;
  const entries = SPLITS.map((name) => {
    const x = tensors[`x.${name}`].data as Float32Array;
    const rows = tensors[`row.${name}`]?.data as Int32Array | undefined;
    return [name, { x, y: tensors[`y.${name}`].data as Float64Array, inputs, targets, rows }];
  });
  return Object.fromEntries(entries) as SplitData;
}
