/**
 * Mini-batches for a block of chains, each with its own stream of rows. Position p = tB + j of a chain's stream is row
 * perm_e[p mod N] of epoch e = ⌊p/N⌋: every row is used once an epoch, every batch has B rows, and step t needs no
 * history. The paper's way permutes the first ⌊N/B⌋B rows only and leaves the rest of the data out.
 */
import { kernelsOf, seenAs, sideBySide } from '../math/native.ts';
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
  /** Row of each in the file it came from, counted from 1 without the header `[N]`; absent where none is known. */
  readonly rows?: Int32Array | undefined;
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
  const { inputs, targets } = source;
  const rows = source.y.length;
  const used = order === 'paper' ? Math.floor(rows / size) * size : rows;
  const lengths = [inputs * rows, rows, size, keys.length * inputs * size, keys.length * targets * size];
  const [columns, labels, indices, x, y] = sideBySide(Float32Array, lengths);
  featuresFirst(source.x, inputs, columns);
  labels.set(source.y);
  const batch = { x, y };
  const epochs = keys.map((key) => {
    let held: { epoch: number; order: Int32Array } = { epoch: -1, order: new Int32Array(0) };
    return (epoch: number) => {
      if (held.epoch !== epoch) held = { epoch, order: permutation(fold(key, epoch), used) };
      return held.order;
    };
  });
  // Signed: an unsigned index would be turned into a double at every access.
  const picked = seenAs(Int32Array, indices, size);
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
        gather(columns, labels, picked, batch, c, targets);
      }
      return batch;
    },
  };
}

/**
 * How two batches of a stream are related: of half the squared difference between sums over their rows, so much is in expectation the
 * variance of the sum over one batch that lies within an epoch. Rows of one epoch are drawn without replacement: a sum over a of N rows
 * has variance a(1 − a/N)S², two sums over a and a' of its rows covariance −aa'/N · S². 0 for full batches, which have no noise.
 */
export function pairShare(rows: number, size: number): (earlier: number, later: number) => number {
  /** Rows of step t's batch in each epoch that it touches. */
  const counts = (t: number): readonly (readonly [epoch: number, rows: number])[] => {
    const [from, to] = [t * size, (t + 1) * size];
    const first = Math.floor(from / rows);
    return Array.from({ length: Math.ceil(to / rows) - first }, (_, i) => {
      const epoch = first + i;
      return [epoch, Math.min(to, (epoch + 1) * rows) - Math.max(from, epoch * rows)] as const;
    });
  };
  const variance = (n: number) => n * (1 - n / rows);
  return (earlier, later) => {
    const [a, b] = [counts(earlier), counts(later)];
    const own = [...a, ...b].reduce((sum, [, n]) => sum + variance(n), 0);
    const shared = a.flatMap(([epoch, n]) => b.map(([other, m]) => (epoch === other ? (n * m) / rows : 0)));
    const expected = 0.5 * own + shared.reduce((sum, term) => sum + term, 0);
    return size < rows ? variance(size) / expected : 0;
  };
}

/** The transpose of rows `[N × p]`: columns `[p × N]`, from which a batch is gathered in half the time. */
export function featuresFirst(x: Float32Array, inputs: number, columns = new Float32Array(x.length)): Float32Array {
  const rows = x.length / inputs;
  for (let i = 0; i < inputs; i++) for (let n = 0; n < rows; n++) columns[i * rows + n] = x[n * inputs + i];
  return columns;
}

/** Writes the picked rows as chain c's block of a batch, features before rows, classes one-hot. */
export function gather(
  columns: Float32Array,
  labels: Float32Array,
  picked: Int32Array,
  { x, y }: { readonly x: Float32Array; readonly y: Float32Array },
  c: number,
  targets: number,
): void {
  const size = picked.length;
  pick(columns, labels.length, picked, x, c * (columns.length / labels.length) * size);
  const at = c * targets * size;
  if (targets === 1) {
    pick(labels, labels.length, picked, y, at);
    return;
  }
  y.fill(0, at, at + targets * size);
  for (let j = 0; j < size; j++) y[at + labels[picked[j]] * size + j] = 1;
}

/** The picked elements of every column, column by column, to `out[at …]`. */
function pick(columns: Float32Array, rows: number, picked: Int32Array, out: Float32Array, at: number): void {
  const count = columns.length / rows;
  const size = picked.length;
  const kernels = kernelsOf(columns, picked, out);
  if (kernels) {
    kernels.gather(columns.byteOffset, rows, picked.byteOffset, size, out.byteOffset + 4 * at, count);
    return;
  }
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < size; j++) out[at + i * size + j] = columns[i * rows + picked[j]];
  }
}
