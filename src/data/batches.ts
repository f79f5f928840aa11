/**
 * Mini-batches for a block of chains, each with its own stream of rows. Position p = tB + j of a chain's stream is row
 * perm_e[p mod N] of epoch e = ⌊p/N⌋: every row is used once an epoch, every batch has B rows, and step t needs no
 * history. The paper's way permutes the first ⌊N/B⌋B rows only and leaves the rest of the data out.
 */
import { permutation } from '../math/random.ts';
import { fold } from '../math/threefry.ts';
import type { Key } from '../types.ts';

export interface BatchSource {
  /** `[N × p]` row-major. */
  readonly x: Float32Array;
  /** Standardised target or class index `[N]`. */
  readonly y: Float64Array;
  /** p. */
  readonly inputs: number;
  /** Rows of the target: 1, or K for one-hot classes. */
  readonly targets: number;
}

export interface BatchStream {
  /** Factor of the batch's log likelihood: N/B, in the paper's way ⌊N/B⌋. */
  readonly scale: number;
  /** Inputs `[C, p, B]` and targets `[C, targets, B]` of step t. The arrays are reused by the next call. */
  at(t: number): { readonly x: Float32Array; readonly y: Float32Array };
}

/** `keys[c]` is the batch stream of chain c; `size` is B ≤ N. */
export function batchStream(
  source: BatchSource,
  keys: readonly Key[],
  size: number,
  order: 'all' | 'paper' = 'all',
): BatchStream {
  const { inputs, targets, y } = source;
  const columns = featuresFirst(source.x, inputs);
  const rows = source.y.length;
  const used = order === 'paper' ? Math.floor(rows / size) * size : rows;
  const batch = {
    x: new Float32Array(keys.length * inputs * size),
    y: new Float32Array(keys.length * targets * size),
  };
  const epochs = keys.map((key) => {
    let held: { epoch: number; order: Int32Array } = { epoch: -1, order: new Int32Array(0) };
    return (epoch: number) => {
      if (held.epoch !== epoch) held = { epoch, order: permutation(fold(key, epoch), used) };
      return held.order;
    };
  });
  // Signed: an unsigned index would be turned into a double at every access.
  const picked = new Int32Array(size);
  return {
    scale: order === 'paper' ? Math.max(1, Math.floor(rows / size)) : rows / size,
    at(t) {
      for (let c = 0; c < keys.length; c++) {
        for (let j = 0; j < size; ) {
          const position = t * size + j;
          const at = position % used;
          const part = epochs[c](Math.floor(position / used)).subarray(at, at + size - j);
          picked.set(part, j);
          j += part.length;
        }
        gather(columns, y, picked, batch, c, targets);
      }
      return batch;
    },
  };
}

/** The transpose of rows `[N × p]`: columns `[p × N]`, from which a batch is gathered in half the time. */
export function featuresFirst(x: Float32Array, inputs: number): Float32Array {
  const rows = x.length / inputs;
  const columns = new Float32Array(x.length);
  for (let i = 0; i < inputs; i++) for (let n = 0; n < rows; n++) columns[i * rows + n] = x[n * inputs + i];
  return columns;
}

/** Writes the picked rows as chain c's block of a batch, features before rows, classes one-hot. */
export function gather(
  columns: Float32Array,
  y: Float64Array,
  picked: Int32Array,
  batch: { readonly x: Float32Array; readonly y: Float32Array },
  c: number,
  targets: number,
): void {
  const size = picked.length;
  const rows = y.length;
  const inputs = columns.length / rows;
  const { x: target } = batch;
  for (let i = 0; i < inputs; i++) {
    const to = (c * inputs + i) * size;
    const from = i * rows;
    let j = 0;
    // Four at a time: the loop itself costs as much as a copy.
    for (; j + 3 < size; j += 4) {
      const a = columns[from + picked[j]];
      const b = columns[from + picked[j + 1]];
      const c = columns[from + picked[j + 2]];
      const d = columns[from + picked[j + 3]];
      target[to + j] = a;
      target[to + j + 1] = b;
      target[to + j + 2] = c;
      target[to + j + 3] = d;
    }
    for (; j < size; j++) target[to + j] = columns[from + picked[j]];
  }
  const yAt = c * targets * size;
  if (targets === 1) {
    for (let j = 0; j < size; j++) batch.y[yAt + j] = y[picked[j]];
    return;
  }
  batch.y.fill(0, yAt, yAt + targets * size);
  for (let j = 0; j < size; j++) batch.y[yAt + y[picked[j]] * size + j] = 1;
}
