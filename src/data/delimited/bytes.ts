/** The bytes of a text file as UTF-8, piece by piece: unpacked, and translated from the encodings that exports come in. */
import { isUtf8 } from 'node:buffer';
import { open } from 'node:fs/promises';
import { dataError } from '../../errors.ts';
import { unpacked } from '../unpack.ts';

/** `utf-8` may turn out to be wrong while the file is read: `NotUtf8` is thrown then. */
export type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';

/** Thrown by `checkUtf8` for bytes that are not; the file can be read again as Windows-1252. */
export class NotUtf8 extends Error {}

/** What a file is that is no delimited text, by how it begins. */
const OTHERS: readonly (readonly [begin: string, what: string, advice: string])[] = [
  ['PAR1', 'a Parquet file', 'Write it as CSV.'],
  ['PK\x03\x04', 'an Excel workbook or a ZIP', 'Unpack it, or save the sheet as CSV.'],
  ['\xd0\xcf\x11\xe0', 'an old Excel workbook', 'Save the sheet as CSV.'],
  ['\x89HDF', 'an HDF5 file', 'Write the table as CSV.'],
  ['SQLite format 3', 'an SQLite database', 'Export the table as CSV.'],
  ['\x1f\x8b', 'a gzip archive', 'Let its name end in .gz.'],
  ['BZh', 'a bzip2 archive', 'Unpack it, or pack it with gzip.'],
  ['\xfd7zXZ', 'an xz archive', 'Unpack it, or pack it with gzip.'],
  ['\x28\xb5\x2f\xfd', 'a zstd archive', 'Unpack it, or pack it with gzip.'],
];

async function firstBytes(path: string): Promise<Buffer> {
  try {
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(16), 0, 16, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const got = code === 'ENOENT' ? 'no such file' : code === 'EISDIR' ? 'a folder' : String(code);
    throw dataError(`${path}: expected a readable data file, got ${got}. Check the path.`, { cause });
  }
}

/** Calls `take` on pieces of the file as UTF-8; a gzipped one may unpack to `most` bytes. Throws a `DataError`. */
export async function readUtf8(
  path: string,
  encoding: Encoding | undefined,
  most: number | undefined,
  take: (piece: Buffer) => void,
): Promise<void> {
  const begin = (await firstBytes(path)).toString('latin1');
  const other = path.endsWith('.gz') ? undefined : OTHERS.find(([start]) => begin.startsWith(start));
  if (other) throw dataError(`${path}: expected delimited text, got ${other[1]}. ${other[2]}`);
  let translate: ((piece: Buffer, last: boolean) => Buffer) | undefined;
  for await (const bytes of unpacked(path, most)) {
    const piece = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    translate ??= translator(encoding ?? encodingOf(piece));
    take(translate(piece, false));
  }
  if (translate) take(translate(Buffer.alloc(0), true));
}

/** By the byte order mark, or by zeros where UTF-16 has them. */
function encodingOf(begin: Buffer): Encoding {
  if (begin[0] === 0xff && begin[1] === 0xfe) return 'utf-16le';
  if (begin[0] === 0xfe && begin[1] === 0xff) return 'utf-16be';
  const some = begin.subarray(0, 200 * 2);
  const zeros = [0, 1].map((odd) => some.filter((byte, i) => i % 2 === odd && byte === 0).length);
  if (some.length < 8 || Math.max(...zeros) < 0.4 * (some.length / 2)) return 'utf-8';
  if (Math.min(...zeros) > 0) return 'utf-8';
  return zeros[1] > zeros[0] ? 'utf-16le' : 'utf-16be';
}

/** What turns pieces in this encoding into UTF-8, without a byte order mark. */
function translator(encoding: Encoding): (piece: Buffer, last: boolean) => Buffer {
  if (encoding === 'utf-8') {
    let begun = false;
    return (piece) => {
      const bare = !begun && piece[0] === 0xef && piece[1] === 0xbb && piece[2] === 0xbf ? piece.subarray(3) : piece;
      begun = true;
      return bare;
    };
  }
  const decoder = new TextDecoder(encoding);
  return (piece, last) => Buffer.from(decoder.decode(piece, { stream: !last }));
}

/** Throws `NotUtf8` unless `bytes`, which end with a line, are UTF-8. */
export function checkUtf8(bytes: Buffer): void {
  if (!isUtf8(bytes)) throw new NotUtf8();
}
