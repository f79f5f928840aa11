/** What a calibration kept in a run was computed from, so that it is made again when the run has other draws. */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { Ensemble } from '../spec/ensemble.ts';
import type { LoadedRun } from '../spec/loaded-run.ts';
import { allChains } from '../spec/records.ts';
import { keepJson, readJson } from '../store/files.ts';
import { runPaths } from '../store/rundir.ts';

/** A fingerprint of the networks that predict: of the headers of their files, which hold checksums, and of the ensemble's name. */
export function basisOf({ dir, spec }: LoadedRun, { name, size }: Ensemble): string {
  const hash = createHash('sha256').update(`${name} ${size}\n`);
  for (const chain of allChains(spec.chains)) {
    const folder = runPaths(dir).chain(chain);
    const blocks = existsSync(folder)
      ? readdirSync(folder).filter((file) => /^draws-\d+\.safetensors$/.test(file))
      : [];
    for (const file of blocks.sort()) hash.update(`${chain} ${file} `).update(headerOf(join(folder, file)));
  }
  return hash.digest('hex');
}

/** Size and header of a tensor file. */
function headerOf(path: string): Buffer {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const length = Buffer.alloc(8);
    readSync(file, length, 0, 8, 0);
    const header = Buffer.alloc(Math.min(Number(length.readBigUInt64LE()), size));
    readSync(file, header, 0, header.length, 8);
    return Buffer.concat([Buffer.from(`${size} `), header]);
  } finally {
    closeSync(file);
  }
}

/**
 * What the file at `path` holds, if it was computed from the same networks; else what `make` makes, which is written there. `onRenewed`
 * hears when that replaces what was computed from others. A run that cannot be written to is none the worse: it is made anew each time.
 */
export async function keptFor<T extends object>(
  path: string,
  basis: string,
  make: () => Promise<T>,
  onRenewed: () => void = () => {},
): Promise<T & { readonly basis: string }> {
  const kept = existsSync(path) ? (readJson(path) as T & { basis: string }) : undefined;
  if (kept?.basis === basis) return kept;
  if (kept) onRenewed();
  const made = { ...(await make()), basis };
  keepJson(path, made);
  return made;
}
