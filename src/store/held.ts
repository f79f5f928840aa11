/**
 * Draws of a file that is not full, in pieces beside the full ones: `held-FILES-FIRST.safetensors` has those from FIRST on that a checkpoint
 * found held when FILES files were written. Pieces follow one another without a gap, and stay while a checkpoint that is kept counts on
 * them; then the full file has their draws.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { storeError } from '../errors.ts';
import { type DrawFile, readDrawFile } from './draw-file.ts';
import { type TensorFile, writeTensors } from './safetensors.ts';

const NAME = /^held-(\d{6})-(\d{6})\.safetensors$/;

/** Files written before it, and draws of its own file before its first. */
interface Piece {
  readonly files: number;
  readonly first: number;
}

const nameOf = ({ files, first }: Piece): string =>
  `held-${[files, first].map((value) => String(value).padStart(6, '0')).join('-')}.safetensors`;

/** For a checkpoint that is written next, whose sync makes the name of the piece last too. */
export const writeHeld = (folder: string, piece: Piece, file: TensorFile, check: () => void): void =>
  writeTensors(join(folder, nameOf(piece)), file, check, { sync: 'content' });

/** Removes pieces; `check` is asked before each goes. */
export function pruneHeld(folder: string, goes: (piece: Piece) => boolean, check: () => void = () => {}): void {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const [, files, first] = NAME.exec(name) ?? [];
    if (files === undefined || !goes({ files: Number(files), first: Number(first) })) continue;
    check();
    rmSync(join(folder, name), { force: true });
  }
}

/** The first `count` draws `[count × dim]` held beyond `files` files. Throws a `StoreError` where a piece is damaged or missing. */
export function readHeld(
  folder: string,
  { files, count, dim, stats }: { files: number; count: number; dim: number; stats: number },
): DrawFile {
  const held = { data: new Float32Array(count * dim), stats: new Float64Array(count * stats) };
  for (let first = 0; first < count; ) {
    const path = join(folder, nameOf({ files, first }));
    const piece = readDrawFile(path, dim);
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
