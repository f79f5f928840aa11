/** The bytes of a data file, unpacked where it is gzipped, with a ceiling: a few megabytes can hold a whole memory of zeros. */
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { dataError } from '../errors.ts';

/** Bytes that are read at a time. */
const PIECE = 1 << 20;

/** Bytes that a gzipped file may unpack to, unless more are allowed. */
export const MAX_UNPACKED = 1e9;

/**
 * Reads `path` in pieces, through gunzip when its name ends in `.gz`, and never holds more than a piece. Throws a `DataError` for one that
 * is damaged or unpacks to more than `most` bytes, and what the file system throws for one that cannot be read.
 */
export async function* unpacked(path: string, most = MAX_UNPACKED): AsyncGenerator<Uint8Array> {
  const file = createReadStream(path, { highWaterMark: PIECE });
  if (!path.endsWith('.gz')) return yield* file;
  const gunzip = createGunzip({ chunkSize: PIECE });
  file.on('error', (error) => gunzip.destroy(error));
  let bytes = 0;
  try {
    for await (const piece of file.pipe(gunzip)) {
      bytes += piece.length;
      if (bytes > most) throw tooMuch(path, most);
      yield piece;
    }
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (!code?.startsWith('Z_')) throw cause;
    throw dataError(`${path}: expected a gzipped file, got ${message}. Pack it again, or take .gz off its name.`, {
      cause,
    });
  } finally {
    file.destroy();
  }
}

const tooMuch = (path: string, most: number) =>
  dataError(
    `${path}: expected at most ${most / 1e9} GB once unpacked, got more. ` +
      'If it is what it should be, unpack it first, or allow more with --max-unpacked where fit, plan or predict read it.',
  );
