/** What two runs of the same seed must have in common. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const KEPT = /^((members\/\d+|chains\/\d+\/draws-\d+)\.safetensors|posterior\.zarr\/.*\/c\/.*\d)$/;

/** A hash of every member, block of draws, and chunk of what was watched, by file. */
export function drawsOf(dir: string): Record<string, string> {
  const names = readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
    .filter((name) => KEPT.test(name))
    .sort();
  const hash = (name: string) =>
    createHash('sha256')
      .update(readFileSync(join(dir, name)))
      .digest('hex');
  return Object.fromEntries(names.map((name) => [name, hash(name)]));
}

/** Names of the blocks of draws and members among them. */
export const drawFiles = (dir: string): string[] =>
  Object.keys(drawsOf(dir)).filter((name) => name.endsWith('.safetensors'));
