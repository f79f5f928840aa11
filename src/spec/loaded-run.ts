/** Opens what a run directory holds: configuration, preprocessing, encoded data and the network they define. */
import { stringify } from 'yaml';
import { type Learned, rowsOf, tensorsOf } from '../data/learned.ts';
import type { Rows } from '../data/rows.ts';
import type { Parts } from '../data/split.ts';
import { storeError } from '../errors.ts';
import type { BayesianNetwork } from '../models/posterior.ts';
import { jsonText, readJson, readWhole, sha256, writeJson, writeWhole } from '../store/files.ts';
import { type Manifest, readManifest, runPaths } from '../store/rundir.ts';
import { type TensorFile, tensorsChecksum, writeTensors } from '../store/safetensors.ts';
import { keepShared, readSharedTensors } from '../store/shared.ts';
import { networkOf, storedNetwork } from './network.ts';
import { type FitSpec, parseYamlConfig, resolveSpec } from './spec.ts';

export const SPLITS = ['train', 'valid', 'test'] as const;
/** Encoded rows of the three splits. */
export type SplitData = Parts<Rows>;

export interface LoadedRun {
  readonly dir: string;
  readonly manifest: Manifest;
  readonly spec: FitSpec;
  readonly preprocessing: Learned;
  readonly network: BayesianNetwork;
}

/** Opens a run for reading. Throws a `StoreError` for anything missing, damaged, edited or of another version. */
export function loadRun(dir: string): LoadedRun {
  const found = readManifest(dir);
  const paths = runPaths(dir);
  const text = readWhole(paths.config);
  const configHash = sha256(text);
  // A kill may fall between the manifest and the configuration of a run that is being made longer.
  if (configHash !== found.configHash && configHash !== found.nextConfigHash) throw edited(paths.config);
  const manifest = { ...found, configHash };
  const spec = resolveSpec(parseYamlConfig(new TextDecoder().decode(text), paths.config), paths.config);
  if (sha256(readWhole(paths.preprocessing)) !== manifest.preprocessingHash) throw edited(paths.preprocessing);
  const preprocessing = readJson(paths.preprocessing) as Learned;
  const network = networkOf(spec, preprocessing, () => storedNetwork(dir, manifest, spec));
  return { dir, manifest, spec, preprocessing, network };
}

const edited = (path: string) =>
  storeError(`${path}: expected the one that the run began with, got another. Restore it, or fit anew.`);

/** What `loadRun` and `loadData` read, and the checksums by which they know it. */
export function runInputs(spec: FitSpec, preprocessing: Learned, data: SplitData) {
  const [config, learned] = [stringify(spec), jsonText(preprocessing)];
  const file = { tensors: tensorsOf(preprocessing, data), metadata: {} };
  const encodedHash = tensorsChecksum(file);
  return {
    hashes: { configHash: sha256(config), preprocessingHash: sha256(learned), encodedHash },
    store(dir: string): void {
      const paths = runPaths(dir);
      writeWhole(paths.config, config);
      writeWhole(paths.preprocessing, learned);
      writeTensors(paths.data, file);
      keepShared(paths.data, { ...file, metadata: { sha256: encodedHash } });
    },
  };
}

/** Writes manifest and configuration of a run that differs from another in its configuration, and has not begun. */
export function storeVariation({ manifest }: LoadedRun, dir: string, spec: FitSpec): void {
  const config = stringify(spec);
  const fresh = { endedBy: undefined, timed: undefined, until: undefined, nextConfigHash: undefined };
  writeWhole(runPaths(dir).config, config);
  writeJson(runPaths(dir).manifest, { ...manifest, ...fresh, configHash: sha256(config), status: 'running' });
}

/**
 * What the file of a run's encoded rows holds, in memory that threads share. Throws a `StoreError` where it is missing, damaged or not the
 * one that the run began with.
 */
export function readEncoded(dir: string): TensorFile {
  const path = runPaths(dir).data;
  const encoded = readSharedTensors(path);
  if (encoded.metadata.sha256 !== readManifest(dir).encodedHash) throw edited(path);
  return encoded;
}

/** The encoded rows of a run, read as `readEncoded` does where they are not given. */
export const loadData = ({ dir, preprocessing, network }: LoadedRun, encoded = readEncoded(dir)): SplitData =>
  rowsOf(preprocessing, encoded.tensors, { inputs: network.inputs, targets: network.likelihood.targets });
