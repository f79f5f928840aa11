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
 *   chains/K/held-B-F.safetensors   draws of a file that is not full, from its draw F on, which a checkpoint counts on
 *   chains/K/claim-E         whoever made the last claim, of epoch E, writes the chain
 *   repairs.json             chains that were begun again, and why
 *   chains/K/start-A.safetensors   where attempt A > 0 of chain K begins
 *   result.json              scores and verdict
 *   progress/K.json          the last progress of the block that begins with chain K
 *   posterior.zarr           what is watched of every draw, in ArviZ's groups (chains/posterior-store)
 *   stop                     there while a stop is asked for
 *   store-nonce              what is special about the store that serves the run to a queue's workers
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { storeError } from '../errors.ts';
import { readJson, writeJson } from './files.ts';

const FORMAT = 'smile-run';
const VERSION = 1;

const manifestSchema = z.object({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  software: z.string(),
  status: z.enum(['running', 'stopped', 'done']),
  /** The rule that ended the run before its last step, in words. */
  endedBy: z.string().optional(),
  /** Time ended it: where, the seed does not say. */
  timed: z.literal(true).optional(),
  /** The step before which the rules of the run are asked next; `end` where it was asked to go beyond them. Absent without rules. */
  until: z.union([z.int().positive(), z.literal('end')]).optional(),
  created: z.string(),
  updated: z.string(),
  /** sha256 of `config.yaml`, and of the one that is about to replace it, where a run is being made longer. */
  configHash: z.string(),
  nextConfigHash: z.string().optional(),
  /** sha256 of the data file as the user gave it. */
  dataHash: z.string(),
  /** sha256 of `preprocessing.json`, and the checksum of `data.safetensors`. */
  preprocessingHash: z.string().optional(),
  encodedHash: z.string().optional(),
  /** sha256 of the network, where the user brought one. */
  networkHash: z.string().optional(),
  /** The data file as it was named. */
  source: z.string(),
});
export type Manifest = Readonly<z.output<typeof manifestSchema>>;
export type RunStatus = Manifest['status'];

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
  facts: Omit<Manifest, 'format' | 'version' | 'status' | 'created' | 'updated'>,
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
  const about = { format: FORMAT, version: VERSION, status: 'running', created: now, updated: now } as const;
  const manifest: Manifest = { ...facts, ...about };
  writeJson(paths.manifest, manifest);
  return manifest;
}

/** The manifest of a run. Throws a `StoreError` for a folder that is none or of another version. */
export function readManifest(dir: string): Manifest {
  const path = runPaths(dir).manifest;
  if (!existsSync(path))
    throw storeError(`${dir}: expected a run directory, got no manifest.json in it. Check the path.`);
  const found = readJson(path) as Partial<Manifest>;
  if (found.format !== FORMAT)
    throw storeError(`${path}: expected a manifest of format ${FORMAT}, got another. Check the path.`);
  if (found.version !== VERSION) {
    throw storeError(
      `${path}: expected run version ${VERSION}, got ${found.version}. Use the version of smile that wrote it.`,
    );
  }
  const { data, error } = manifestSchema.safeParse(found);
  if (data) return data;
  const [{ path: field, message }] = error.issues;
  throw storeError(`${path}: expected a manifest, got another ${field.join('.')}: ${message}. Restore it.`);
}

export const updateManifest = (
  dir: string,
  change: Partial<Pick<Manifest, 'status' | 'endedBy' | 'timed' | 'until' | 'configHash' | 'nextConfigHash'>>,
): void => writeJson(runPaths(dir).manifest, { ...readManifest(dir), ...change, updated: new Date().toISOString() });

export const setStatus = (dir: string, status: RunStatus, endedBy?: string): void =>
  updateManifest(dir, { status, endedBy });
