/**
 * Draws of one chain in numbered files, so that memory stays bounded and every file is whole. Draws of a file that is not full lie in
 * pieces beside the full ones (`held.ts`), so that a checkpoint need not carry them.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { f16round } from '@petamoriken/float16';
import { storeError } from '../errors.ts';
import { type DrawFile, type DrawLayout, fileOfDraws, readDrawFile } from './draw-file.ts';
import { pruneHeld, writeHeld } from './held.ts';
import { type ReadTensors, writeTensors } from './safetensors.ts';

const NAME = /^draws-(\d{6})\.safetensors$/;

export interface DrawWriter {
  /** Where held draws lie `[drawsPerFile × d]`, rounded as they are stored, the last file's until new ones come; and their numbers `[drawsPerFile × statistics]`. */
  readonly data: Float32Array;
  readonly stats: Float64Array;
  /** Keeps θ `[d]`, found at `at` of `theta`, with the numbers about it; a full file is written. */
  add(theta: Float64Array, at: number, stats: readonly number[]): void;
  /** Writes what is held as the last file. */
  flush(): void;
  /** Writes what is held and on no disk yet, for a checkpoint that is written next: where the writer then stands. */
  hold(): WriterPlace;
}

/** Files that are written, and draws that are held beyond them. */
export interface WriterPlace {
  readonly files: number;
  readonly held: number;
}

export interface WriterStanding extends DrawFile {
  readonly files: number;
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
  const { dim, stats: names, drawsPerFile, type } = layout;
  const data = new Float32Array(drawsPerFile * dim);
  const stats = new Float64Array(drawsPerFile * names.length);
  data.set(from?.data ?? []);
  stats.set(from?.stats ?? []);
  const rounded = type === 'float16' ? f16round : (value: number) => value;
  let held = (from?.data.length ?? 0) / dim;
  let files = from?.files ?? 0;
  for (const name of fileNames(folder).slice(files)) {
    check();
    rmSync(join(folder, name), { force: true });
  }
  pruneHeld(folder, (piece) => !from || piece.files > files || (piece.files === files && piece.first >= held), check);
  // The last checkpoint, and how many files the one before it counts.
  let [last, before]: (WriterPlace | undefined)[] = [from && { files, held }, undefined];
  const fileOf = (first: number) => fileOfDraws({ data, stats }, layout, first, held);
  const flush = () => {
    if (held === 0) return;
    const name = `draws-${String(++files).padStart(6, '0')}.safetensors`;
    writeTensors(join(folder, name), fileOf(0), check);
    held = 0;
  };
  return {
    data,
    stats,
    add(theta, at, about) {
      for (let i = 0; i < dim; i++) data[held * dim + i] = rounded(theta[at + i]);
      stats.set(about, held++ * names.length);
      if (held === drawsPerFile) flush();
    },
    flush,
    hold() {
      const first = last?.files === files ? last.held : 0;
      if (held > first) writeHeld(folder, { files, first }, fileOf(first), check);
      // The two checkpoints that are there until the next one is written.
      const needed = before?.files ?? 0;
      pruneHeld(folder, (piece) => piece.files < needed, check);
      [before, last] = [last, { files, held }];
      return last;
    },
  };
}

const fileNames = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => NAME.test(name))
        .sort()
    : [];

/** The files of a chain in order, each as `read` has it; none when it has no draws yet. Throws for a damaged, missing or foreign file. */
export function* readDraws(folder: string, d: number, read?: ReadTensors): Generator<DrawFile> {
  for (const [i, name] of fileNames(folder).entries()) {
    const path = join(folder, name);
    if (Number(NAME.exec(name)?.[1]) !== i + 1)
      throw storeError(`${path}: expected block ${i + 1} before it, got none. Restore the file.`);
    yield readDrawFile(path, d, read);
  }
}
