/** A durable wish to stop: a file in the run directory that every block looks for, whatever process or machine it runs on. */
import { existsSync, rmSync } from 'node:fs';
import { writeWhole } from '../store/files.ts';
import { readManifest, runPaths } from '../store/rundir.ts';

/** Milliseconds between two looks. */
const LOOK_EVERY = 500;

/** Asks all blocks of a run to write a checkpoint and end. Throws a `StoreError` for what is no run. */
export function requestStop(dir: string): void {
  readManifest(dir);
  writeWhole(runPaths(dir).stop, `${new Date().toISOString()}\n`);
}

export const withdrawStop = (dir: string): void => rmSync(runPaths(dir).stop, { force: true });

/** Whether a stop was asked for, looked up now and then. */
export function stopWatch(dir: string): () => boolean {
  const { stop } = runPaths(dir);
  let looked = Number.NEGATIVE_INFINITY;
  let asked = false;
  return () => {
    const now = performance.now();
    if (!asked && now - looked >= LOOK_EVERY) {
      looked = now;
      asked = existsSync(stop);
    }
    return asked;
  };
}
