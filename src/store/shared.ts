/** A file of tensors in memory that threads share, and that whoever reads it again in this process gets as well. */
import { statSync } from 'node:fs';
import { readWhole } from './files.ts';
import { decodeTensors, type StoredData, type TensorFile } from './safetensors.ts';

interface Kept {
  readonly path: string;
  readonly state: string;
  /** The tensors, while anything holds their memory. */
  readonly again: () => TensorFile | undefined;
}

/** The file that was read or written last. */
let last: Kept | undefined;

/**
 * The tensors of a file, which are not to be written to. The file is read and held against its checksum once, as long as it does not
 * change. Throws a `StoreError` where it is missing or damaged.
 */
export function readSharedTensors(path: string): TensorFile {
  const state = stateOf(path);
  const before = last?.path === path && last.state === state ? last.again() : undefined;
  if (before) return before;
  const file = decodeTensors(
    readWhole(path, (size) => new Uint8Array(new SharedArrayBuffer(size))),
    path,
  );
  last = { path, state, again: whileHeld(file) };
  return file;
}

/** A file was written just now with tensors some of which are in shared memory: it need not be read while that is there. */
export function keepShared(path: string, file: TensorFile): void {
  if (Object.values(file.tensors).some(({ data }) => isShared(data)))
    last = { path, state: stateOf(path), again: whileHeld(file) };
}

/** What differs once a file was written or replaced. */
function stateOf(path: string): string {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found ? [found.ino, found.size, found.mtimeNs, found.ctimeNs].join(' ') : '';
}

const isShared = ({ buffer }: StoredData): boolean => (buffer as ArrayBufferLike) instanceof SharedArrayBuffer;

/** Gives the tensors again; undefined once nothing else holds the shared memory of one of them. */
function whileHeld({ tensors, metadata }: TensorFile): Kept['again'] {
  const views = Object.entries(tensors).map(([name, tensor]) => [name, tensor.shape, viewOf(tensor.data)] as const);
  return () => {
    const found: Record<string, { shape: readonly number[]; data: StoredData }> = {};
    for (const [name, shape, view] of views) {
      const data = view();
      if (!data) return undefined;
      found[name] = { shape, data };
    }
    return { tensors: found, metadata };
  };
}

function viewOf(data: StoredData): () => StoredData | undefined {
  if (!isShared(data)) return () => data;
  const { byteOffset, length } = data;
  const Type = data.constructor as new (memory: ArrayBufferLike, from: number, length: number) => StoredData;
  const memory = new WeakRef(data.buffer);
  return () => {
    const held = memory.deref();
    return held && new Type(held, byteOffset, length);
  };
}
