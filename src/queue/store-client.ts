/** A worker's side of the store: asks, fetches and brings files. Whole files are never held, and time is bounded where nothing moves. */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { type IncomingMessage, request as overHttp } from 'node:http';
import { request as overHttps } from 'node:https';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { engineError, takenOver } from '../errors.ts';
import { receiveWhole } from '../store/files.ts';

export interface Store {
  readonly url: string;
  readonly token: string;
}

/** Milliseconds in which at least a byte must move. */
const IDLE = 600_000;
/** Bytes of an answer that is no file. */
const LONGEST = 2 ** 26;

export async function claim(store: Store, chain: number): Promise<number> {
  return (await json(store, 'POST', `claims/${chain}`, z.object({ epoch: z.int().min(1) }))).epoch;
}

export const isStopped = async (store: Store): Promise<boolean> =>
  (await json(store, 'GET', 'stop', z.object({ stop: z.boolean() }))).stop;

export const listFiles = (store: Store, chains: readonly number[]): Promise<string[]> =>
  json(store, 'GET', `list?chains=${chains.join(',')}`, z.array(z.string()));

export async function fetchFile(store: Store, path: string, to: string): Promise<void> {
  await receiveWhole(to, arriving(`${store.url}/files/${path}`, await ask(store, 'GET', `files/${path}`)));
}

/** A way that breaks is no fault of the disk that the bytes are for. */
async function* arriving(where: string, answer: IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    yield* answer;
  } catch (cause) {
    throw engineError(`${where}: expected the whole file, got ${(cause as Error).message}. Is its fit running?`, {
      cause,
    });
  }
}

/** Brings a file under the epoch of its chain's claim. */
export async function bringFile(store: Store, path: string, from: string, epoch: number): Promise<void> {
  const file = await open(from);
  try {
    const { size } = await file.stat();
    const hash = createHash('sha256');
    for await (const piece of contentOf(file)) hash.update(piece);
    const headers = { 'content-length': String(size), 'x-epoch': String(epoch), 'x-sha256': hash.digest('hex') };
    (await ask(store, 'PUT', `files/${path}`, headers, file)).resume();
  } finally {
    await file.close();
  }
}

const contentOf = (file: FileHandle) => file.createReadStream({ start: 0, autoClose: false });

async function json<T>(store: Store, method: string, path: string, schema: z.ZodType<T>): Promise<T> {
  const value = schema.safeParse(await parsed(await ask(store, method, path)));
  if (value.success) return value.data;
  throw engineError(`${store.url}/${path}: expected an answer of a store, got another. Is its fit running?`);
}

async function parsed(answer: IncomingMessage): Promise<unknown> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const piece of answer) {
      bytes += piece.length;
      if (bytes > LONGEST) break;
      pieces.push(piece);
    }
    return JSON.parse(Buffer.concat(pieces).toString());
  } catch {
    return undefined;
  }
}

/** The answer, where it is good. Redirections are not followed: they would lead to where the worker may not go. */
async function ask(
  { url, token }: Store,
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: FileHandle,
): Promise<IncomingMessage> {
  const where = `${url}/${path}`;
  const unanswered = (got: string, cause?: unknown) =>
    engineError(`${where}: expected the store of the run to answer, got ${got}. Is its fit running?`, { cause });
  const answer = await exchange(where, method, { authorization: `Bearer ${token}`, ...headers }, body).catch(
    (cause: Error) => {
      throw unanswered(cause.message || cause.name, cause);
    },
  );
  const { statusCode: status = 0 } = answer;
  if (status >= 200 && status < 300) return answer;
  const told = z.object({ message: z.string() }).safeParse(await parsed(answer));
  const message = told.success ? told.data.message : '';
  if (status === 409) throw takenOver(message);
  if (status === 401) {
    throw takenOver(
      `${where}: expected to be let in, got 401. The run was made anew or longer, or its secret is another.`,
    );
  }
  throw unanswered(`${status} ${message}`);
}

function exchange(
  where: string,
  method: string,
  headers: Record<string, string>,
  body?: FileHandle,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const send = where.startsWith('https:') ? overHttps : overHttp;
    const request = send(where, { method, headers, timeout: IDLE }, (answer) => {
      // The answer may come, and close the way, before all is sent: what it says counts.
      request.off('error', reject).on('error', () => {});
      resolve(answer);
    });
    request.on('timeout', () => request.destroy(new Error(`nothing for ${IDLE / 1000} seconds`)));
    request.on('error', reject);
    if (body) void pipeline(contentOf(body), request).catch(reject);
    else request.end();
  });
}
