/** A file of draws in a row, with numbers about each: a full one of a chain, or a piece of one that is not. */
import { storeError } from '../errors.ts';
import { type ReadTensors, readTensors, type TensorFile } from './safetensors.ts';

export interface DrawFile {
  /** Draws of the file, float32 `[n × d]` row-major. */
  readonly data: Float32Array;
  /** Numbers about each draw `[n × statistics]`. */
  readonly stats: Float64Array;
}

/** What a chain's files of draws look like. */
export interface DrawLayout {
  /** Parameters of a draw. */
  readonly dim: number;
  /** Names of the numbers kept beside each draw. */
  readonly stats: readonly string[];
  /** Draws of a full file. */
  readonly drawsPerFile: number;
  /** Default float32. */
  readonly type?: 'float32' | 'float16';
}

/** The file with the draws `from` to `to` of those that are held. */
export function fileOfDraws(
  { data, stats }: DrawFile,
  { dim, stats: names, type }: DrawLayout,
  from: number,
  to: number,
): TensorFile {
  const width = names.length;
  return {
    tensors: {
      draws: { shape: [to - from, dim], data: data.slice(from * dim, to * dim), half: type === 'float16' },
      stats: { shape: [to - from, width], data: stats.slice(from * width, to * width) },
    },
    metadata: { stats: names.join(' ') },
  };
}

/** Throws a `StoreError` for a file that is damaged, missing or foreign. */
export function readDrawFile(path: string, d: number, read: ReadTensors = readTensors): DrawFile {
  const { draws, stats } = read(path).tensors;
  if (draws?.shape[1] !== d || !(draws.data instanceof Float32Array) || !(stats?.data instanceof Float64Array)) {
    throw storeError(`${path}: expected draws of dimension ${d}, got ${draws?.shape[1]}. The file is of another run.`);
  }
  return { data: draws.data, stats: stats.data };
}
