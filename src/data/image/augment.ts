/**
 * Augmentation of images: mirrored left to right, or a random part of them stretched bilinearly to the whole, as the paper
 * trains its warm starts (flip with probability ½; with 0.95 a part of 70 % of each side).
 */
import { uniforms } from '../../math/random.ts';
import type { Key } from '../../types.ts';
import type { ImageShape } from './set.ts';
import { stretcher } from './stretch.ts';

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
  const stretch = stretcher([h, w], [height, width]);
  return (key: Key, size: number, of: (j: number) => Uint8Array, take: (j: number, values: Float32Array) => void) => {
    const chance = new Float64Array(NUMBERS * size);
    uniforms(key, chance);
    for (let j = 0; j < size; j++) {
      const pixels = of(j);
      const [mirrored, cropped, top, left] = chance.subarray(NUMBERS * j, NUMBERS * (j + 1));
      values.set(pixels);
      if (cropped < crop) {
        const [y0, x0] = [Math.floor(top * (height - h + 1)), Math.floor(left * (width - w + 1))];
        for (let c = 0; c < channels; c++) {
          const plane = c * height * width;
          stretch(pixels, plane + y0 * width + x0, width, values, plane);
        }
      }
      if (mirrored < flip) mirror();
      take(j, values);
    }
  };

  function mirror(): void {
    for (let line = 0; line < channels * height; line++) values.subarray(line * width, (line + 1) * width).reverse();
  }
}
