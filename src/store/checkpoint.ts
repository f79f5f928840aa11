/**
 * Where a chain stands, whole or not at all: `checkpoint-EPOCH-COUNT.safetensors`, the last two of them, in case the last is damaged.
 * A writer that was passed by a later claim has its own epoch in the name, so that it cannot write over what came after.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { SmileError } from '../errors.ts';
import type { Claim } from './claim.ts';
import { readTensors, type StoredTensor, writeTensors } from './safetensors.ts';

const NAME = /^checkpoint-(\d{6})-(\d{6})\.safetensors$/;
const KEPT = 2;

export interface Checkpoint {
  readonly tensors: Readonly<Record<string, StoredTensor>>;
  /** Anything JSON can hold. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** Paths of a chain's checkpoints, the newest first. */
export function checkpointPaths(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => NAME.test(name));
  return names
    .sort()
    .reverse()
    .map((name) => join(folder, name));
}

const number = (value: number) => String(value).padStart(6, '0');

export function writeCheckpoint(folder: string, { tensors, facts }: Checkpoint, { epoch, check }: Claim): void {
  const [last = ''] = checkpointPaths(folder);
  const [, ofEpoch, count] = NAME.exec(basename(last)) ?? [];
  const next = Number(ofEpoch) === epoch ? Number(count) + 1 : 0;
  const path = join(folder, `checkpoint-${number(epoch)}-${number(next)}.safetensors`);
  writeTensors(path, { tensors, metadata: { facts: JSON.stringify(facts) } }, check);
  pruneCheckpoints(folder, check);
}

/** Removes all but the last two; `check` is asked before each goes. */
export function pruneCheckpoints(folder: string, check: () => void = () => {}): void {
  for (const old of checkpointPaths(folder).slice(KEPT)) {
    check();
    rmSync(old, { force: true });
  }
}

/**
 * The last whole one, as `parse` understands it; undefined where there is none. `parse` throws for one that cannot be used. `onDamage`
 * hears of files that had to be passed over.
 */
export function readCheckpoint<T>(
  folder: string,
  parse: (checkpoint: Checkpoint, path: string) => T,
  onDamage: (message: string) => void = () => {},
): T | undefined {
  for (const path of checkpointPaths(folder)) {
    try {
      const { tensors, metadata } = readTensors(path);
      return parse({ tensors, facts: JSON.parse(metadata.facts) }, path);
    } catch (error) {
      const { message } = error as Error;
      onDamage(error instanceof SmileError ? message : `${path}: expected a checkpoint, got ${message}.`);
    }
  }
  return undefined;
}
