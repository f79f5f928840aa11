/** Files that are there whole or not at all: written under a temporary name, synced, renamed. */
import { createHash } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  createReadStream,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { SmileError, storeError } from '../errors.ts';

/** Marks files that are still being written; readers never look at them. */
export const TEMPORARY = '.partial';

export interface Writing {
  /** `content` leaves the name to the sync of a file that is written beside it next. */
  readonly sync?: boolean | 'content';
  /** Who may read it. */
  readonly mode?: number;
}

/**
 * Writes a file whole, making its folder; content of several parts is written one after the other. `check` is asked before anything is
 * made, and again before the file gets its name, and may refuse by throwing. Nothing is left behind when it fails. `sync: false` is for what can be made again: a power cut, though no kill, may leave it torn. Throws a
 * `StoreError`, or what `check` throws.
 */
export function writeWhole(
  path: string,
  content: string | Uint8Array | readonly Uint8Array[],
  check: () => void = () => {},
  { sync = true, mode = 0o666 }: Writing = {},
): void {
  const temporary = temporaryOf(path);
  const whole = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  try {
    check();
    mkdirSync(dirname(path), { recursive: true });
    const file = openSync(temporary, 'w', mode);
    try {
      for (const bytes of whole instanceof Uint8Array ? [whole] : whole) {
        for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, Math.min(bytes.length - at, PIECE));
      }
      if (sync) fsyncSync(file);
    } finally {
      closeSync(file);
    }
    check();
    renameSync(temporary, path);
    if (sync === true) syncFolder(dirname(path));
  } catch (cause) {
    throw unwritten(path, temporary, cause);
  }
}

/** The same for content that comes in pieces, of which no more than one is held. */
export async function receiveWhole(
  path: string,
  content: AsyncIterable<Uint8Array>,
  check: () => void = () => {},
): Promise<void> {
  const temporary = temporaryOf(path);
  try {
    mkdirSync(dirname(path), { recursive: true });
    const file = await open(temporary, 'w');
    try {
      for await (const piece of content) await file.writeFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    check();
    renameSync(temporary, path);
    syncFolder(dirname(path));
  } catch (cause) {
    throw unwritten(path, temporary, cause);
  }
}

let count = 0;
const temporaryOf = (path: string): string => `${path}.${process.pid}-${threadId}-${count++}${TEMPORARY}`;

/** Clears what was written of a file, and says why it is not there. */
function unwritten(path: string, temporary: string, thrown: unknown): SmileError {
  if (existsSync(temporary)) rmSync(temporary);
  if (thrown instanceof SmileError) return thrown;
  const cause = refusal(dirname(path)) ?? (thrown as Error);
  return storeError(`${path}: expected to write the file, got ${cause.message}. Check space and rights.`, { cause });
}

/** Why nothing can be written to a folder, or to the one above where it would be made; undefined where it can. */
function refusal(folder: string): Error | undefined {
  if (!existsSync(folder) && dirname(folder) !== folder) return refusal(dirname(folder));
  try {
    accessSync(folder, constants.W_OK);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/**
 * Removes what writers that were killed left half written in a folder, or below it too, of files whose names begin with `prefix`. `check`
 * is asked before each goes, and may refuse by throwing.
 */
export function sweep(folder: string, { prefix = '', below = false, check = () => {} } = {}): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder, { recursive: below, encoding: 'utf8' })) {
    if (!basename(name).startsWith(prefix) || !name.endsWith(TEMPORARY)) continue;
    check();
    rmSync(join(folder, name), { force: true });
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** Bytes read or written by one call: the system takes no more than 2 GiB at a time. */
const PIECE = 2 ** 30;

/** The bytes of a file, in memory that `allocate` gives. Throws a `StoreError` when it is not there. */
export function readWhole(path: string, allocate: (size: number) => Uint8Array = Buffer.allocUnsafeSlow): Uint8Array {
  try {
    const file = openSync(path, 'r');
    try {
      const bytes = allocate(fstatSync(file).size);
      let at = 0;
      for (let read = -1; at < bytes.length && read !== 0; at += read)
        read = readSync(file, bytes, at, Math.min(bytes.length - at, PIECE), at);
      return bytes.subarray(0, at);
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw storeError(`${path}: expected a file, got ${missing ? 'none' : (cause as Error).message}. Check the path.`, {
      cause,
    });
  }
}

/** The value of a JSON file that `writeJson` wrote. Throws a `StoreError` when it is missing, torn or changed. */
export function readJson(path: string): unknown {
  const text = new TextDecoder().decode(readWhole(path));
  const damaged = (got: string, cause?: unknown) =>
    storeError(`${path}: expected JSON, got ${got}. The file is damaged: restore it or run the fit again.`, { cause });
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw damaged('text that is not', cause);
  }
  if (content === null || typeof content !== 'object') throw damaged(`${content}, which no checksum covers`);
  const { sha256: stated, ...value } = content as { sha256?: string };
  if (stated !== sha256(JSON.stringify(value))) throw damaged('numbers that do not match their checksum');
  return value;
}

/** Writes an object as JSON, with the checksum of its content as the last field. */
export function writeJson(path: string, value: object, check?: () => void, options?: Writing): void {
  writeWhole(path, jsonText(value), check, options);
}

/** Codes of a disk, or a folder, that is for reading only. */
const READ_ONLY = ['EROFS', 'EACCES', 'EPERM'];

/**
 * Writes JSON that can be made again. Where the disk is read-only it is not kept, and a process warning says so: reading a run must not
 * need the right to write it.
 */
export function keepJson(path: string, value: object): void {
  try {
    writeJson(path, value);
  } catch (error) {
    const { code } = (error as { cause?: NodeJS.ErrnoException }).cause ?? {};
    if (!READ_ONLY.includes(code ?? '')) throw error;
    process.emitWarning(`${path}: not kept, the folder is for reading only (${code})`, 'SmileNote');
  }
}

/** What `writeJson` writes. */
export const jsonText = (value: object): string =>
  `${JSON.stringify({ ...value, sha256: sha256(JSON.stringify(value)) }, null, 2)}\n`;

export const sha256 = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** The SHA-256 of a file of any size. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(piece);
  return hash.digest('hex');
}
