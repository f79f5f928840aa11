/**
 * Images in their own bytes: pixels uint8 `[M, C, H, W]`, labels of all M, and which of them are the rows of a split. A value is
 * scaled by its channel as it is gathered.
 */
import type { Key } from '../../types.ts';
import { askedOf, besides, indices, oneHot, type Rows } from '../rows.ts';
import { type Augmentation, augmenter } from './augment.ts';
import type { ChannelScale, ImageSet } from './set.ts';

export interface ImageSplit extends ChannelScale {
  readonly set: ImageSet;
  /** Which images of the set are the rows `[N]`. */
  readonly index: Int32Array;
  /** K. */
  readonly classes: number;
  /** What is done to images where `gather` is given a key. */
  readonly augmentation?: Augmentation | undefined;
}

export interface ImageRows extends Rows {
  readonly split: ImageSplit;
  /** Place of each row in its file, counted from 1 `[N]`. */
  readonly rows: Int32Array;
}

/** Rows of a batch whose lines of memory are written together. */
const TOGETHER = 16;

export function imageRows(split: ImageSplit): ImageRows {
  const { set, index, classes, augmentation } = split;
  const { pixels, shape, labels } = set;
  const inputs = shape[0] * shape[1] * shape[2];
  const plane = shape[1] * shape[2];
  const decoded = lookup(split);
  const y = Float64Array.from(index, (row) => labels[row]);
  const augment = augmentation && augmenter(augmentation, shape);

  /** Writes rows `from … to` of the batch, a line of 16 rows at a time. */
  const decode = (picked: Int32Array, x: Float32Array, from: number, to: number) => {
    const size = picked.length;
    const starts = new Int32Array(to - from);
    for (let j = from; j < to; j++) starts[j - from] = index[picked[j]];
    for (let channel = 0, i = 0; channel < shape[0]; channel++) {
      const table = decoded[channel];
      for (const end = i + plane; i < end; i++) {
        const at = i * size + from;
        for (let j = 0; j < starts.length; j++) x[at + j] = table[pixels[starts[j] * inputs + i]];
      }
    }
  };
  const decodeAugmented = (picked: Int32Array, x: Float32Array, key: Key) => {
    const size = picked.length;
    augment?.(
      key,
      size,
      (j) => pixels.subarray(index[picked[j]] * inputs, (index[picked[j]] + 1) * inputs),
      (j, values) => {
        for (let i = 0; i < inputs; i++) {
          const channel = (i / plane) | 0;
          x[i * size + j] = (values[i] - split.shift[channel]) * split.scale[channel];
        }
      },
    );
  };
  const rows: Omit<ImageRows, 'asked'> = {
    split,
    count: index.length,
    inputs,
    targets: classes,
    y,
    rows: Int32Array.from(index, (row) => row + 1),
    order: indices,
    gather(picked, x, target, key) {
      if (key && augment) decodeAugmented(picked, x, key);
      else
        for (let j = 0; j < picked.length; j += TOGETHER) decode(picked, x, j, Math.min(j + TOGETHER, picked.length));
      oneHot(y, picked, target);
    },
    beside: (lengths) => besides(rows, lengths),
  };
  return { ...rows, asked: (picked) => askedOf(rows, picked) };
}

/** The input that each of the 256 values of a channel becomes, `[C][256]`. */
const lookup = ({ set, shift, scale }: ImageSplit): Float32Array[] =>
  Array.from({ length: set.shape[0] }, (_, c) =>
    Float32Array.from({ length: 256 }, (_, v) => (v - shift[c]) * scale[c]),
  );
