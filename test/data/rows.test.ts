/** Rows of every kind against plain references: what a batch holds, how an epoch goes through the rows, what augmentation does. */
import { describe, expect, it } from 'vitest';
import { batchStream } from '../../src/data/batches.ts';
import { type Augmentation, PAPER_AUGMENTATION } from '../../src/data/image/augment.ts';
import { imageRows } from '../../src/data/image/rows.ts';
import type { Rows } from '../../src/data/rows.ts';
import { tableRows } from '../../src/data/table/rows.ts';
import { textRows, wholeText } from '../../src/data/text/rows.ts';
import { uniforms } from '../../src/math/random.ts';
import { fold, rootKey } from '../../src/math/threefry.ts';
import type { Key } from '../../src/types.ts';

const key = rootKey(7);
const random = (n: number, purpose: number, below: number) => {
  const chance = new Float64Array(n);
  uniforms(fold(key, purpose), chance);
  return chance.map((u) => Math.floor(u * below));
};

/** Batches of the rows, as arrays of rows: x `[B][p]`, y `[B][targets]`. */
function gathered(rows: Rows, picked: readonly number[], augmentation?: Key) {
  const [x, y] = [rows.inputs, rows.targets].map((values) => new Float32Array(picked.length * values).fill(9));
  rows.gather(Int32Array.from(picked), x, y, augmentation);
  const part = (values: Float32Array, count: number, j: number) =>
    Array.from({ length: count }, (_, i) => values[i * picked.length + j]);
  return picked.map((_, j) => ({ x: part(x, rows.inputs, j), y: part(y, rows.targets, j) }));
}

describe('tables', () => {
  it('gather the same from rows as beside a batch, numbers and classes', () => {
    const [n, p] = [60, 9];
    const x = Float32Array.from(random(n * p, 1, 1e6));
    for (const targets of [1, 4]) {
      const rows = tableRows({ x, y: Float64Array.from(random(n, 2, 4)), inputs: p, targets });
      const picked = Int32Array.from(random(32, 3, n));
      const { rows: near, arrays } = rows.beside([picked.length, p * 32, targets * 32]);
      near.gather(picked, arrays[1], arrays[2]);
      const plain = [new Float32Array(p * 32), new Float32Array(targets * 32)];
      rows.gather(picked, plain[0], plain[1]);
      expect([arrays[1], arrays[2]]).toEqual(plain);
    }
  });
});

