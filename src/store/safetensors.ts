/**
 * Named tensors in one file, in the safetensors format: eight bytes of header length, a JSON header padded to eight
 * bytes, then the data, little-endian. The header's metadata carry a checksum of the data.
 */
import { storeError } from '../errors.ts';
import { readWhole, sha256, writeWhole } from './files.ts';
import { fromHalf, toHalf } from './half.ts';

const TYPES = { F32: Float32Array, F64: Float64Array, I32: Int32Array, U32: Uint32Array } as const;
type TypeName = keyof typeof TYPES | 'F16';
export type StoredData = Float32Array | Float64Array | Int32Array | Uint32Array;

export interface StoredTensor {
  readonly shape: readonly number[];
  readonly data: StoredData;
  /** Kept in half precision; comes back as float32. */
  readonly half?: boolean;
}
export interface TensorFile {
  readonly tensors: Readonly<Record<string, StoredTensor>>;
  readonly metadata: Readonly<Record<string, string>>;
}

interface Entry {
  dtype: TypeName;
  shape: number[];
  data_offsets: [number, number];
}

const typeOf = (data: StoredData): TypeName =>
  (Object.keys(TYPES) as (keyof typeof TYPES)[]).find((name) => data instanceof TYPES[name]) as TypeName;
const widthOf = ({ data, half }: StoredTensor): number => (half ? 2 : data.BYTES_PER_ELEMENT);

/**
 * The bytes of a file with these tensors; wider types come first, so that all data are aligned. Throws a `StoreError` naming `where` for
 * a number that half precision cannot hold.
 */
export function encodeTensors({ tensors, metadata }: TensorFile, where = 'tensors'): Uint8Array {
  const entries: Record<string, Entry> = {};
  const parts: Uint8Array[] = [];
  let at = 0;
  const widest = Object.entries(tensors).sort(([, a], [, b]) => widthOf(b) - widthOf(a));
  for (const [name, { shape, data, half }] of widest) {
    const bytes =
      half && data instanceof Float32Array
        ? toHalf(data, `${where}, ${name}`)
        : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    entries[name] = { dtype: half ? 'F16' : typeOf(data), shape: [...shape], data_offsets: [at, at + bytes.length] };
    parts.push(bytes);
    at += bytes.length;
  }
  const body = Buffer.concat(parts);
  const header = JSON.stringify({ __metadata__: { ...metadata, sha256: sha256(body) }, ...entries });
  const size = Buffer.byteLength(header);
  const padded = header + ' '.repeat((8 - (size % 8)) % 8);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(padded)));
  return Buffer.concat([length, Buffer.from(padded), body]);
}

/** The tensors of a file's bytes. Throws a `StoreError` naming `where` for a torn or changed file. */
export function decodeTensors(bytes: Uint8Array, where: string): TensorFile {
  const damaged = (got: string) =>
    storeError(`${where}: expected a whole tensor file, got ${got}. Restore it or run again.`);
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.length < 8) throw damaged(`${view.length} bytes`);
  const size = Number(view.readBigUInt64LE());
  if (8 + size > view.length) throw damaged('a cut-off header');
  let header: Record<string, Entry> & { __metadata__: Record<string, string> };
  try {
    header = JSON.parse(view.subarray(8, 8 + size).toString());
  } catch {
    throw damaged('a header that is not JSON');
  }
  const { __metadata__: metadata = {}, ...entries } = header as typeof header;
  const body = view.subarray(8 + size);
  if (metadata.sha256 !== sha256(body)) throw damaged('data that do not match their checksum');
  const tensors = Object.fromEntries(
    Object.entries(entries as Record<string, Entry>).map(([name, { dtype, shape, data_offsets }]) => {
      const copy = Uint8Array.from(body.subarray(...data_offsets));
      return [name, { shape, data: dtype === 'F16' ? fromHalf(copy) : new TYPES[dtype](copy.buffer) }];
    }),
  );
  return { tensors, metadata };
}

/** `check` may refuse, as of `writeWhole`. */
export const writeTensors = (path: string, file: TensorFile, check?: () => void): void =>
  writeWhole(path, encodeTensors(file, path), check);
export const readTensors = (path: string): TensorFile => decodeTensors(readWhole(path), path);
