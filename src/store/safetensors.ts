/**
 * Named tensors in one file, in the safetensors format: eight bytes of header length, a JSON header padded to eight
 * bytes, then the data, little-endian. The header begins with a checksum of the whole file, taken with zeros in its place.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { storeError } from '../errors.ts';
import { readWhole, type Writing, writeWhole } from './files.ts';
import { fromHalf, toHalf } from './half.ts';

const TYPES = {
  F32: Float32Array,
  F64: Float64Array,
  I32: Int32Array,
  U32: Uint32Array,
  U16: Uint16Array,
  U8: Uint8Array,
} as const;
type TypeName = keyof typeof TYPES | 'F16';
export type StoredData = Float32Array | Float64Array | Int32Array | Uint32Array | Uint16Array | Uint8Array;

export interface StoredTensor {
  readonly shape: readonly number[];
  readonly data: StoredData;
  /** Kept in half precision; comes back as float32. */
  readonly half?: boolean;
}
export interface TensorFile {
  readonly tensors: Readonly<Record<string, StoredTensor>>;
  /** Read files have their checksum in it, as `sha256`. */
  readonly metadata: Readonly<Record<string, string>>;
}

const entrySchema = z.strictObject({
  dtype: z.enum(['F16', 'F32', 'F64', 'I32', 'U32', 'U16', 'U8']),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});
const headerSchema = z.object({ __metadata__: z.record(z.string(), z.string()) }).catchall(entrySchema);

/** Bytes before the header, and what the header begins with; the checksum follows. */
const SIZE = 8;
const OPENING = Buffer.from('{"__metadata__":{"sha256":"');
const BLANK = Buffer.alloc(64, '0');
const CHECKSUM = SIZE + OPENING.length;

const typeOf = (data: StoredData): TypeName =>
  (Object.keys(TYPES) as (keyof typeof TYPES)[]).find((name) => data instanceof TYPES[name]) as TypeName;
const widthOf = ({ data, half }: StoredTensor): number => (half ? 2 : data.BYTES_PER_ELEMENT);

/** What a file of these tensors consists of, one part after the other, without a copy of what is large. */
function partsOf({ tensors, metadata }: TensorFile, where: string): Uint8Array[] {
  const entries: Record<string, z.input<typeof entrySchema>> = {};
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
  const { sha256: _, ...own } = metadata;
  const header = JSON.stringify({ __metadata__: { sha256: BLANK.toString(), ...own }, ...entries });
  const size = Buffer.byteLength(header);
  const padded = header + ' '.repeat((8 - (size % 8)) % 8);
  const length = Buffer.alloc(SIZE);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(padded)));
  const head = Buffer.concat([length, Buffer.from(padded)]);
  head.write(checksumOf([head, ...parts]), CHECKSUM);
  return [head, ...parts];
}

function checksumOf(parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/**
 * The bytes of a file with these tensors; wider types come first, so that all data are aligned. Throws a `StoreError` naming `where` for
 * a number that half precision cannot hold.
 */
export const encodeTensors = (file: TensorFile, where = 'tensors'): Uint8Array => Buffer.concat(partsOf(file, where));

/**
 * The tensors of a file's bytes. Throws a `StoreError` naming `where` for a torn or changed file, whatever byte of it; without `verify` only
 * where it cannot be read.
 */
export function decodeTensors(bytes: Uint8Array, where: string, verify = true): TensorFile {
  const damaged = (got: string) =>
    storeError(`${where}: expected a whole tensor file, got ${got}. Restore it or run again.`);
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.length < SIZE) throw damaged(`${view.length} bytes`);
  const size = Number(view.readBigUInt64LE());
  if (SIZE + size > view.length) throw damaged('a cut-off header');
  if (!view.subarray(SIZE, CHECKSUM).equals(OPENING)) throw damaged('a header without a checksum of the file');
  const end = CHECKSUM + BLANK.length;
  const checksum = view.subarray(CHECKSUM, end).toString('latin1');
  if (verify && checksumOf([view.subarray(0, CHECKSUM), BLANK, view.subarray(end)]) !== checksum)
    throw damaged('data that do not match their checksum');
  const { __metadata__: metadata, ...entries } = headerOf(view.subarray(SIZE, SIZE + size), damaged);
  const body = view.subarray(SIZE + size);
  const tensors = Object.entries(entries).map(
    ([
      name,
      {
        dtype,
        shape,
        data_offsets: [from, to],
      },
    ]) => {
      const count = shape.reduce((product, n) => product * n, 1);
      const width = dtype === 'F16' ? 2 : TYPES[dtype].BYTES_PER_ELEMENT;
      if (to > body.length || to - from !== count * width) throw damaged(`${to - from} bytes of '${name}' [${shape}]`);
      const part = body.subarray(from, to);
      return [name, { shape, data: dtype === 'F16' ? fromHalf(part) : inPlace(TYPES[dtype], part, count) }] as const;
    },
  );
  return { tensors: Object.fromEntries(tensors), metadata };
}

/** The numbers of these bytes where they lie, or of a copy where they lie between the places that numbers have. */
function inPlace(type: (typeof TYPES)[keyof typeof TYPES], bytes: Uint8Array, count: number): StoredData {
  const { buffer, byteOffset } = bytes.byteOffset % type.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes);
  return new type(buffer as ArrayBuffer, byteOffset, count);
}

function headerOf(bytes: Buffer, damaged: (got: string) => Error) {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch {
    throw damaged('a header that is not JSON');
  }
  const { success, data } = headerSchema.safeParse(value);
  if (!success) throw damaged('a header that is not one of tensors');
  return data as { __metadata__: Record<string, string> } & Record<string, z.output<typeof entrySchema>>;
}

/** The checksum that a file of these tensors has in its metadata. */
export const tensorsChecksum = (file: TensorFile): string =>
  Buffer.from(partsOf(file, 'tensors')[0]).toString('latin1', CHECKSUM, CHECKSUM + BLANK.length);

/** `check` may refuse, and `options` are, as of `writeWhole`. */
export const writeTensors = (path: string, file: TensorFile, check?: () => void, options?: Writing): void =>
  writeWhole(path, partsOf(file, path), check, options);

/** Reads a file of tensors by its path. */
export type ReadTensors = (path: string) => TensorFile;
/** Without `verify` the checksum is not computed: for a file that was found whole before. */
export const readTensors = (path: string, verify = true): TensorFile => decodeTensors(readWhole(path), path, verify);
