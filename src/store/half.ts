/** float16 on disk, float32 in memory. */
import { getFloat16, setFloat16 } from '@petamoriken/float16';
import { storeError } from '../errors.ts';

/** Beyond it float16 is infinite. */
const LARGEST = 65_504;

/** Bytes of `values` as little-endian float16, rounded to nearest. Throws a `StoreError` naming `where` for a number out of range. */
export function toHalf(values: Float32Array, where: string): Uint8Array {
  const view = new DataView(new ArrayBuffer(2 * values.length));
  values.forEach((value, i) => {
    if (Math.abs(value) > LARGEST) {
      throw storeError(
        `${where}: expected numbers up to ${LARGEST} for float16, got ${value}. Store draws as float32.`,
      );
    }
    setFloat16(view, 2 * i, value, true);
  });
  return new Uint8Array(view.buffer);
}

/** The numbers of little-endian float16 `bytes`. */
export function fromHalf(bytes: Uint8Array): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.byteLength / 2 }, (_, i) => getFloat16(view, 2 * i, true));
}
