/**
 * Arrays of NumPy: `.npy` files, and `.npz`, a ZIP of them. A file is a magic, a version, the length of its header, the header as a Python
 * dictionary, then the numbers.
 */
import { readFileSync, statSync } from 'node:fs';
import { unzipSync } from 'fflate';
import { dataError } from '../errors.ts';
import { unreadable } from './byte-reader.ts';
import { MAX_UNPACKED } from './unpack.ts';

type NumpyData =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

export interface NumpyArray {
  readonly shape: readonly number[];
  /** Row-major. Texts where the array has them. */
  readonly data: NumpyData | readonly string[];
}

const TYPES = {
  u1: Uint8Array,
  b1: Uint8Array,
  i1: Int8Array,
  u2: Uint16Array,
  i2: Int16Array,
  u4: Uint32Array,
  i4: Int32Array,
  f4: Float32Array,
  f8: Float64Array,
  i8: BigInt64Array,
  u8: BigUint64Array,
} as const;

const MAGIC = '\x93NUMPY';

/** Reads the arrays of a file by name; that of a `.npy` has the empty name. Throws a `DataError` for what is no whole file of plain numbers. */
export function readNumpy(path: string, most: number = MAX_UNPACKED): Map<string, NumpyArray> {
  let bytes: Uint8Array;
  try {
    if (statSync(path).size > most) throw tooMuch(path, most);
    bytes = readFileSync(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
  if (!path.endsWith('.npz')) return new Map([['', parse(bytes, path)]]);
  let room = most;
  let files: Record<string, Uint8Array>;
  try {
    files = unzipSync(bytes, {
      filter({ name, originalSize }) {
        room -= originalSize;
        if (room < 0) throw tooMuch(path, most);
        return name.endsWith('.npy');
      },
    });
  } catch (cause) {
    if ((cause as { tag?: string }).tag !== undefined) throw cause;
    throw dataError(`${path}: expected a whole .npz, got ${(cause as Error).message}. Write it again.`, { cause });
  }
  return new Map(Object.entries(files).map(([name, file]) => [name.slice(0, -4), parse(file, `${path}, ${name}`)]));
}

const tooMuch = (path: string, most: number) =>
  dataError(
    `${path}: expected at most ${most / 1e9} GB of arrays, got more. If it is what it should be, allow more with --max-unpacked.`,
  );

function parse(bytes: Uint8Array, where: string): NumpyArray {
  const damaged = (got: string) => dataError(`${where}: expected a whole .npy file, got ${got}. Write it again.`);
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.length < 12 || view.toString('latin1', 0, 6) !== MAGIC) throw damaged('one that does not begin as one');
  const long = view[6] > 1;
  const length = long ? view.readUInt32LE(8) : view.readUInt16LE(8);
  const from = (long ? 12 : 10) + length;
  if (from > view.length) throw damaged('a cut-off header');
  const header = view.toString('utf8', from - length, from);
  const [, type] = /'descr':\s*'([^']*)'/.exec(header) ?? [];
  const [, order] = /'fortran_order':\s*(True|False)/.exec(header) ?? [];
  const [, sizes] = /'shape':\s*\(([^)]*)\)/.exec(header) ?? [];
  if (order === undefined || sizes === undefined) throw damaged('a header that is not one');
  if (type === undefined)
    throw dataError(`${where}: expected plain numbers, got a structured array. Save its fields as arrays.`);
  const shape = sizes.split(',').flatMap((size) => (size.trim() === '' ? [] : [Number(size)]));
  const count = shape.reduce((product, n) => product * n, 1);
  if (!Number.isSafeInteger(count) || count < 0) throw damaged(`shape (${sizes})`);
  const [, endian, code, width] = /^([<>|=]?)([a-zA-Z])(\d+)$/.exec(type) ?? [];
  const kind = TYPES[`${code}${width}` as keyof typeof TYPES];
  const text = code === 'U' ? Number(width) : 0;
  if ((kind === undefined && text === 0) || endian === '>') {
    throw dataError(
      `${where}: expected little-endian numbers, got '${type}'. Save it as uint8, int64, float32 or another plain type.`,
    );
  }
  if (order === 'True' && shape.length > 1)
    throw dataError(`${where}: expected rows first, got an array in Fortran's order. Save np.ascontiguousarray of it.`);
  const size = kind ? kind.BYTES_PER_ELEMENT : 4 * text;
  if (view.length - from !== count * size) throw damaged(`${view.length - from} bytes for (${sizes}) of ${type}`);
  if (!kind) {
    const data = texts(view.subarray(from), count, text);
    if (!data) throw damaged('words that are none');
    return { shape, data };
  }
  const data = (view.byteOffset + from) % size === 0 ? view.subarray(from) : new Uint8Array(view.subarray(from));
  return { shape, data: new kind(data.buffer as ArrayBuffer, data.byteOffset, count) };
}

const LAST_CODE_POINT = 0x10ffff;

/** Fixed places of UTF-32, filled up with zeros; undefined where one is no character. */
function texts(bytes: Buffer, count: number, places: number): string[] | undefined {
  const codes = Array.from({ length: count * places }, (_, i) => bytes.readUInt32LE(4 * i));
  if (codes.some((code) => code > LAST_CODE_POINT)) return undefined;
  return Array.from({ length: count }, (_, k) =>
    codes
      .slice(k * places, (k + 1) * places)
      .map((code) => (code > 0 ? String.fromCodePoint(code) : ''))
      .join(''),
  );
}
