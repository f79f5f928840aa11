/** Bulk random numbers from a key: uniforms, normals, directions and permutations. */
import type { Key } from '../types.ts';
import { kernelsOf } from './native.ts';
import { fold, threefry } from './threefry.ts';

const TWO_POW_MINUS_31 = 2 ** -31;
const TWO_POW_MINUS_32 = 2 ** -32;
const words = new Uint32Array(2);

/** Fills `out[at … at + count)` with uniforms in the open interval (0, 1), 32 bits each. */
export function uniforms(key: Key, out: Float64Array, at = 0, count = out.length - at): void {
  for (let i = 0; i < count; i += 2) {
    threefry(key[0], key[1], i >>> 1, 0, words);
    out[at + i] = (words[0] + 0.5) * TWO_POW_MINUS_32;
    if (i + 1 < count) out[at + i + 1] = (words[1] + 0.5) * TWO_POW_MINUS_32;
  }
}

/** Words of sfc32 that are thrown away while its state mixes. */
const MIXING = 12;

/**
 * Fills `out[at … at + count)` with standard normals by Marsaglia's polar method. A call is one unit of work: its words come
 * from a sequential generator seeded by the key (sfc32 of PractRand), several times faster than a counter each; its
 * four words of state are local variables, since a closure would keep them in memory.
 */
export function normals(key: Key, out: Float64Array, at = 0, count = out.length - at): void {
  let a = key[0] | 0;
  let b = key[1] | 0;
  let c = 0x9e3779b9 | 0;
  let counter = 1;
  let waiting = 0;
  let even = true;
  for (let i = at - MIXING; i < at + count; ) {
    const word = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + word) | 0;
    if (i < at) {
      i++;
      continue;
    }
    even = !even;
    if (!even) {
      waiting = (word + 0.5) * TWO_POW_MINUS_31;
      continue;
    }
    const y = (word + 0.5) * TWO_POW_MINUS_31;
    const square = waiting * waiting + y * y;
    if (square >= 1) continue;
    const scale = Math.sqrt((-2 * Math.log(square)) / square);
    out[i] = scale * waiting;
    if (i + 1 < at + count) out[i + 1] = scale * y;
    i += 2;
  }
}

/**
 * Standard normals of step t for a block `[C × d]`: chain c's are those of `fold(streams[c], t)`, where `streams` holds the two
 * words of every key.
 */
export function blockNormals(streams: Uint32Array, t: number, out: Float64Array): void {
  const chains = streams.length / 2;
  const d = out.length / chains;
  const kernels = kernelsOf(streams, out);
  if (kernels) {
    kernels.normals(streams.byteOffset, t, Math.floor(t / 0x100000000), out.byteOffset, chains, d);
    return;
  }
  for (let c = 0; c < chains; c++) normals(fold([streams[2 * c], streams[2 * c + 1]], t), out, c * d, d);
}

/** Fills `out[at … at + count)` with a direction uniform on the unit sphere of that dimension. */
export function direction(key: Key, out: Float64Array, at = 0, count = out.length - at): void {
  normals(key, out, at, count);
  let square = 0;
  for (let i = at; i < at + count; i++) square += out[i] * out[i];
  const scale = 1 / Math.sqrt(square);
  for (let i = at; i < at + count; i++) out[i] *= scale;
}

/** A uniformly random permutation of 0 … n−1 by Fisher–Yates, with words from the same generator. */
export function permutation(key: Key, n: number): Int32Array {
  const order = new Int32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  let a = key[0] | 0;
  let b = key[1] | 0;
  let c = 0x9e3779b9 | 0;
  let counter = 1;
  for (let i = n - 1 + MIXING; i > 0; i--) {
    const word = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + word) | 0;
    if (i >= n) continue;
    const j = Math.floor((word >>> 0) * TWO_POW_MINUS_32 * (i + 1));
    const held = order[i];
    order[i] = order[j];
    order[j] = held;
  }
  return order;
}
