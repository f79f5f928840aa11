/** A convolution to be tried: with gradients, in both types. */
import { compile } from '../../src/engine/session.ts';
import * as g from '../../src/graph/index.ts';
import type { TensorData } from '../../src/types.ts';
import { numbers } from './check.ts';

export interface Tried {
  readonly xs: g.Shape;
  readonly ws: g.Shape;
  readonly bias: boolean;
  readonly options: g.ConvOptions;
}

/** Value and gradients of a convolution, with weights of their own on its outputs. */
export function convolution({ xs, ws, bias, options }: Tried, dtype: 'float32' | 'float64') {
  const inputs = { x: g.input('x', xs, dtype), w: g.input('w', ws, dtype), b: g.input('b', [ws[0]], dtype) };
  const y = g.conv(inputs.x, inputs.w, { ...options, ...(bias && { bias: inputs.b }) });
  const dy = g.input('dy', y.shape, dtype);
  const [dx, dw] = g.gradient(g.mul(y, dy), [inputs.x, inputs.w]);
  return { inputs: { ...inputs, dy }, outputs: { y, dx, dw } };
}

/** Its results in float64 and in float32, of the same numbers. */
export async function inBothTypes(
  tried: Tried,
): Promise<[truth: Record<string, TensorData>, got: Record<string, TensorData>]> {
  const resultsIn = async (dtype: 'float32' | 'float64') => {
    const graph = convolution(tried, dtype);
    const feeds = Object.entries(graph.inputs).map(([name, { shape }], i) => {
      const values = numbers(i, shape);
      return [name, dtype === 'float32' ? Float32Array.from(values) : values];
    });
    const compiled = await compile(graph);
    const results = await compiled.run(Object.fromEntries(feeds));
    await compiled.release();
    return results;
  };
  return [await resultsIn('float64'), await resultsIn('float32')];
}

/** Largest difference, relative to the largest number. */
export function furthest(got: TensorData, truth: TensorData): number {
  const largest = (values: number[]) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return largest(Array.from(truth, (t, i) => got[i] - t)) / largest(Array.from(truth));
}
