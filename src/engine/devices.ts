/** Whether a device is there, and how exact its elementary functions are. */
import erfc from '@stdlib/math-base-special-erfc';
import * as g from '../graph/index.ts';
import type { CompiledGraph } from '../types.ts';
import type { Graph } from './compiled.ts';

export interface DeviceReport<D extends string = string> {
  readonly device: D;
  /** Absent: it works. Otherwise why it does not. */
  readonly fault?: string;
  /** Largest relative error of each function over its test points, against float64. */
  readonly errors: Readonly<Record<string, number>>;
}

/** Relative error that float32 networks bear. */
export const TOLERABLE = 1e-4;

/** The same of a function: for sines what WebGPU's language promises. */
export const tolerable = (name: string): number => (name === 'sin' ? 2 ** -11 : TOLERABLE);

/** The functions that a device computes less exactly than that. */
export const inexact = ({ errors }: DeviceReport): string[] =>
  Object.keys(errors).filter((name) => !(errors[name] < tolerable(name)));

const POINTS = Float32Array.from({ length: 400 }, (_, i) => (i - 199.5) / 25);
const UPWARD = POINTS.map((x) => Math.abs(x) + 0.05);

interface Probe {
  readonly build: (x: g.Tensor) => g.Tensor;
  readonly truth: (x: number) => number;
  readonly points?: Float32Array;
  /** Errors are relative to the value, or to this share of the largest if that is larger. Default 0.01. */
  readonly floor?: number;
}

const gelu = (x: number) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

const FUNCTIONS: Readonly<Record<string, Probe>> = {
  exp: { build: g.exp, truth: Math.exp },
  log: { build: g.log, truth: Math.log, points: UPWARD },
  sqrt: { build: g.sqrt, truth: Math.sqrt, points: UPWARD },
  tanh: { build: g.tanh, truth: Math.tanh },
  sigmoid: { build: g.sigmoid, truth: (x) => 1 / (1 + Math.exp(-x)) },
  erf: { build: g.erf, truth: (x) => 1 - erfc(x) },
  gelu: { build: g.gelu, truth: gelu },
  sin: { build: g.sin, truth: Math.sin, points: POINTS.map((x) => (x * Math.PI) / 8), floor: 1 },
};

interface Sum {
  readonly name: string;
  readonly y: g.Tensor;
  readonly truth: Float64Array;
}

const wave = (shape: g.Shape, step: number) =>
  Float32Array.from({ length: g.sizeOfShape(shape) }, (_, i) => Math.sin(i * step));

/** Numbers through an input of one, so that nothing is folded while the graph is compiled. */
const open = (values: Float32Array, shape: g.Shape) => g.mul(g.data(values, shape, 'float32'), g.input('one', []));

/** Products and convolutions, against loops in float64: a device that gets one wrong must not be used. */
function sums(): Sum[] {
  const [rows, inner] = [6, 162];
  const values = wave([rows, inner], 0.7);
  const product = new Float64Array(rows * rows);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < rows; j++)
      for (let t = 0; t < inner; t++) product[i * rows + j] += values[i * inner + t] * values[j * inner + t];
  const x = open(values, [rows, inner]);
  return [
    { name: 'matmul', y: g.matmul(x, x, { transposeB: true }), truth: product },
    ...convolution('conv', [2, 6, 9, 9], [16, 6, 5, 5]),
    ...convolution('conv 16', [16, 16, 6, 6], [16, 16, 3, 3]),
  ];
}

/** A convolution, and the slopes of its filters. */
function convolution(name: string, xs: g.Shape, ws: g.Shape): Sum[] {
  const [n, channels, size] = xs;
  const [filters, , k] = ws;
  const out = size - k + 1;
  const ys = [n, filters, out, out];
  const [x, w, dy] = [wave(xs, 0.7), wave(ws, 0.3), wave(ys, 0.4)];
  const [truth, slopes] = [new Float64Array(dy.length), new Float64Array(w.length)];
  for (let b = 0, at = 0; b < n; b++)
    for (let f = 0; f < filters; f++)
      for (let i = 0; i < out; i++)
        for (let j = 0; j < out; j++, at++)
          for (let c = 0; c < channels; c++)
            for (let p = 0; p < k; p++)
              for (let q = 0; q < k; q++) {
                const pixel = x[((b * channels + c) * size + i + p) * size + j + q];
                const tap = ((f * channels + c) * k + p) * k + q;
                truth[at] += pixel * w[tap];
                slopes[tap] += pixel * dy[at];
              }
  const taps = open(w, ws);
  const y = g.conv(open(x, xs), taps);
  const [dw] = g.gradient(g.mul(y, open(dy, ys)), [taps]);
  return [
    { name, y, truth },
    { name: `${name} slopes`, y: dw, truth: slopes },
  ];
}

/** Largest error, relative to the value or to `floor` times the largest value, whichever is larger. */
function relativeError(got: ArrayLike<number>, truth: ArrayLike<number>, floor: number): number {
  const scale = Math.max(...Array.from(truth, Math.abs));
  return Math.max(
    ...Array.from(truth, (t, i) => {
      const error = Math.abs(got[i] - t) / Math.max(Math.abs(t), scale * floor);
      return Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
    }),
  );
}

/** Tries a device on functions, a product and convolutions, each compiled by `compile`. */
export async function inspect<D extends string>(
  device: D,
  compile: (graph: Graph, options: { device: D }) => Promise<CompiledGraph>,
): Promise<DeviceReport<D>> {
  const probes = Object.entries(FUNCTIONS);
  const inputs: Record<string, g.Tensor> = { one: g.input('one', []) };
  const outputs: Record<string, g.Tensor> = {};
  const feeds: Record<string, Float32Array> = { one: Float32Array.of(1) };
  for (const [name, { build, points = POINTS }] of probes) {
    inputs[`${name}In`] = g.input(`${name}In`, [points.length]);
    feeds[`${name}In`] = points;
    outputs[name] = build(inputs[`${name}In`]);
  }
  const heavy = sums();
  for (const { name, y } of heavy) outputs[name] = y;
  try {
    const compiled = await compile({ inputs, outputs }, { device });
    const got = await compiled.run(feeds);
    await compiled.release();
    const errors = Object.fromEntries([
      ...probes.map(([name, { truth, points = POINTS, floor = 0.01 }]) => [
        name,
        relativeError(got[name], Array.from(points, truth), floor),
      ]),
      ...heavy.map(({ name, truth }) => [name, relativeError(got[name], truth, 1)]),
    ]);
    return { device, errors };
  } catch (error) {
    return { device, fault: (error as Error).message, errors: {} };
  }
}
