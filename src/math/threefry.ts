/**
 * Threefry-2x32 with 20 rounds: a counter-based random function (Salmon et al., SC 2011, "Parallel random numbers: as
 * easy as 1, 2, 3"). The same key and counter give the same words on every machine; nothing is ever advanced.
 */
import type { Key } from '../types.ts';

const PARITY = 0x1bd11bda;

/** Writes the two random words of (key, counter) into `out[at]` and `out[at + 1]`. All words are unsigned 32 bit. */
export function threefry(k0: number, k1: number, c0: number, c1: number, out: Uint32Array, at = 0): void {
  const k2 = PARITY ^ k0 ^ k1;
  let x = (c0 + k0) | 0;
  let y = (c1 + k1) | 0;
  // Five groups of four rounds; after group i the key schedule is injected, rotated by i.
  x = (x + y) | 0;
  y = ((y << 13) | (y >>> 19)) ^ x;
  x = (x + y) | 0;
  y = ((y << 15) | (y >>> 17)) ^ x;
  x = (x + y) | 0;
  y = ((y << 26) | (y >>> 6)) ^ x;
  x = (x + y) | 0;
  y = ((y << 6) | (y >>> 26)) ^ x;
  x = (x + k1) | 0;
  y = (y + k2 + 1) | 0;
  x = (x + y) | 0;
  y = ((y << 17) | (y >>> 15)) ^ x;
  x = (x + y) | 0;
  y = ((y << 29) | (y >>> 3)) ^ x;
  x = (x + y) | 0;
  y = ((y << 16) | (y >>> 16)) ^ x;
  x = (x + y) | 0;
  y = ((y << 24) | (y >>> 8)) ^ x;
  x = (x + k2) | 0;
  y = (y + k0 + 2) | 0;
  x = (x + y) | 0;
  y = ((y << 13) | (y >>> 19)) ^ x;
  x = (x + y) | 0;
  y = ((y << 15) | (y >>> 17)) ^ x;
  x = (x + y) | 0;
  y = ((y << 26) | (y >>> 6)) ^ x;
  x = (x + y) | 0;
  y = ((y << 6) | (y >>> 26)) ^ x;
  x = (x + k0) | 0;
  y = (y + k1 + 3) | 0;
  x = (x + y) | 0;
  y = ((y << 17) | (y >>> 15)) ^ x;
  x = (x + y) | 0;
  y = ((y << 29) | (y >>> 3)) ^ x;
  x = (x + y) | 0;
  y = ((y << 16) | (y >>> 16)) ^ x;
  x = (x + y) | 0;
  y = ((y << 24) | (y >>> 8)) ^ x;
  x = (x + k1) | 0;
  y = (y + k2 + 4) | 0;
  x = (x + y) | 0;
  y = ((y << 13) | (y >>> 19)) ^ x;
  x = (x + y) | 0;
  y = ((y << 15) | (y >>> 17)) ^ x;
  x = (x + y) | 0;
  y = ((y << 26) | (y >>> 6)) ^ x;
  x = (x + y) | 0;
  y = ((y << 6) | (y >>> 26)) ^ x;
  x = (x + k2) | 0;
  y = (y + k0 + 5) | 0;
  out[at] = x;
  out[at + 1] = y;
}

const words = new Uint32Array(2);

/** The key of child number `index` (an integer in 0 … 2^53) of `key`. */
export function fold(key: Key, index: number): Key {
  threefry(key[0], key[1], index >>> 0, Math.floor(index / 0x100000000), words);
  return [words[0], words[1]];
}

/** The root key of a seed (an integer in 0 … 2^53). */
export function rootKey(seed: number): Key {
  return [seed >>> 0, Math.floor(seed / 0x100000000)];
}

/** What a stream of randomness is for. Adding a purpose never changes the others' numbers. */
const PURPOSES = {
  split: 1,
  init: 2,
  batch: 3,
  momentum: 4,
  refresh: 5,
  noise: 6,
  predict: 7,
  data: 8,
  train: 9,
  repair: 10,
  augment: 11,
  generate: 12,
} as const;
export type Purpose = keyof typeof PURPOSES;

/** The key of the named stream under `key`. */
export function stream(key: Key, purpose: Purpose): Key {
  return fold(key, 0x5eed0000 + PURPOSES[purpose]);
}
