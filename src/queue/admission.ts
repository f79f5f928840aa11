/** Where a worker works: run directories below the roots it was started with, stores at the addresses it was started with. */
import { existsSync, realpathSync, statSync } from 'node:fs';
import { isAbsolute, relative } from 'node:path';
import { engineError, specError } from '../errors.ts';
import { runPaths } from '../store/rundir.ts';
import { isLoopback, shownAddress } from './address.ts';
import type { ChainJob } from './job.ts';

export interface Admission {
  /** Folders below which run directories may lie. */
  readonly roots: readonly string[];
  /** Addresses of stores, besides those of this machine, that may be asked. */
  readonly stores: readonly string[];
}

/** Throws a `SpecError` for a root that is no folder, or an address of a store that is none. */
export function checkAdmission({ roots, stores }: Admission): void {
  const noFolder = roots.find((root) => !statSync(root, { throwIfNoEntry: false })?.isDirectory());
  if (noFolder !== undefined)
    throw specError(`--root: expected a folder, got '${noFolder}', which is none. Correct it.`);
  const noAddress = stores.find((url) => !/^https?:\/\//.test(url) || !URL.canParse(url));
  if (noAddress === undefined) return;
  throw specError(`--allow-store: expected an address such as http://fit-host:8480, got '${noAddress}'. Correct it.`);
}

/** Whether a job is to be run in its directory, or in a copy from its store. Throws an `EngineError` where it is to be neither. */
export function placeOf({ dir, store }: ChainJob, { roots, stores }: Admission): 'directory' | 'store' {
  const visible = existsSync(runPaths(dir).manifest);
  if (visible && roots.some((root) => isBelow(dir, root))) return 'directory';
  if (store) {
    if (isLoopback(store.url) || stores.some((allowed) => originOf(allowed) === originOf(store.url))) return 'store';
    throw engineError(
      `${shownAddress(store.url)}: expected a store that this worker may ask, got another. ` +
        `Start it with --allow-store ${originOf(store.url)}.`,
    );
  }
  if (visible) {
    throw engineError(
      `${dir}: expected a run directory below ${roots.join(' or ')}, got one elsewhere. Start the worker with --root.`,
    );
  }
  throw engineError(
    `${dir}: expected to see the run directory, got none. Share the disk, or start the run with --store.`,
  );
}

const originOf = (url: string): string => new URL(url).origin;

/** Whether a folder lies below a root, links followed. */
function isBelow(dir: string, root: string): boolean {
  const way = relative(realpathSync(root), realpathSync(dir));
  return !isAbsolute(way) && way.split(/[\\/]/)[0] !== '..';
}