describe('images', () => {
  const [M, C, H, W, K] = [40, 3, 10, 8, 5];
  const values = C * H * W;
  const pixels = Uint8Array.from(random(M * values, 4, 256));
  const labels = Uint8Array.from(random(M, 5, K));
  const index = Int32Array.from([7, 3, 39, 0, 12, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33]);
  const [shift, scale] = [
    [10, 0, -3],
    [0.5, 1 / 255, 2],
  ];
  const set = { shape: [C, H, W] as const, pixels, labels };
  const images = (augmentation?: Augmentation) => imageRows({ set, index, classes: K, shift, scale, augmentation });
  const channel = (i: number) => Math.floor(i / (H * W));
  const input = (value: number, i: number) => Math.fround((value - shift[channel(i)]) * scale[channel(i)]);

  it('are scaled by channel, classes one-hot, whatever the size of a batch', () => {
    const rows = images(PAPER_AUGMENTATION);
    expect([rows.count, rows.inputs, rows.targets]).toEqual([index.length, values, K]);
    for (const picked of [[2], [5, 0, 5], Array.from({ length: 35 }, (_, j) => (7 * j) % index.length)]) {
      for (const [j, { x, y }] of gathered(rows, picked).entries()) {
        const image = index[picked[j]];
        const stored = pixels.subarray(image * values, (image + 1) * values);
        expect(x).toEqual(Array.from(stored, input));
        expect(y).toEqual(Array.from({ length: K }, (_, k) => Number(k === labels[image])));
        expect(rows.y[picked[j]]).toBe(labels[image]);
        expect(rows.rows[picked[j]]).toBe(image + 1);
      }
    }
  });

  /** The augmented image, pixel by pixel from the definition. */
  function reference(
    image: number,
    [mirror, crop, top, left]: readonly number[],
    { flip, crop: often, share }: Augmentation,
  ) {
    const [h, w] = [Math.round(share * H), Math.round(share * W)];
    const [y0, x0] = [Math.floor(top * (H - h + 1)), Math.floor(left * (W - w + 1))];
    const stored = (c: number, y: number, x: number) => pixels[((image * C + c) * H + y) * W + x];
    const between = (place: number, most: number) => Math.min(Math.max(place, 0), most);
    const at = (c: number, y: number, x: number): number => {
      if (crop >= often) return stored(c, y, x);
      const [py, px] = [between(((y + 0.5) * h) / H - 0.5, h - 1), between(((x + 0.5) * w) / W - 0.5, w - 1)];
      let sum = 0;
      for (let v = 0; v < h; v++) {
        for (let u = 0; u < w; u++) {
          sum += Math.max(0, 1 - Math.abs(v - py)) * Math.max(0, 1 - Math.abs(u - px)) * stored(c, y0 + v, x0 + u);
        }
      }
      return sum;
    };
    return Array.from({ length: values }, (_, i) => {
      const [c, y, x] = [channel(i), Math.floor(i / W) % H, i % W];
      return (at(c, y, mirror < flip ? W - 1 - x : x) - shift[c]) * scale[c];
    });
  }

  it.each([
    ['as the paper does', PAPER_AUGMENTATION],
    ['mirrored only', { flip: 1, crop: 0, share: 0.7 }],
    ['a corner doubled', { flip: 0, crop: 1, share: 0.5 }],
    ['the whole image as its own part', { flip: 0, crop: 1, share: 1 }],
  ])('are augmented as the definition says: %s', (_, augmentation) => {
    const rows = images(augmentation);
    const picked = Array.from({ length: 18 }, (_, j) => j);
    const augmented = gathered(rows, picked, key);
    const chance = new Float64Array(4 * picked.length);
    uniforms(key, chance);
    let changed = 0;
    for (const [j, { x, y }] of augmented.entries()) {
      const expected = reference(index[j], Array.from(chance.subarray(4 * j, 4 * j + 4)), augmentation);
      expect(Math.max(...x.map((value, i) => Math.abs(value - expected[i])))).toBeLessThan(1e-4);
      expect(y).toEqual(gathered(rows, [j])[0].y);
      if (x.some((value, i) => value !== gathered(rows, [j])[0].x[i])) changed++;
    }
    expect(changed > 0).toBe(augmentation.share < 1);
    expect(gathered(rows, picked, key)).toEqual(augmented);
    expect(gathered(images(), picked, key)).toEqual(gathered(rows, picked));
  });

  it('are augmented by chain and step alone in a stream of batches', () => {
    const keys = [fold(key, 1), fold(key, 2)];
    const both = batchStream(images(PAPER_AUGMENTATION), keys, 6, 'all', keys);
    const alone = batchStream(images(PAPER_AUGMENTATION), [keys[1]], 6, 'all', [keys[1]]);
    both.at(0);
    const { x } = both.at(4);
    expect(x.slice(x.length / 2)).toEqual(alone.at(4).x);
    expect(batchStream(images(PAPER_AUGMENTATION), [keys[1]], 6).at(4).x).not.toEqual(alone.at(4).x);
  });
});

describe('texts', () => {
  const tokens = Uint16Array.from({ length: 103 }, (_, i) => 500 + i);
  const rows = textRows({ text: tokens, length: 10, from: 0, to: 103 });

  it('are windows and the tokens that follow', () => {
    for (const [j, { x, y }] of gathered(rows, [0, 17, 92]).entries()) {
      const start = [0, 17, 92][j];
      expect(x).toEqual([...tokens.subarray(start, start + 10)]);
      expect(y).toEqual([...tokens.subarray(start + 1, start + 11)]);
    }
  });

  it('are learned from once an epoch, from another first token each time', () => {
    expect(rows.count).toBe(9);
    const firsts = new Set<number>();
    for (let epoch = 0; epoch < 300; epoch++) {
      const order = [...rows.order(rows.count, fold(key, epoch))];
      const sorted = order.toSorted((a, b) => a - b);
      expect(sorted).toEqual(Array.from({ length: 9 }, (_, k) => sorted[0] + 10 * k));
      expect(order).not.toEqual(sorted);
      firsts.add(sorted[0]);
      expect(sorted[8] + 10).toBeLessThan(tokens.length);
    }
    expect([...firsts].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 10 }, (_, i) => i));
    expect([...rows.order(3)]).toEqual([0, 10, 20]);
    expect([...rows.order(4, key)]).toEqual([...rows.order(9, key).subarray(0, 4)]);
  });

  it.each([102, 101, 103, 111, 11])('are scored whole, each token but the first once: %i tokens', (n) => {
    const windows = wholeText({ text: new Uint8Array(n), length: 10, from: 0, to: n });
    const targets = windows.flatMap(({ start, skip }) =>
      Array.from({ length: 10 - skip }, (_, i) => start + skip + i + 1),
    );
    expect(targets).toEqual(Array.from({ length: n - 1 }, (_, i) => i + 1));
    expect(windows.every(({ start, skip }) => start >= 0 && skip < 10)).toBe(true);
  });
});
