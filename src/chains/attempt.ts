/**
 * Attempts of a chain. Attempt 0 samples from the chain's own member. A later one begins at a position that a repair chose, kept as
 * `start-ATTEMPT.safetensors` in the chain's folder, with randomness of its own; the newest such file says which attempt counts.
 * Checkpoints and summaries carry their attempt, so that nothing of an earlier one is taken for a later one's.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fold, rootKey } from '../math/threefry.ts';
import { runPaths } from '../store/rundir.ts';
import { readTensors, writeTensors } from '../store/safetensors.ts';
import type { Key } from '../types.ts';

const NAME = /^start-(\d{6})\.safetensors$/;
/** Set apart from the streams of a chain's key. */
const ATTEMPTS = 0xa77e0000;

/** The attempt of a chain that counts, from 0. */
export function attemptOf(dir: string, chain: number): number {
  const folder = runPaths(dir).chain(chain);
  if (!existsSync(folder)) return 0;
  return readdirSync(folder).reduce((latest, name) => Math.max(latest, Number(NAME.exec(name)?.[1] ?? 0)), 0);
}

/** The key that all randomness of a chain derives from. */
export const chainKey = (seed: number, chain: number): Key => fold(rootKey(seed), chain);

/** The key that all randomness of a chain's attempt derives from. */
export const attemptKey = (seed: number, chain: number, attempt: number): Key =>
  attempt === 0 ? chainKey(seed, chain) : fold(chainKey(seed, chain), ATTEMPTS + attempt);

export const startPath = (dir: string, chain: number, attempt: number): string =>
  join(runPaths(dir).chain(chain), `start-${String(attempt).padStart(6, '0')}.safetensors`);

/** Where an attempt above 0 begins, θ `[d]`. Throws a `StoreError` where the file is missing or damaged. */
export const readStart = (dir: string, chain: number, attempt: number): Float64Array =>
  readTensors(startPath(dir, chain, attempt)).tensors.theta.data as Float64Array;

/** From now on the chain is at this attempt, before its first step. */
export function writeStart(dir: string, chain: number, attempt: number, theta: Float64Array): void {
  const tensors = { theta: { shape: [theta.length], data: theta } };
  writeTensors(startPath(dir, chain, attempt), { tensors, metadata: {} });
}
