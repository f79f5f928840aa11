/**
 * The run directory: everything a run is. Files appear whole; the manifest says which version wrote them.
 *
 *   manifest.json            format, version, status, hashes of configuration and data
 *   config.yaml              the resolved configuration
 *   preprocessing.json       what the training rows taught
 *   likelihood.json          what `likelihood: auto` chose and why, where it tried
 *   data.safetensors         encoded rows of the three splits
 *   network.onnx             the user's network, where there is one
 *   members/K.safetensors    warm start of member K, float64
 *   chains/K/draws-N.safetensors, chains/K/summary.json, trace.json, watched.json
 *   chains/K/checkpoint-E-N.safetensors   where chain K stands: the last two of them
 *   chains/K/claim-E         whoever made the last claim, of epoch E, writes the chain
 *   repairs.json             chains that were begun again, and why
 *   chains/K/start-A.safetensors   where attempt A > 0 of chain K begins
 *   result.json              scores and verdict
 *   progress/K.json          the last progress of the block that begins with chain K
 *   posterior.zarr           what is watched of every draw, in ArviZ's groups (run/posterior-store)
 *   stop                     there while a stop is asked for
 *   store-nonce              what is special about the store that serves the run to a queue's workers
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { storeError } from '../errors.ts';
import { readJson, writeJson } from './files.ts';

const FORMAT = 'smile-run';
const VERSION = 1;

export type RunStatus = 'running' | 'stopped' | 'done';

export interface Manifest {
  readonly format: typeof FORMAT;
  readonly version: typeof VERSION;
  readonly software: string;
  readonly status: RunStatus;
  /** The rule that ended the run before its last step, in words. */
  readonly endedBy?: string | undefined;
  readonly created: string;
  readonly updated: string;
  /** sha256 of the resolved configuration and of the data file. */
  readonly configHash: string;
  readonly dataHash: string;
  /** sha256 of the network, where the user brought one. */
  readonly networkHash?: string | undefined;
  /** The data file as it was named. */
  readonly source: string;
}

export const runPaths = (dir: string) => ({
  manifest: join(dir, 'manifest.json'),
  config: join(dir, 'config.yaml'),
  preprocessing: join(dir, 'preprocessing.json'),
  likelihood: join(dir, 'likelihood.json'),
  data: join(dir, 'data.safetensors'),
  network: join(dir, 'network.onnx'),
  result: join(dir, 'result.json'),
  repairs: join(dir, 'repairs.json'),
  calibration: join(dir, 'calibration'),
  conformal: (method: string, level: number, group?: string) => {
    const parts = [method, level, ...(group === undefined ? [] : [encodeURIComponent(group)])];
    return join(dir, 'calibration', `conformal-${parts.join('-')}.json`);
  },
  recalibration: join(dir, 'calibration', 'scale.json'),
  posterior: join(dir, 'posterior.zarr'),
  stop: join(dir, 'stop'),
  nonce: join(dir, 'store-nonce'),
  progressFolder: join(dir, 'progress'),
  progress: (k: number) => join(dir, 'progress', `${k}.json`),
  members: join(dir, 'members'),
  chains: join(dir, 'chains'),
  member: (k: number) => join(dir, 'members', `${k}.safetensors`),
  chain: (k: number) => join(dir, 'chains', String(k)),
  trace: (k: number) => join(dir, 'chains', String(k), 'trace.json'),
  ledger: (k: number) => join(dir, 'chains', String(k), 'watched.json'),
  summary: (k: number) => join(dir, 'chains', String(k), 'summary.json'),
});

/** Starts a run in an empty or new folder. With `force`, the files of an earlier run there are removed first. */
export function createRun(
  dir: string,
  facts: Pick<Manifest, 'software' | 'configHash' | 'dataHash' | 'networkHash' | 'source'>,
  force = false,
): Manifest {
  const paths = runPaths(dir);
  if (existsSync(dir) && readdirSync(dir).length > 0) {
    if (!force)
      throw storeError(`${dir}: expected a new or empty folder, got one with files. Choose another --out, or --force.`);
    if (!existsSync(paths.manifest)) {
      throw storeError(`${dir}: expected an earlier run to replace, got a folder that is none. Choose another --out.`);
    }
    const { manifest, config, preprocessing, likelihood, data, network, repairs, result } = paths;
    const { calibration, posterior, stop, nonce, progressFolder, members, chains } = paths;
    const earlier = [calibration, posterior, stop, nonce, progressFolder, members, chains];
    const files = [manifest, config, preprocessing, likelihood, data, network, repairs, result, ...earlier];
    for (const path of files) rmSync(path, { recursive: true, force: true });
  }
  const now = new Date().toISOString();
  const manifest: Manifest = {
    format: FORMAT,
    version: VERSION,
    status: 'running',
    created: now,
    updated: now,
    ...facts,
  };
  writeJson(paths.manifest, manifest);
  return manifest;
}

/** The manifest of a run. Throws a `StoreError` for a folder that is none or of another version. */
export function openRun(dir: string): Manifest {
  const path = runPaths(dir).manifest;
  if (!existsSync(path))
    throw storeError(`${dir}: expected a run directory, got no manifest.json in it. Check the path.`);
  const manifest = readJson(path) as Manifest;
  if (manifest?.format !== FORMAT)
    throw storeError(`${path}: expected a manifest of format ${FORMAT}, got another. Check the path.`);
  if (manifest.version !== VERSION) {
    throw storeError(
      `${path}: expected run version ${VERSION}, got ${manifest.version}. Use the version of smile that wrote it.`,
    );
  }
  return manifest;
}

export const updateManifest = (
  dir: string,
  change: Partial<Pick<Manifest, 'status' | 'endedBy' | 'configHash'>>,
): void => writeJson(runPaths(dir).manifest, { ...openRun(dir), ...change, updated: new Date().toISOString() });

export const setStatus = (dir: string, status: RunStatus, endedBy?: string): void =>
  updateManifest(dir, { status, endedBy });
