/** Sums over a range in float64. Four partial sums each: a single one would wait for the latency of every addition. */
import type { TensorData } from '../types.ts';

/** Σ v[i] over [at, end). */
export function sumOf(v: TensorData, at: number, end: number): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = at;
  for (; i + 3 < end; i += 4) {
    a += v[i];
    b += v[i + 1];
    c += v[i + 2];
    d += v[i + 3];
  }
  for (; i < end; i++) a += v[i];
  return a + b + (c + d);
}

/** Σ v[i]² over [at, end). */
export function sumOfSquares(v: Float64Array, at: number, end: number): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = at;
  for (; i + 3 < end; i += 4) {
    a += v[i] * v[i];
    b += v[i + 1] * v[i + 1];
    c += v[i + 2] * v[i + 2];
    d += v[i + 3] * v[i + 3];
  }
  for (; i < end; i++) a += v[i] * v[i];
  return a + b + (c + d);
}

/** Σ a[i] b[i]. */
export function dot(a: TensorData, b: TensorData): number {
  let even = 0;
  let odd = 0;
  let i = 0;
  for (; i + 1 < a.length; i += 2) {
    even += a[i] * b[i];
    odd += a[i + 1] * b[i + 1];
  }
  if (i < a.length) even += a[i] * b[i];
  return even + odd;
}

/** ‖a − b‖² over [at, end). */
export function squaredDistance(a: Float64Array, b: Float64Array, at: number, end: number): number {
  let even = 0;
  let odd = 0;
  let i = at;
  for (; i + 1 < end; i += 2) {
    const p = a[i] - b[i];
    const q = a[i + 1] - b[i + 1];
    even += p * p;
    odd += q * q;
  }
  if (i < end) even += (a[i] - b[i]) ** 2;
  return even + odd;
}
