/** The bytes of a file in order, unpacked where it is gzipped, into memory that the reader gives. */
import { dataError } from '../errors.ts';
import { unpacked } from './unpack.ts';

export interface ByteReader {
  /** Fills `into` with the next bytes and returns how many there were: fewer only at the end. */
  fill(into: Uint8Array): Promise<number>;
  close(): Promise<void>;
}

/** Reads `path`, which may unpack to `most` bytes. Throws a `DataError` for a file that cannot be read. */
export function byteReader(path: string, most: number | undefined): ByteReader {
  const pieces = unpacked(path, most);
  let piece: Uint8Array = new Uint8Array(0);
  const next = async (): Promise<boolean> => {
    try {
      const { value, done } = await pieces.next();
      if (!done) piece = value;
      return !done;
    } catch (cause) {
      throw unreadable(path, cause);
    }
  };
  return {
    async fill(into) {
      let at = 0;
      while (at < into.length) {
        if (piece.length === 0 && !(await next())) break;
        const part = piece.subarray(0, into.length - at);
        into.set(part, at);
        at += part.length;
        piece = piece.subarray(part.length);
      }
      return at;
    },
    close: async () => {
      await pieces.return(undefined);
    },
  };
}

/** Fills `into` with the first bytes of a file and returns them; fewer where the file is shorter. */
export async function firstBytes(path: string, count: number): Promise<Uint8Array> {
  const reader = byteReader(path, undefined);
  try {
    const bytes = new Uint8Array(count);
    return bytes.subarray(0, await reader.fill(bytes));
  } finally {
    await reader.close();
  }
}

/** Bytes of a file once it is unpacked. */
export async function unpackedSize(path: string, most: number | undefined): Promise<number> {
  let size = 0;
  try {
    for await (const piece of unpacked(path, most)) size += piece.length;
  } catch (cause) {
    throw unreadable(path, cause);
  }
  return size;
}

/** Memory for data of a run, which threads share. */
export const sharedBytes = (size: number): Uint8Array => new Uint8Array(new SharedArrayBuffer(size));

/** A `DataError` for what the file system says; what is one already is as it is. */
export function unreadable(path: string, cause: unknown): unknown {
  const { code } = cause as NodeJS.ErrnoException;
  if (code === undefined || !/^E[A-Z]+$/.test(code)) return cause;
  const got = code === 'ENOENT' ? 'no such file' : code === 'EISDIR' ? 'a folder' : code;
  return dataError(`${path}: expected a readable data file, got ${got}. Check the path.`, { cause });
}
