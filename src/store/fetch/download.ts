/** Downloads that go on where they were cut, and files that are what they should be before anybody reads them. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, rmSync, statSync } from 'node:fs';
import { mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { storeError } from '../../errors.ts';
import type { CatalogueFile } from './catalogue.ts';

export interface DownloadOptions {
  /** Bytes there, and of how many, where that is known. */
  readonly onProgress?: (held: number, size: number | undefined) => void;
  /** Tries in a row that bring no byte before it is given up. Default 5. */
  readonly tries?: number;
  /** Milliseconds before the second try, doubled for each further one. Default 1000. */
  readonly patience?: number;
}

/** What is known of a file on disk. */
export interface Checked {
  readonly size: number;
  readonly sha256: string;
  /** Whether a checksum was known and matched; else only the size was compared, where it is known. */
  readonly certain: boolean;
}

/** Downloads `url` to `path`, on from what an earlier call left. Throws a `StoreError` where it cannot be had whole, or is another file. */
export async function download(
  url: string,
  path: string,
  file: CatalogueFile,
  options: DownloadOptions = {},
): Promise<Checked> {
  const { onProgress = () => {}, tries = 5, patience = 1000 } = options;
  const partial = `${path}.partial`;
  await mkdir(dirname(path), { recursive: true });
  let failed = 0;
  for (;;) {
    const before = sizeOf(partial);
    try {
      await receive(url, partial, file.size, onProgress);
      break;
    } catch (cause) {
      const { status } = cause as { status?: number };
      failed = sizeOf(partial) > before ? 1 : failed + 1;
      if (failed >= tries || (status !== undefined && status >= 400 && status < 500)) {
        throw storeError(
          `${url}: expected the whole file, got ${(cause as Error).message} after ${sizeOf(partial)} bytes. Try again: it goes on from there; or give --mirror.`,
          { cause },
        );
      }
      await sleep(patience * 2 ** (failed - 1));
    }
  }
  try {
    const checked = await check(partial, file);
    await rename(partial, path);
    return checked;
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** Asks for what is missing and appends it; all anew where the server does not know parts. */
async function receive(
  url: string,
  partial: string,
  expected: number | undefined,
  onProgress: (held: number, size?: number) => void,
) {
  let held = sizeOf(partial);
  if (expected !== undefined && held === expected) return;
  const response = await fetch(url, { headers: held > 0 ? { range: `bytes=${held}-` } : {} });
  const whole = /\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1];
  if (response.status === 416 && Number(whole) === held) return;
  if (response.status === 416) rmSync(partial, { force: true });
  if (!response.ok || !response.body) {
    await response.body?.cancel();
    throw Object.assign(new Error(`status ${response.status}`), response.status !== 416 && { status: response.status });
  }
  const resumed = response.status === 206;
  if (!resumed) held = 0;
  const length = response.headers.get('content-length');
  const size = whole ? Number(whole) : length === null ? expected : held + Number(length);
  const out = await open(partial, resumed ? 'a' : 'w');
  try {
    for await (const piece of response.body) {
      held += piece.length;
      if (expected !== undefined && held > expected) break;
      await out.writeFile(piece);
      onProgress(held, size);
    }
    await out.sync();
  } finally {
    await out.close();
  }
  if (expected !== undefined && held > expected) throw await surplus(partial, expected);
  if (size !== undefined && held < size) throw new Error(`a connection that ended at ${held} of ${size} bytes`);
}

/** More bytes than the file has: it is another one. */
async function surplus(partial: string, expected: number): Promise<Error> {
  rmSync(partial, { force: true });
  return Object.assign(new Error(`more than the ${expected} bytes of the file`), { status: 400 });
}

/** Size and checksums of a file on disk. Throws a `StoreError` where they are not those that are known. */
export async function check(path: string, { name, size, sha256, md5 }: CatalogueFile): Promise<Checked> {
  if (!existsSync(path)) throw storeError(`${path}: expected ${name}, got no such file. Fetch it.`);
  const hashes = { sha256: createHash('sha256'), md5: createHash('md5') };
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) {
    hashes.sha256.update(piece);
    if (md5 !== undefined) hashes.md5.update(piece);
  }
  const found = { size: statSync(path).size, sha256: hashes.sha256.digest('hex') };
  const other = (what: string, expected: string | number, got: string | number) =>
    storeError(`${path}: expected ${name} with ${what} ${expected}, got ${got}. Fetch it anew.`);
  if (size !== undefined && found.size !== size) throw other('size', size, found.size);
  if (sha256 !== undefined && found.sha256 !== sha256) throw other('sha256', sha256, found.sha256);
  const own = md5 === undefined ? undefined : hashes.md5.digest('hex');
  if (own !== md5) throw other('md5', md5!, own!);
  return { ...found, certain: sha256 !== undefined || md5 !== undefined };
}
