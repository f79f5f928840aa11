/** Draws of one chain as numbered blocks, so that memory stays bounded and every file is whole. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { f16round } from '@petamoriken/float16';
import { storeError } from '../errors.ts';
import { readTensors, writeTensors } from './safetensors.ts';

const NAME = /^draws-(\d{6})\.safetensors$/;

export interface DrawBlock {
  /** Draws of the block, float32 `[n × d]` row-major. */
  readonly data: Float32Array;
  /** Numbers about each draw `[n × statistics]`. */
  readonly stats: Float64Array;
}

/** What a chain's blocks of draws look like. */
export interface DrawLayout {
  /** Parameters of a draw. */
  readonly dim: number;
  /** Names of the numbers kept beside each draw. */
  readonly stats: readonly string[];
  readonly blockSize: number;
  /** Default float32. */
  readonly type?: 'float32' | 'float16';
}

export interface DrawWriter {
  /** Where held draws lie `[blockSize × d]`, rounded as they are stored, the last block's until new ones come; and their numbers `[blockSize × statistics]`. */
  readonly data: Float32Array;
  readonly stats: Float64Array;
  /** Keeps θ `[d]`, found at `at` of `theta`, with the numbers about it; a full block is written. */
  add(theta: Float64Array, at: number, stats: readonly number[]): void;
  /** Writes what is held. */
  flush(): void;
  /** Where the writer stands: blocks written, and the draws it holds. */
  standing(): WriterStanding;
}

export interface WriterStanding extends DrawBlock {
  readonly blocks: number;
}

/**
 * Writes the draws of the chain in `folder`, from where another writer stood; later blocks go. `check` is asked before each block goes or
 * gets its name.
 */
export function drawWriter(
  folder: string,
  { dim, stats: names, blockSize, type }: DrawLayout,
  from?: WriterStanding,
  check: () => void = () => {},
): DrawWriter {
  const data = new Float32Array(blockSize * dim);
  const stats = new Float64Array(blockSize * names.length);
  data.set(from?.data ?? []);
  stats.set(from?.stats ?? []);
  const rounded = type === 'float16' ? f16round : (value: number) => value;
  let held = (from?.data.length ?? 0) / dim;
  let block = from?.blocks ?? 0;
  for (const name of blockNames(folder).slice(block)) {
    check();
    rmSync(join(folder, name), { force: true });
  }
  const heldDraws = () => ({ data: data.slice(0, held * dim), stats: stats.slice(0, held * names.length) });
  const flush = () => {
    if (held === 0) return;
    const name = `draws-${String(++block).padStart(6, '0')}.safetensors`;
    const now = heldDraws();
    const tensors = {
      draws: { shape: [held, dim], data: now.data, half: type === 'float16' },
      stats: { shape: [held, names.length], data: now.stats },
    };
    writeTensors(join(folder, name), { tensors, metadata: { stats: names.join(' ') } }, check);
    held = 0;
  };
  return {
    data,
    stats,
    add(theta, at, about) {
      for (let i = 0; i < dim; i++) data[held * dim + i] = rounded(theta[at + i]);
      stats.set(about, held++ * names.length);
      if (held === blockSize) flush();
    },
    flush,
    standing: () => ({ blocks: block, ...heldDraws() }),
  };
}

const blockNames = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => NAME.test(name))
        .sort()
    : [];

/** The blocks of a chain in order; none when it has no draws yet. Throws for a damaged, missing or foreign block. */
export function* readDraws(folder: string, d: number): Generator<DrawBlock> {
  for (const [i, name] of blockNames(folder).entries()) {
    const path = join(folder, name);
    if (Number(NAME.exec(name)?.[1]) !== i + 1)
      throw storeError(`${path}: expected block ${i + 1} before it, got none. Restore the file.`);
    const { draws, stats } = readTensors(path).tensors;
    if (draws?.shape[1] !== d || !(draws.data instanceof Float32Array) || !(stats?.data instanceof Float64Array)) {
      throw storeError(
        `${path}: expected draws of dimension ${d}, got ${draws?.shape[1]}. The file is of another run.`,
      );
    }
    yield { data: draws.data, stats: stats.data };
  }
}
