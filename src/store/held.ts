/**
 * Draws of a block that is not full, in pieces beside the blocks: `held-BLOCK-FIRST.safetensors` has those from FIRST on that a checkpoint
 * found held when BLOCK blocks were written. Pieces follow one another without a gap, and stay while a checkpoint that is kept counts on
 * them; then the block has their draws.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { storeError } from '../errors.ts';
import { type DrawBlock, readBlock } from './draw-block.ts';
import { type TensorFile, writeTensors } from './safetensors.ts';

const NAME = /^held-(\d{6})-(\d{6})\.safetensors$/;

/** Blocks written before it, and draws of its own block before its first. */
interface Piece {
  readonly block: number;
  readonly first: number;
}

const nameOf = ({ block, first }: Piece): string =>
  `held-${[block, first].map((value) => String(value).padStart(6, '0')).join('-')}.safetensors`;

/** For a checkpoint that is written next, whose sync makes the name of the piece last too. */
export const writeHeld = (folder: string, piece: Piece, file: TensorFile, check: () => void): void =>
  writeTensors(join(folder, nameOf(piece)), file, check, { sync: 'content' });

/** Removes pieces; `check` is asked before each goes. */
export function pruneHeld(folder: string, goes: (piece: Piece) => boolean, check: () => void = () => {}): void {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const [, block, first] = NAME.exec(name) ?? [];
    if (block === undefined || !goes({ block: Number(block), first: Number(first) })) continue;
    check();
    rmSync(join(folder, name), { force: true });
  }
}

/** The first `count` draws `[count × dim]` held beyond `block` blocks. Throws a `StoreError` where a piece is damaged or missing. */
export function readHeld(
  folder: string,
  { block, count, dim, stats }: { block: number; count: number; dim: number; stats: number },
): DrawBlock {
  const held = { data: new Float32Array(count * dim), stats: new Float64Array(count * stats) };
  for (let first = 0; first < count; ) {
    const path = join(folder, nameOf({ block, first }));
    const piece = readBlock(path, dim);
    const found = piece.data.length / dim;
    if (found === 0 || piece.stats.length !== found * stats)
      throw storeError(`${path}: expected draws with ${stats} numbers each, got others. The file is of another run.`);
    const used = Math.min(found, count - first);
    held.data.set(piece.data.subarray(0, used * dim), first * dim);
    held.stats.set(piece.stats.subarray(0, used * stats), first * stats);
    first += used;
  }
  return held;
}
