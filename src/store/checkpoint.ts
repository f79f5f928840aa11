/** Where a chain stands, whole or not at all; the one before is kept in case the last is damaged. */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { readTensors, type StoredTensor, writeTensors } from './safetensors.ts';

export interface Checkpoint {
  readonly tensors: Readonly<Record<string, StoredTensor>>;
  /** Anything JSON can hold. */
  readonly facts: Readonly<Record<string, unknown>>;
}

const before = (path: string) => path.replace(/\.safetensors$/, '.before.safetensors');

export function writeCheckpoint(path: string, { tensors, facts }: Checkpoint): void {
  if (existsSync(path)) renameSync(path, before(path));
  writeTensors(path, { tensors, metadata: { facts: JSON.stringify(facts) } });
}

/** The last whole one; undefined where there is none. `onDamage` hears of files that had to be passed over. */
export function readCheckpoint(path: string, onDamage: (message: string) => void = () => {}): Checkpoint | undefined {
  for (const candidate of [path, before(path)]) {
    if (!existsSync(candidate)) continue;
    try {
      const { tensors, metadata } = readTensors(candidate);
      return { tensors, facts: JSON.parse(metadata.facts) };
    } catch (error) {
      onDamage((error as Error).message);
    }
  }
  return undefined;
}

export function removeCheckpoint(path: string): void {
  for (const file of [path, before(path)]) rmSync(file, { force: true });
}
