/** Draws of one chain as numbered blocks, so that memory stays bounded and every file is whole. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { storeError } from '../errors.ts';
import { readTensors, writeTensors } from './safetensors.ts';

const NAME = /^draws-(\d{6})\.safetensors$/;

export interface DrawBlock {
  /** Draws of the block, float32 `[n × d]` row-major. */
  readonly data: Float32Array;
  /** Sampling step of each draw `[n]`. */
  readonly steps: Float64Array;
}

export interface DrawWriter {
  /** Where held draws lie `[blockSize × d]`, the last block's until new ones come. */
  readonly buffer: Float32Array;
  /** Keeps θ `[d]`, found at `at` of `theta`, as the draw of `step`; a full block is written. */
  add(theta: Float64Array, at: number, step: number): void;
  /** Writes what is held. */
  flush(): void;
  /** Where the writer stands: blocks written, and the draws it holds. */
  standing(): WriterStanding;
}

export interface WriterStanding {
  readonly blocks: number;
  readonly data: Float32Array;
  readonly steps: Float64Array;
}

/**
 * Writes the draws of the chain in `folder`, blocks of `blockSize` draws of dimension `d`; from where another writer stood, whose later
 * blocks go. `check` is asked before each block gets its name.
 */
export function drawWriter(
  folder: string,
  d: number,
  blockSize: number,
  from?: WriterStanding,
  check?: () => void,
): DrawWriter {
  const data = new Float32Array(blockSize * d);
  const steps = new Float64Array(blockSize);
  let held = from?.steps.length ?? 0;
  let block = from?.blocks ?? 0;
  if (from) {
    data.set(from.data);
    steps.set(from.steps);
    for (const name of blockNames(folder).slice(block)) rmSync(join(folder, name));
  }
  const flush = () => {
    if (held === 0) return;
    const name = `draws-${String(++block).padStart(6, '0')}.safetensors`;
    const tensors = {
      draws: { shape: [held, d], data: data.slice(0, held * d) },
      steps: { shape: [held], data: steps.slice(0, held) },
    };
    writeTensors(join(folder, name), { tensors, metadata: {} }, check);
    held = 0;
  };
  return {
    buffer: data,
    add(theta, at, step) {
      for (let i = 0; i < d; i++) data[held * d + i] = theta[at + i];
      steps[held++] = step;
      if (held === blockSize) flush();
    },
    flush,
    standing: () => ({ blocks: block, data: data.slice(0, held * d), steps: steps.slice(0, held) }),
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
    const { draws, steps } = readTensors(path).tensors;
    if (draws?.shape[1] !== d || !(draws.data instanceof Float32Array) || !(steps?.data instanceof Float64Array)) {
      throw storeError(
        `${path}: expected draws of dimension ${d}, got ${draws?.shape[1]}. The file is of another run.`,
      );
    }
    yield { data: draws.data, steps: steps.data };
  }
}
