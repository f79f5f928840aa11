/**
 * Augmentation of images: mirrored left to right, or a random part of them stretched bilinearly to the whole, as the paper
 * trains its warm starts (flip with probability ½; with 0.95 a part of 70 % of each side).
 */
import { uniforms } from '../../math/random.ts';
import type { Key } from '../../types.ts';
import type { ImageShape } from './set.ts';

export interface Augmentation {
  /** Probability that an image is mirrored. */
  readonly flip: number;
  /** Probability that a part of it is taken, and the part's share of each side. */
  readonly crop: number;
  readonly share: number;
}

export const PAPER_AUGMENTATION: Augmentation = { flip: 0.5, crop: 0.95, share: 0.7 };

/** Uniforms of a row: whether to mirror, whether to crop, and where the part begins. */
const NUMBERS = 4;

/** Calls `take` with the values `[C, H, W]` of every row of a batch, augmented as the key says; `of(j)` are its pixels. The values are reused. */
export function augmenter({ flip, crop, share }: Augmentation, [channels, height, width]: ImageShape) {
  const [h, w] = [Math.round(share * height), Math.round(share * width)];
  const values = new Float32Array(channels * height * width);
  const down = stretch(h, height);
  const across = stretch(w, width);
  /** The part's rows stretched to the whole width `[h, W]`. */
  const between = new Float64Array(h * width);
  return (key: Key, size: number, of: (j: number) => Uint8Array, take: (j: number, values: Float32Array) => void) => {
    const chance = new Float64Array(NUMBERS * size);
    uniforms(key, chance);
    for (let j = 0; j < size; j++) {
      const pixels = of(j);
      const [mirrored, cropped, top, left] = chance.subarray(NUMBERS * j, NUMBERS * (j + 1));
      values.set(pixels);
      if (cropped < crop) {
        const [y0, x0] = [Math.floor(top * (height - h + 1)), Math.floor(left * (width - w + 1))];
        for (let c = 0; c < channels; c++)
          stretchPlane(pixels, c * height * width + y0 * width + x0, c * height * width);
      }
      if (mirrored < flip) mirror();
      take(j, values);
    }
  };

  function stretchPlane(pixels: Uint8Array, from: number, to: number): void {
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < width; x++) {
        const a = pixels[from + y * width + across.low[x]];
        const b = pixels[from + y * width + across.high[x]];
        between[y * width + x] = a + (b - a) * across.weight[x];
      }
    }
    for (let y = 0; y < height; y++) {
      const low = down.low[y] * width;
      const high = down.high[y] * width;
      const weight = down.weight[y];
      for (let x = 0; x < width; x++) {
        values[to + y * width + x] = between[low + x] + (between[high + x] - between[low + x]) * weight;
      }
    }
  }

  function mirror(): void {
    for (let line = 0; line < channels * height; line++) values.subarray(line * width, (line + 1) * width).reverse();
  }
}

/** Where each of `to` places lies among `from`, pixels taken at their middles: the two neighbours and the weight of the second. */
function stretch(from: number, to: number) {
  const low = new Int32Array(to);
  const high = new Int32Array(to);
  const weight = new Float64Array(to);
  for (let i = 0; i < to; i++) {
    const place = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
    low[i] = Math.floor(place);
    high[i] = Math.min(low[i] + 1, from - 1);
    weight[i] = place - low[i];
  }
  return { low, high, weight };
}
