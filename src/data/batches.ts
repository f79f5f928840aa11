/**
 * Mini-batches for a block of chains, each with its own stream of rows. Position p = tB + j of a chain's stream is row
 * perm_e[p mod N] of epoch e = ⌊p/N⌋: every row is used once an epoch, every batch has B rows, and step t needs no
 * history. The paper's way permutes the first ⌊N/B⌋B rows only and leaves the rest of the data out.
 */
import { seenAs } from '../math/native.ts';
import { fold } from '../math/threefry.ts';
import type { Key } from '../types.ts';
import type { Rows } from './rows.ts';

export interface BatchStream {
  /** Factor of the batch's log likelihood: N/B, in the paper's way ⌊N/B⌋. */
  readonly factor: number;
  /** Inputs `[C, p, B]` and targets `[C, targets, B]` of step t. The arrays are reused by the next call. */
  at(t: number): { readonly x: Float32Array; readonly y: Float32Array };
}

/**
 * `keys[c]` is the batch stream of chain c; `size` is B ≤ N. With `augmentation`, a key for each chain, the rows of step t are
 * augmented as (chain, t) says.
 */
export function batchStream(
  source: Rows,
  keys: readonly Key[],
  size: number,
  order: 'all' | 'paper' = 'all',
  augmentation?: readonly Key[],
): BatchStream {
  const { inputs, targets, count } = source;
  const used = order === 'paper' ? Math.floor(count / size) * size : count;
  const chains = keys.length;
  const { rows, arrays } = source.beside([size, chains * inputs * size, chains * targets * size]);
  const [indices, x, y] = arrays;
  const batch = { x, y };
  const own = keys.map((_, c) => ({
    x: seenAs(Float32Array, x, inputs * size, c * inputs * size),
    y: seenAs(Float32Array, y, targets * size, c * targets * size),
  }));
  const epochs = keys.map((key) => {
    let held: { epoch: number; order: Int32Array } = { epoch: -1, order: new Int32Array(0) };
    return (epoch: number) => {
      if (held.epoch !== epoch) held = { epoch, order: rows.order(used, fold(key, epoch)) };
      return held.order;
    };
  });
  // Signed: an unsigned index would be turned into a double at every access.
  const picked = seenAs(Int32Array, indices, size);
  return {
    factor: order === 'paper' ? Math.max(1, Math.floor(count / size)) : count / size,
    at(t) {
      for (let c = 0; c < chains; c++) {
        for (let j = 0; j < size; ) {
          const position = t * size + j;
          const at = position % used;
          const part = epochs[c](Math.floor(position / used)).subarray(at, at + size - j);
          picked.set(part, j);
          j += part.length;
        }
        rows.gather(picked, own[c].x, own[c].y, augmentation && fold(augmentation[c], t));
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
