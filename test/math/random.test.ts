import { describe, expect, it } from 'vitest';
import { direction, normals, permutation, uniforms } from '../../src/math/random.ts';
import { normalCdf, normalQuantile } from '../../src/math/special.ts';
import { fold, rootKey, stream, threefry } from '../../src/math/threefry.ts';
import type { Key } from '../../src/types.ts';

const words = (k: Key, c: Key) => {
  const out = new Uint32Array(2);
  threefry(k[0], k[1], c[0], c[1], out);
  return [...out];
};

describe('threefry', () => {
  // Known answers of the Random123 distribution (kat_vectors, threefry2x32, 20 rounds).
  it.each([
    [
      [0, 0],
      [0, 0],
      [0x6b200159, 0x99ba4efe],
    ],
    [
      [0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x1cb996fc, 0xbb002be7],
    ],
    [
      [0x13198a2e, 0x03707344],
      [0x243f6a88, 0x85a308d3],
      [0xc4923a9c, 0x483df7a0],
    ],
  ] as [Key, Key, number[]][])('key %j counter %j', (key, counter, expected) => {
    expect(words(key, counter)).toEqual(expected);
  });

  it('derives distinct keys for children and purposes', () => {
    const root = rootKey(7);
    const children = Array.from({ length: 2000 }, (_, i) => fold(root, i).join());
    expect(new Set([...children, stream(root, 'batch').join(), stream(root, 'momentum').join()]).size).toBe(2002);
    expect(rootKey(2 ** 32 + 5)).toEqual([5, 1]);
    expect(fold(root, 2 ** 32)).not.toEqual(fold(root, 0));
  });
});

describe('bulk numbers', () => {
  it('have the moments of their law within five standard errors', () => {
    const n = 200_000;
    const z = new Float64Array(n);
    normals([1, 2], z);
    const moment = (p: number) => z.reduce((sum, x) => sum + x ** p, 0) / n;
    expect(Math.abs(moment(1))).toBeLessThan(5 / Math.sqrt(n));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(5 * Math.sqrt(96 / n));
    const lag = z.reduce((sum, x, i) => sum + x * z[(i + 1) % n], 0) / n;
    expect(Math.abs(lag)).toBeLessThan(5 / Math.sqrt(n));
    uniforms([1, 2], z);
    expect(Math.abs(moment(1) - 0.5)).toBeLessThan(5 / Math.sqrt(12 * n));
  });

  it('do not depend on how many are asked for', () => {
    const long = new Float64Array(11);
    const short = new Float64Array(9);
    normals([3, 4], long);
    normals([3, 4], short, 2, 5);
    expect([...short.subarray(2, 7)]).toEqual([...long.subarray(0, 5)]);
    expect([...short.subarray(7)]).toEqual([0, 0]);
  });

  it('directions have unit length; permutations hold every index once and mix', () => {
    const u = new Float64Array(10);
    direction([5, 6], u);
    expect(Math.hypot(...u)).toBeCloseTo(1, 14);
    const order = permutation([7, 8], 1000);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(order.filter((v, i) => v === i).length).toBeLessThan(8);
  });
});

describe('normal distribution', () => {
  it('quantile inverts the distribution function', () => {
    for (const p of [1e-12, 0.01, 0.3, 0.5, 0.9, 0.975]) expect(normalCdf(normalQuantile(p)) / p).toBeCloseTo(1, 12);
    expect(normalQuantile(0.975)).toBeCloseTo(1.959963984540054, 13);
    expect([normalQuantile(0), normalQuantile(1)]).toEqual([-Infinity, Infinity]);
  });
});
