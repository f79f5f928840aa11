/** Linear algebra on the vectors of all chains of a block at once. */
import { kernelsOf, sideBySide } from './native.ts';

/** `out` = α M v for the vector v of every chain, M `[d × d]` column by column. */
export function multiply(columns: Float64Array, v: Float64Array, out: Float64Array, alpha: number): void {
  const d = Math.sqrt(columns.length);
  const kernels = kernelsOf(columns, v, out);
  if (kernels) {
    kernels.multiply(columns.byteOffset, v.byteOffset, out.byteOffset, alpha, v.length / d, d);
    return;
  }
  for (let at = 0; at < v.length; at += d) {
    // Two rows at a time: one sum alone would wait for the latency of every addition.
    let i = 0;
    for (; i + 1 < d; i += 2) {
      let first = 0;
      let second = 0;
      for (let k = 0; k < d; k++) {
        const x = v[at + k];
        first += columns[k * d + i] * x;
        second += columns[k * d + i + 1] * x;
      }
      out[at + i] = alpha * first;
      out[at + i + 1] = alpha * second;
    }
    if (i < d) {
      let last = 0;
      for (let k = 0; k < d; k++) last += columns[k * d + i] * v[at + k];
      out[at + i] = alpha * last;
    }
  }
}

/** `multiply` by a matrix, row by row, for arrays from anywhere: they are copied to where kernels reach them. */
export function linearMap(
  rows: readonly (readonly number[])[],
): (v: Float64Array, out: Float64Array, alpha: number) => void {
  const columns = Float64Array.from(rows.flatMap((_, k) => rows.map((row) => row[k])));
  let [held, from, to] = [columns, new Float64Array(0), new Float64Array(0)];
  return (v, out, alpha) => {
    if (from.length !== v.length) {
      [held, from, to] = sideBySide(Float64Array, [columns.length, v.length, v.length]);
      held.set(columns);
    }
    if (!kernelsOf(held)) {
      multiply(columns, v, out, alpha);
      return;
    }
    from.set(v);
    multiply(held, from, to, alpha);
    out.set(to);
  };
}

/** `out[c]` = α a·b of every chain. */
export function dots(a: Float64Array, b: Float64Array, out: Float64Array, alpha: number, d: number): void {
  for (let c = 0; c < out.length; c++) {
    let even = 0;
    let odd = 0;
    let i = c * d;
    const end = i + d;
    for (; i + 1 < end; i += 2) {
      even += a[i] * b[i];
      odd += a[i + 1] * b[i + 1];
    }
    if (i < end) even += a[i] * b[i];
    out[c] = alpha * (even + odd);
  }
}

/** a ← a + b, over the length of b. */
export function add(a: Float64Array, b: Float64Array): void {
  for (let i = 0; i < b.length; i++) a[i] += b[i];
}
