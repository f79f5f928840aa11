/**
 * The rows of one split, of whatever kind: a table's, images, windows of a text. Nothing outside `data` knows how a row is stored.
 *
 * Symbols: N rows, p inputs of a row, B rows of a batch. Batches are features before rows.
 */
import { permutation } from '../math/random.ts';
import type { Key } from '../types.ts';
import { type Asked, oneEach } from './asked.ts';

/** What a stream of batches asks of rows. */
export interface BatchRows {
  /** N: the rows that an epoch uses once each. */
  readonly count: number;
  /** p, the values of one row as the network takes them. */
  readonly inputs: number;
  /** Values of one row's target: 1 for a number, K for one-hot classes, T for the tokens of a window. */
  readonly targets: number;
  /** The first `used` ≤ N rows, as `gather` knows them: in their own order, or shuffled as an epoch with this key has them. */
  order(used: number, key?: Key): Int32Array;
  /**
   * Writes the picked rows: x `[p, B]`, y `[targets, B]`, B the length of `picked`. `key` seeds the augmentation of this batch, where the
   * rows have one; without it they are as they are stored.
   */
  gather(picked: Int32Array, x: Float32Array, y: Float32Array, key?: Key): void;
}

export interface Rows extends BatchRows {
  /** Zeroed arrays of these lengths, and the same rows where they are gathered into these arrays the fastest. */
  beside(lengths: readonly number[]): { readonly rows: BatchRows; readonly arrays: readonly Float32Array[] };
  /** All rows as a network is asked about them, every answer once; or the picked ones, as `order` knows them. */
  asked(picked?: Int32Array): Asked;
  /** Answers of all rows, as `asked` has them: standardised targets, indices of classes, or tokens. */
  readonly y: Float64Array;
  /** Place of each answer in its file, counted from 1 `[n]`; absent where none is known. */
  readonly rows?: Int32Array | undefined;
}

/** The picked rows, known by their index, or all; `gather` fills `targets` values of a row that are not looked at. */
export function askedOf(rows: Omit<Rows, 'asked'>, picked = indices(rows.count)): Asked {
  let unread = new Float32Array(0);
  return oneEach(
    Float64Array.from(picked, (i) => rows.y[i]),
    (from, to, x) => {
      const size = (to - from) * rows.targets;
      if (unread.length !== size) unread = new Float32Array(size);
      rows.gather(picked.subarray(from, to), x, unread);
    },
  );
}

/** Rows that are known by their index. */
export const indices: Rows['order'] = (used, key) =>
  key ? permutation(key, used) : Int32Array.from({ length: used }, (_, i) => i);

/** What `beside` is for rows whose memory is as good as any. */
export const besides = (rows: BatchRows, lengths: readonly number[]): ReturnType<Rows['beside']> => ({
  rows,
  arrays: lengths.map((length) => new Float32Array(length)),
});

/** Writes classes one-hot: y `[K, B]` of the labels `[N]` of the picked rows. */
export function oneHot(labels: ArrayLike<number>, picked: Int32Array, y: Float32Array): void {
  y.fill(0);
  for (let j = 0; j < picked.length; j++) y[labels[picked[j]] * picked.length + j] = 1;
}
