/** Small noisy pictures of digits, drawn by rule: data for a network without a download. */
import { normals, uniforms } from '../../src/math/random.ts';
import { fold } from '../../src/math/threefry.ts';
import type { Key } from '../../src/types.ts';

/** Pixels of a side. */
export const SIDE = 28;
export const CLASSES = 10;
/** Standard deviation of a pixel's noise; strokes have intensity one. */
const NOISE = 0.4;

/** The seven segments of a display, as lines from x, y to x, y in a box of height one. */
const SEGMENTS: Readonly<Record<string, readonly [number, number, number, number]>> = {
  a: [-0.25, -0.45, 0.25, -0.45],
  b: [0.25, -0.45, 0.25, 0],
  c: [0.25, 0, 0.25, 0.45],
  d: [-0.25, 0.45, 0.25, 0.45],
  e: [-0.25, 0, -0.25, 0.45],
  f: [-0.25, -0.45, -0.25, 0],
  g: [-0.25, 0, 0.25, 0],
};
const DIGITS = ['abcdef', 'bc', 'abged', 'abgcd', 'fgbc', 'afgcd', 'afgedc', 'abc', 'abcdefg', 'abcdfg'];

export interface Images {
  /** `[n × 784]`, row by row. */
  readonly x: Float32Array;
  /** The digit of each `[n]`. */
  readonly y: Float64Array;
}

/** `count` digits in turn, each turned, slanted, scaled, moved and noisy in its own way. */
export function images(key: Key, count: number): Images {
  const x = new Float32Array(count * SIDE * SIDE);
  const y = Float64Array.from({ length: count }, (_, i) => i % CLASSES);
  const noise = new Float64Array(SIDE * SIDE);
  for (let i = 0; i < count; i++) {
    normals(fold(fold(key, i), 1), noise);
    const ink = inkOf(DIGITS[y[i]], fold(key, i));
    for (let at = 0; at < noise.length; at++) {
      const [across, down] = [at % SIDE, Math.floor(at / SIDE)];
      x[i * noise.length + at] = ink(across + 0.5, down + 0.5) + NOISE * noise[at];
    }
  }
  return { x, y };
}

/** How dark the digit of these segments is at a point, from 0 to 1. */
function inkOf(segments: string, key: Key): (x: number, y: number) => number {
  const u = new Float64Array(7);
  uniforms(fold(key, 2), u);
  const between = (k: number, low: number, high: number) => low + (high - low) * u[k];
  const [turn, slant, thickness] = [between(0, -0.35, 0.35), between(1, -0.3, 0.3), between(2, 0.6, 1.4)];
  const [wide, high] = [SIDE * between(3, 0.5, 0.9), SIDE * between(4, 0.55, 0.85)];
  const [middleX, middleY] = [SIDE / 2 + between(5, -3, 3), SIDE / 2 + between(6, -3, 3)];
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  const placed = (x: number, y: number) => {
    const [sx, sy] = [wide * (x + slant * y), high * y];
    return [middleX + cos * sx - sin * sy, middleY + sin * sx + cos * sy] as const;
  };
  const lines = [...segments].map((name) => {
    const [x0, y0, x1, y1] = SEGMENTS[name];
    return [...placed(x0, y0), ...placed(x1, y1)];
  });
  return (x, y) => {
    const distance = Math.min(...lines.map(([x0, y0, x1, y1]) => toLine(x - x0, y - y0, x1 - x0, y1 - y0)));
    return Math.min(1, Math.max(0, thickness + 0.5 - distance));
  };
}

/** Distance of a point from the line between the origin and (dx, dy). */
function toLine(x: number, y: number, dx: number, dy: number): number {
  const along = Math.min(1, Math.max(0, (x * dx + y * dy) / (dx * dx + dy * dy)));
  return Math.hypot(x - along * dx, y - along * dy);
}
