/** Harm done to files: single bits, and worse; and what every reader of a run must then do. */
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { predict } from '../src/answers/predict.ts';
import { attemptOf } from '../src/chains/attempt.ts';
import { standingOf } from '../src/chains/checkpoint.ts';
import { heartbeats } from '../src/chains/heartbeat.ts';
import { readLedger, readWatched, WATCHED } from '../src/chains/posterior-store.ts';
import { status } from '../src/control/status.ts';
import { SmileError } from '../src/errors.ts';
import { uniforms } from '../src/math/random.ts';
import { fold, rootKey } from '../src/math/threefry.ts';
import { loadData, loadRun } from '../src/spec/loaded-run.ts';
import { readStarts, storedDraws } from '../src/spec/members.ts';
import { readJson } from '../src/store/files.ts';
import { readManifest, runPaths } from '../src/store/rundir.ts';
import { readTensors } from '../src/store/safetensors.ts';

/** Random numbers of trial i, in [0, 1). */
export function chances(i: number, count: number): Float64Array {
  const numbers = new Float64Array(count);
  uniforms(fold(rootKey(17), i), numbers);
  return numbers;
}

/** Files of a run that hold anything, by what kind they are. */
export function filesByKind(dir: string): Map<string, string[]> {
  const kinds = new Map<string, string[]>();
  for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort()) {
    const facts = statSync(join(dir, name));
    if (!facts.isFile() || facts.size === 0) continue;
    const kind = name
      .replace(/\d+/g, 'N')
      .replace(/(\/N)+$/, '/N')
      .replace(/^posterior\.zarr\/.*\//, 'posterior.zarr/…/');
    kinds.set(kind, [...(kinds.get(kind) ?? []), name]);
  }
  return kinds;
}

export function flipped(bytes: Uint8Array, where: number): Uint8Array {
  const bit = Math.floor(where * 8 * bytes.length);
  const changed = Uint8Array.from(bytes);
  changed[bit >> 3] ^= 1 << (bit & 7);
  return changed;
}

/** Cut, repeated, overwritten, stretched or emptied. */
export function mangled(bytes: Uint8Array, i: number): Uint8Array {
  const [kind, a, b, value] = chances(i, 4);
  const [from, to] = [a, b].map((x) => Math.floor(x * bytes.length)).sort((x, y) => x - y);
  const [head, middle, tail] = [bytes.subarray(0, from), bytes.subarray(from, to), bytes.subarray(to)];
  const noise = Uint8Array.from(chances(i + 1e6, Math.min(64, middle.length)), (x) => Math.floor(256 * x));
  const fill = new Uint8Array(Math.min(64, middle.length)).fill(Math.floor(256 * value));
  const ways = [
    [head],
    [head, tail],
    [head, middle, middle, tail],
    [head, noise, tail],
    [head, fill, tail],
    [tail, head],
    [],
  ];
  return Buffer.concat(ways[Math.floor(kind * ways.length)]);
}

/** Stands for where chains stand, where the run says that it cannot know for sure. */
export const DAMAGED = 'damaged';

/** What a run says, in words that can be compared: where chains stand, and predictions. */
export async function answersOf(dir: string, rows: readonly Record<string, unknown>[]): Promise<string> {
  const { chains } = status(dir);
  const told = chains.some(({ damage }) => damage !== undefined);
  const { rows: predicted } = await predict({ run: dir, data: rows });
  return JSON.stringify([predicted, told ? DAMAGED : chains.map(({ phase, step }) => [phase, step])]);
}

/** Every reader of a run's files, each on its own. */
const readers: Record<string, (dir: string) => unknown> = {
  manifest: readManifest,
  run: loadRun,
  data: (dir) => loadData(loadRun(dir)),
  members: (dir) => readStarts(loadRun(dir)),
  draws: (dir) => [...storedDraws(loadRun(dir), [0, 1])],
  standing: (dir) => [0, 1].map((chain) => standingOf(loadRun(dir), chain)),
  attempts: (dir) => attemptOf(dir, 0),
  ledger: (dir) => readLedger(dir, 0),
  summary: (dir) => readJson(runPaths(dir).summary(0)),
  trace: (dir) => readJson(runPaths(dir).trace(0)),
  result: (dir) => readJson(runPaths(dir).result),
  progress: heartbeats,
  watched: (dir) => Promise.all(WATCHED.map((name) => readWatched(dir, name))),
  tensors: (dir) => readTensors(runPaths(dir).data),
};

/** Runs each reader; returns what errors came that are none of ours. */
export async function rawErrors(dir: string, names = Object.keys(readers)): Promise<string[]> {
  const found: string[] = [];
  for (const name of names) {
    try {
      await readers[name](dir);
    } catch (error) {
      if (!(error instanceof SmileError)) found.push(`${name}: ${(error as Error).stack}`);
    }
  }
  return found;
}

/** Has `work` look at a copy of the run with one file changed, then puts the file right. */
export async function withChanged<T>(
  copy: string,
  name: string,
  change: (bytes: Uint8Array) => Uint8Array,
  work: () => Promise<T>,
): Promise<T> {
  const path = join(copy, name);
  const bytes = readFileSync(path);
  writeFileSync(path, change(bytes));
  try {
    return await work();
  } finally {
    writeFileSync(path, bytes);
  }
}

export function copyOf(dir: string, name: string): string {
  const copy = join(dirname(dir), name);
  rmSync(copy, { recursive: true, force: true });
  cpSync(dir, copy, { recursive: true });
  return copy;
}
