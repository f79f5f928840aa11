/** The last progress of every block as a small file, for whoever watches the run from another process or machine. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { BlockProgress } from '../spec/records.ts';
import { readJson, writeJson } from '../store/files.ts';
import { runPaths } from '../store/rundir.ts';

/** Milliseconds between two writes of a block. */
const WRITE_EVERY = 1000;

export interface Heartbeat {
  readonly block: BlockProgress;
  /** When it was written, ISO 8601. */
  readonly at: string;
}

/** Passes progress on, and writes it down now and then and at the end of a phase; `check` may refuse, as of `writeWhole`. */
export function heartbeat(dir: string, onProgress: (block: BlockProgress) => void, check: () => void) {
  let written = Number.NEGATIVE_INFINITY;
  return (block: BlockProgress): void => {
    onProgress(block);
    const now = performance.now();
    if (now - written < WRITE_EVERY && block.step < block.total) return;
    written = now;
    const beat: Heartbeat = { block, at: new Date().toISOString() };
    writeJson(runPaths(dir).progress(block.chains[0]), beat, check, { sync: false });
  };
}

/** The last heartbeats of a run's blocks, the oldest first: a chain may be in an older block too. */
export function heartbeats(dir: string): Heartbeat[] {
  const { progressFolder } = runPaths(dir);
  if (!existsSync(progressFolder)) return [];
  const beats = readdirSync(progressFolder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => readJson(join(progressFolder, name)) as Heartbeat);
  return beats.sort((a, b) => (a.at < b.at ? -1 : 1));
}
