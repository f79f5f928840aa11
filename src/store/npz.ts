/** Arrays for NumPy: an uncompressed ZIP of `.npy` files, format version 1.0. */
import { zipSync } from 'fflate';
import { storeError } from '../errors.ts';
import type { StoredData, StoredTensor } from './safetensors.ts';

const DTYPES = new Map<unknown, string>([
  [Float32Array, '<f4'],
  [Float64Array, '<f8'],
  [Int32Array, '<i4'],
  [Uint32Array, '<u4'],
]);
/** Magic, version and header length take ten bytes; the data start at a multiple of 64. */
const [FIXED, ALIGNMENT] = [10, 64];
/** A ZIP without its 64-bit extension holds no more. */
const LARGEST = 2 ** 32 - 1;

/** The bytes of an archive that `numpy.load` opens. Throws a `StoreError` beyond 4 GiB. */
export function encodeNpz(arrays: Readonly<Record<string, StoredTensor>>): Uint8Array {
  const size = Object.values(arrays).reduce((sum, { data }) => sum + data.byteLength, 0);
  if (size > LARGEST) {
    throw storeError(`npz: expected at most 4 GiB of arrays, got ${size} bytes. Export safetensors instead.`);
  }
  const files = Object.entries(arrays).map(([name, array]) => [`${name}.npy`, npy(array)] as const);
  return zipSync(Object.fromEntries(files), { level: 0 });
}

function npy({ shape, data }: StoredTensor): Uint8Array {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${dtypeOf(data)}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const length = Math.ceil((FIXED + text.length + 1) / ALIGNMENT) * ALIGNMENT - FIXED;
  const head = Buffer.alloc(FIXED + length, ' ');
  head.write('\x93NUMPY\x01\x00', 'latin1');
  head.writeUInt16LE(length, 8);
  head.write(text, FIXED, 'latin1');
  head.write('\n', head.length - 1, 'latin1');
  return Buffer.concat([head, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]);
}

const dtypeOf = (data: StoredData) => DTYPES.get(data.constructor);
