/**
 * Draws of one chain as numbered blocks, so that memory stays bounded and every file is whole. Draws of a block that is not full lie in
 * pieces beside the blocks (`held.ts`), so that a checkpoint need not carry them.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { f16round } from '@petamoriken/float16';
import { storeError } from '../errors.ts';
import { type DrawBlock, type DrawLayout, fileOfDraws, readBlock } from './draw-block.ts';
import { pruneHeld, writeHeld } from './held.ts';
import { type ReadTensors, writeTensors } from './safetensors.ts';

const NAME = /^draws-(\d{6})\.safetensors$/;

export interface DrawWriter {
  /** Where held draws lie `[blockSize × d]`, rounded as they are stored, the last block's until new ones come; and their numbers `[blockSize × statistics]`. */
  readonly data: Float32Array;
  readonly stats: Float64Array;
  /** Keeps θ `[d]`, found at `at` of `theta`, with the numbers about it; a full block is written. */
  add(theta: Float64Array, at: number, stats: readonly number[]): void;
  /** Writes what is held as the last block. */
  flush(): void;
  /** Writes what is held and on no disk yet, for a checkpoint that is written next: where the writer then stands. */
  hold(): WriterPlace;
}

/** Blocks that are written, and draws that are held beyond them. */
export interface WriterPlace {
  readonly blocks: number;
  readonly held: number;
}

export interface WriterStanding extends DrawBlock {
  readonly blocks: number;
}

/**
 * Writes the draws of the chain in `folder`, from where another writer stood; what lies beyond goes. `check` is asked before each file goes
 * or gets its name.
 */
export function drawWriter(
  folder: string,
  layout: DrawLayout,
  from?: WriterStanding,
  check: () => void = () => {},
): DrawWriter {
  const { dim, stats: names, blockSize, type } = layout;
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
  pruneHeld(folder, (piece) => !from || piece.block > block || (piece.block === block && piece.first >= held), check);
  // The last checkpoint, and how many blocks the one before it counts.
  let [last, before]: (WriterPlace | undefined)[] = [from && { blocks: block, held }, undefined];
  const fileOf = (first: number) => fileOfDraws({ data, stats }, layout, first, held);
  const flush = () => {
    if (held === 0) return;
    const name = `draws-${String(++block).padStart(6, '0')}.safetensors`;
    writeTensors(join(folder, name), fileOf(0), check);
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
    hold() {
      const first = last?.blocks === block ? last.held : 0;
      if (held > first) writeHeld(folder, { block, first }, fileOf(first), check);
      // The two checkpoints that are there until the next one is written.
      const needed = before?.blocks ?? 0;
      pruneHeld(folder, (piece) => piece.block < needed, check);
      [before, last] = [last, { blocks: block, held }];
      return last;
    },
  };
}

const blockNames = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => NAME.test(name))
        .sort()
    : [];

/** The blocks of a chain in order, each as `read` has it; none when it has no draws yet. Throws for a damaged, missing or foreign block. */
export function* readDraws(folder: string, d: number, read?: ReadTensors): Generator<DrawBlock> {
  for (const [i, name] of blockNames(folder).entries()) {
    const path = join(folder, name);
    if (Number(NAME.exec(name)?.[1]) !== i + 1)
      throw storeError(`${path}: expected block ${i + 1} before it, got none. Restore the file.`);
    yield readBlock(path, d, read);
  }
}
