/**
 * A text as tokens in their own type `[M]`, and the windows of one split. A row is known by the token at which it begins: its inputs are
 * the T tokens from there, its targets the T tokens that follow each of them.
 */
import { permutation, uniforms } from '../../math/random.ts';
import type { Asked } from '../asked.ts';
import { besides, type Rows } from '../rows.ts';

export type Tokens = Uint8Array | Uint16Array | Uint32Array;

export interface TextSplit {
  /** Tokens of the whole text; several splits may share it. */
  readonly text: Tokens;
  /** Places of the split's first token and of the one behind its last `[0, M]`. */
  readonly from: number;
  readonly to: number;
  /** T, tokens of a window. */
  readonly length: number;
}

export interface TextRows extends Rows {
  readonly split: TextSplit;
  /** Tokens of the split `[M]`. */
  readonly tokens: Tokens;
}

/**
 * N = ⌊M/T⌋ − 1 windows make an epoch, laid end to end from a first token that is random among the first T: every token is learned from
 * about once an epoch, after another context each time, and N/B of a batch counts it once. Without a key they begin at token 0.
 */
export function textRows(split: TextSplit): TextRows {
  const { text, from, to, length } = split;
  const tokens = text.subarray(from, to);
  const count = Math.floor(tokens.length / length) - 1;
  let answers: Float64Array | undefined;
  const rows: TextRows = {
    split,
    tokens,
    count,
    inputs: length,
    targets: length,
    get y() {
      answers ??= rows.asked().y;
      return answers;
    },
    order(used, key) {
      if (!key) return Int32Array.from({ length: used }, (_, i) => i * length);
      const chance = new Float64Array(1);
      uniforms(key, chance);
      const first = Math.floor(chance[0] * length);
      return permutation(key, count)
        .subarray(0, used)
        .map((window) => first + window * length);
    },
    gather(picked, x, y) {
      const size = picked.length;
      for (let j = 0; j < size; j++) {
        const start = picked[j];
        for (let i = 0; i < length; i++) {
          x[i * size + j] = tokens[start + i];
          y[i * size + j] = tokens[start + i + 1];
        }
      }
    },
    beside: (lengths) => besides(rows, lengths),
    asked(picked) {
      if (picked) {
        const windows = Array.from(picked, (start) => ({ start, skip: 0 }));
        return askedText(rows, windows, (r) => ({ first: r * length, skip: 0 }));
      }
      const windows = wholeText(split);
      return askedText(rows, windows, (r) => ({ first: windows[r].start, skip: windows[r].skip }));
    },
  };
  return rows;
}

function askedText({ tokens, split: { length } }: TextRows, windows: readonly Window[], at: Asked['at']): Asked {
  const y = new Float64Array(at(windows.length - 1).first + length);
  for (const [r, { start, skip }] of windows.entries()) {
    for (let place = skip; place < length; place++) y[at(r).first + place] = tokens[start + place + 1];
  }
  return {
    ...{ count: y.length, y, rows: windows.length, places: length, at },
    gather(from, to, x) {
      const size = to - from;
      for (let j = 0; j < size; j++) {
        const { start } = windows[from + j];
        for (let i = 0; i < length; i++) x[i * size + j] = tokens[start + i];
      }
    },
  };
}

/** A window of a text's whole: where it begins, and how many of its first targets an earlier one has. */
export interface Window {
  readonly start: number;
  readonly skip: number;
}

/** The windows, end to end, in which every token but the first is a target once. The last may begin within the one before it. */
export function wholeText({ from, to, length }: TextSplit): Window[] {
  const targets = to - from - 1;
  return Array.from({ length: Math.ceil(targets / length) }, (_, k) => {
    const start = Math.min(k * length, targets - length);
    return { start, skip: k * length - start };
  });
}
