/** Rows that stand in two encoded sets: what was learned from one is no news in the other. */
import type { TableRows } from './table/rows.ts';

/** The indices of rows of `b` that are rows of `a` too, features and target alike to the bit. */
export function sharedRows(a: TableRows, b: TableRows): number[] {
  const places = new Map<number, number[]>();
  for (let i = 0; i < a.y.length; i++) {
    const key = fingerprint(a, i);
    const held = places.get(key);
    if (held) held.push(i);
    else places.set(key, [i]);
  }
  return Array.from(b.y.keys()).filter((j) => places.get(fingerprint(b, j))?.some((i) => sameRow(a, i, b, j)));
}

const row = ({ x, inputs }: TableRows, i: number) => x.subarray(i * inputs, (i + 1) * inputs);

/** 32-bit FNV-1a over the numbers of a row, as they lie in memory. */
function fingerprint(source: TableRows, i: number): number {
  const { x, inputs } = source;
  const words = new Uint32Array(x.buffer, x.byteOffset + 4 * i * inputs, inputs);
  let hash = 0x811c9dc5;
  for (let k = 0; k < words.length; k++) hash = Math.imul(hash ^ words[k], 0x01000193);
  return hash;
}

function sameRow(a: TableRows, i: number, b: TableRows, j: number): boolean {
  const other = row(b, j);
  return a.y[i] === b.y[j] && row(a, i).every((value, k) => value === other[k]);
}
