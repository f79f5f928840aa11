/** A local copy of some chains of a run whose disk is elsewhere: claimed and fetched first, brought back as it grows. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { engineError, SmileError, takenOver } from '../errors.ts';
import { requestStop } from '../run/stop.ts';
import { sha256, writeWhole } from '../store/files.ts';
import { runPaths } from '../store/rundir.ts';
import { filesOf, ownerOf } from './files.ts';
import type { ChainJob } from './redis.ts';

/** Milliseconds between two looks at what is new on either side. */
const LOOK_EVERY = 1000;
/** Times that the last files are offered to a store that does not answer. */
const OFFERS = 30;

type Store = NonNullable<ChainJob['store']>;

/**
 * Has `run` work in a copy of the chains, under a signal that also ends when the store has given a chain to another worker. Throws a
 * `TakenOver` error then, and an `EngineError` where the store does not answer.
 */
export async function mirrored(
  store: Store,
  chains: readonly number[],
  signal: AbortSignal,
  run: (dir: string, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'smile-mirror-'));
  const lost = new AbortController();
  let refusal: unknown;
  try {
    const epochs = await claimAll(store, chains);
    await fetchAll(store, chains, dir);
    const brought = new Map<string, string>();
    for (const { path, stamp } of filesOf(dir, chains)) brought.set(path, stamp);
    const working = run(dir, AbortSignal.any([signal, lost.signal]));
    const ended = working.then(
      () => true,
      () => true,
    );
    for (let over = false; !over; ) {
      over = await Promise.race([ended, sleep(LOOK_EVERY, false)]);
      try {
        if (!over && (await isStopped(store)) && !existsSync(runPaths(dir).stop)) requestStop(dir);
        await bring(store, dir, chains, epochs, brought, over ? OFFERS : 1);
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

async function claimAll(store: Store, chains: readonly number[]): Promise<Map<number, number>> {
  const epochs = new Map<number, number>();
  for (const chain of chains) {
    const { epoch } = (await (await ask(store, 'POST', `claims/${chain}`)).json()) as { epoch: number };
    epochs.set(chain, epoch);
  }
  return epochs;
}

async function fetchAll(store: Store, chains: readonly number[], dir: string): Promise<void> {
  const paths = (await (await ask(store, 'GET', `list?chains=${chains.join(',')}`)).json()) as string[];
  for (const path of paths) {
    const answer = await ask(store, 'GET', `files/${path}`);
    if (ownerOf(path) !== undefined) writeWhole(join(dir, path), new Uint8Array(await answer.arrayBuffer()));
  }
}

const isStopped = async (store: Store): Promise<boolean> =>
  ((await (await ask(store, 'GET', 'stop')).json()) as { stop: boolean }).stop;

/** Brings every file that is new or changed since `brought`. */
async function bring(
  store: Store,
  dir: string,
  chains: readonly number[],
  epochs: ReadonlyMap<number, number>,
  brought: Map<string, string>,
  offers: number,
): Promise<void> {
  for (const { path, stamp } of filesOf(dir, chains)) {
    const claim = /\/claim-/.test(path);
    if (claim || brought.get(path) === stamp || !existsSync(join(dir, path))) continue;
    const bytes = readFileSync(join(dir, path));
    const headers = { 'x-epoch': String(epochs.get(ownerOf(path) as number)), 'x-sha256': sha256(bytes) };
    for (let offer = 1; ; offer++) {
      try {
        await ask(store, 'PUT', `files/${path}`, headers, bytes);
        break;
      } catch (error) {
        if (!isUnreachable(error) || offer >= offers) throw error;
        await sleep(LOOK_EVERY);
      }
    }
    brought.set(path, stamp);
  }
}

const isUnreachable = (error: unknown): boolean => error instanceof SmileError && error.tag === 'EngineError';

async function ask(
  { url, token }: Store,
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: Uint8Array<ArrayBuffer>,
): Promise<Response> {
  const where = `${url}/${path}`;
  const answer = await fetch(where, {
    method,
    headers: { authorization: `Bearer ${token}`, ...headers },
    ...(body && { body }),
  }).catch((cause: Error) => {
    throw engineError(`${where}: expected the store of the run to answer, got ${cause.message}. Is its fit running?`, {
      cause,
    });
  });
  if (answer.ok) return answer;
  const { message = answer.statusText } = (await answer.json().catch(() => ({}))) as { message?: string };
  if (answer.status === 409) throw takenOver(message);
  if (answer.status === 401) throw takenOver(`${where}: the fit was started again and gives its chains out anew`);
  throw engineError(
    `${where}: expected the store of the run to answer, got ${answer.status} ${message}. Is its fit running?`,
  );
}
