/** What a network is asked about: every answer once, in order, whatever the rows are. */
import { describe, expect, it } from 'vitest';
import { type Asked, firstOf, inputsAsked } from '../../src/data/asked.ts';
import { imageRows } from '../../src/data/image/rows.ts';
import { tableRows } from '../../src/data/table/rows.ts';
import { textRows } from '../../src/data/text/rows.ts';

/** Inputs of row r. */
function inputsOf(asked: Asked, r: number, inputs: number): number[] {
  const x = new Float32Array(2 * inputs);
  const from = Math.max(0, Math.min(r, asked.rows - 2));
  asked.gather(from, Math.min(from + 2, asked.rows), x);
  const size = Math.min(2, asked.rows - from);
  return Array.from({ length: inputs }, (_, i) => x[i * size + (r - from)]);
}

describe('what a network is asked', () => {
  const x = Float32Array.from({ length: 15 }, (_, i) => i);
  const y = Float64Array.of(0.5, 1.5, 2.5, 3.5, 4.5);
  const table = tableRows({ x, y, inputs: 3, targets: 1 });

  it('of a table is its rows, or those that are picked', () => {
    const all = table.asked();
    expect([all.count, all.rows, all.places, [...all.y]]).toEqual([5, 5, 1, [...y]]);
    expect(inputsOf(all, 4, 3)).toEqual([12, 13, 14]);
    const some = table.asked(Int32Array.of(3, 1));
    expect([[...some.y], inputsOf(some, 0, 3), inputsOf(some, 1, 3)]).toEqual([
      [3.5, 1.5],
      [9, 10, 11],
      [3, 4, 5],
    ]);
    expect(inputsOf(inputsAsked(x, 3), 3, 3)).toEqual([9, 10, 11]);
    expect([...inputsAsked(x, 3).y]).toEqual(new Array(5).fill(Number.NaN));
  });

  it('of images is them without augmentation', () => {
    const set = { shape: [1, 1, 2] as const, pixels: Uint8Array.of(1, 2, 3, 4, 5, 6), labels: Uint8Array.of(0, 1, 0) };
    const rows = imageRows({ set, index: Int32Array.of(2, 0), classes: 2, shift: [1], scale: [2] });
    const asked = rows.asked();
    expect([[...asked.y], inputsOf(asked, 0, 2), inputsOf(asked, 1, 2)]).toEqual([
      [0, 0],
      [8, 10],
      [0, 2],
    ]);
  });

  const tokens = Uint8Array.from({ length: 24 }, (_, i) => (7 * i) % 11);
  it.each([5, 6, 23])('of a text is every token but the first, once, in windows of %i', (length) => {
    const asked = textRows({ text: tokens, from: 0, to: tokens.length, length }).asked();
    expect([...asked.y]).toEqual([...tokens.subarray(1)]);
    const answered = Array.from({ length: asked.rows }, (_, r) => {
      const { first, skip } = asked.at(r);
      expect(inputsOf(asked, r, length)).toEqual([...tokens.subarray(first, first + length)]);
      return Array.from({ length: length - skip }, (_, i) => first + skip + i);
    });
    expect(answered.flat()).toEqual(Array.from({ length: 23 }, (_, i) => i));
  });

  it('begins with as few rows as have the first answers', () => {
    const asked = textRows({ text: tokens, from: 0, to: tokens.length, length: 5 }).asked();
    const some = firstOf(asked, 11);
    expect([some.count, some.rows, [...some.y]]).toEqual([11, 3, [...tokens.subarray(1, 12)]]);
    expect(firstOf(asked, 23)).toBe(asked);
    const picked = textRows({ text: tokens, from: 0, to: tokens.length, length: 5 }).asked(Int32Array.of(3, 9));
    expect([...picked.y]).toEqual([...tokens.subarray(4, 9), ...tokens.subarray(10, 15)]);
    expect(inputsOf(picked, 1, 5)).toEqual([...tokens.subarray(9, 14)]);
  });
});
