/** A local copy of some chains of a run whose disk is elsewhere: claimed and fetched first, brought back as it grows. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { requestStop } from '../chains/stop.ts';
import { SmileError } from '../errors.ts';
import { runPaths } from '../store/rundir.ts';
import { scratchFolder } from '../store/scratch.ts';
import { filesOf, ownerOf } from './files.ts';
import { bringFile, claim, fetchFile, isStopped, listFiles, type Store } from './store-client.ts';

/** What a mirror's temporary folder is for, in its name. */
export const MIRROR = 'mirror';

/** Milliseconds between two looks at what is new on either side. */
const LOOK_EVERY = 1000;
/** Milliseconds for which the last files are offered to a store that does not answer: its fit may be started again. */
const PATIENCE = 86_400_000;
/** The same, once the worker was asked to end. */
const HASTE = 10_000;

export interface MirrorOptions {
  readonly signal: AbortSignal;
  readonly onNote?: (message: string) => void;
}

/**
 * Has `run` work in a copy of the chains, under a signal that also ends when the store has given a chain to another worker. Results are
 * kept until the store took them, for a day at most. Throws a `TakenOver` error where the chains are another's by now, and an
 * `EngineError` where the store does not answer.
 */
export async function mirrored(
  store: Store,
  chains: readonly number[],
  { signal, onNote = () => {} }: MirrorOptions,
  run: (dir: string, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const dir = scratchFolder(MIRROR);
  const lost = new AbortController();
  let refusal: unknown;
  try {
    const epochs = new Map<number, number>();
    for (const chain of chains) epochs.set(chain, await claim(store, chain));
    await fetchAll(store, chains, dir);
    const brought = new Map<string, string>();
    for (const { path, stamp } of filesOf(dir, chains)) brought.set(path, stamp);
    const bring = () => bringAll(store, dir, chains, epochs, brought);
    const working = run(dir, AbortSignal.any([signal, lost.signal]));
    const ended = working.then(
      () => true,
      () => true,
    );
    for (let over = false; !over; ) {
      over = await Promise.race([ended, sleep(LOOK_EVERY, false)]);
      try {
        if (!over && (await isStopped(store)) && !existsSync(runPaths(dir).stop)) requestStop(dir);
        await (over ? patiently(bring, signal, onNote) : bring());
      } catch (error) {
        if (!isUnreachable(error) || over) {
          refusal ??= error;
          lost.abort();
        }
      }
    }
    await working;
    if (refusal) throw refusal;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function fetchAll(store: Store, chains: readonly number[], dir: string): Promise<void> {
  for (const path of await listFiles(store, chains)) {
    const owner = ownerOf(path);
    if (owner === 'run' || chains.includes(owner as number)) await fetchFile(store, path, join(dir, path));
  }
}

/** Brings every file that is new or changed since `brought`. */
async function bringAll(
  store: Store,
  dir: string,
  chains: readonly number[],
  epochs: ReadonlyMap<number, number>,
  brought: Map<string, string>,
): Promise<void> {
  for (const { path, stamp } of filesOf(dir, chains)) {
    const claimed = /\/claim-/.test(path);
    if (claimed || brought.get(path) === stamp || !existsSync(join(dir, path))) continue;
    await bringFile(store, path, join(dir, path), epochs.get(ownerOf(path) as number) as number);
    brought.set(path, stamp);
  }
}

/** Tries again while the store does not answer. */
async function patiently(bring: () => Promise<void>, signal: AbortSignal, onNote: (message: string) => void) {
  let told = false;
  let asked: number | undefined;
  for (const began = performance.now(); ; ) {
    try {
      return await bring();
    } catch (error) {
      const now = performance.now();
      if (signal.aborted) asked ??= now;
      const patience = asked === undefined ? now - began < PATIENCE : now - asked < HASTE;
      if (!isUnreachable(error) || !patience) throw error;
      if (!told) onNote(`the results wait for the store, for a day at most: ${(error as Error).message}`);
      told = true;
      await sleep(LOOK_EVERY, undefined, { signal: asked === undefined ? signal : undefined }).catch(() => {});
    }
  }
}

const isUnreachable = (error: unknown): boolean => error instanceof SmileError && error.tag === 'EngineError';
