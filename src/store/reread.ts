/** Tensor files that are read again and again: held against their checksums once, and kept in memory where they are small. */
import { type ReadTensors, readTensors, type TensorFile } from './safetensors.ts';

/** Bytes that are kept. */
const MOST_BYTES = 200e6;

/** Reads like `readTensors`. What it returns may be shared: it is not to be written to. */
export function rereader(most = MOST_BYTES): ReadTensors {
  const kept = new Map<string, TensorFile>();
  const whole = new Set<string>();
  let bytes = 0;
  return (path) => {
    const before = kept.get(path);
    if (before) return before;
    const file = readTensors(path, !whole.has(path));
    whole.add(path);
    const size = Object.values(file.tensors).reduce((sum, { data }) => sum + data.byteLength, 0);
    if (bytes + size > most) return file;
    bytes += size;
    kept.set(path, file);
    return file;
  };
}
