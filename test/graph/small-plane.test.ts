/** Convolutions over small planes: the products that they become against the convolutions in float64. */
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/engine/session.ts';
import { topological } from '../../src/graph/gradient.ts';
import * as g from '../../src/graph/index.ts';
import { prepared } from '../../src/graph/passes.ts';
import { numbers } from './check.ts';

/** Value and gradients of a convolution with a bias, with weights of their own on its outputs. */
function convolution(xs: g.Shape, ws: g.Shape, options: g.ConvOptions, dtype: 'float32' | 'float64') {
  const inputs = { x: g.input('x', xs, dtype), w: g.input('w', ws, dtype), b: g.input('b', [ws[0]], dtype) };
  const y = g.conv(inputs.x, inputs.w, { ...options, bias: inputs.b });
  const dy = g.input('dy', y.shape, dtype);
  const [dx, dw] = g.gradient(g.mul(y, dy), [inputs.x, inputs.w]);
  return { inputs: { ...inputs, dy }, outputs: { y, dx, dw } };
}

const opsOf = (outputs: Record<string, g.Tensor>) =>
  new Set(topological(...prepared(outputs, {}).map(({ node }) => node)).map(({ op }) => op.name));

const around = (n: number) => [n, n, n, n];

describe('planes where all meet all', () => {
  it.each<[g.Shape, g.Shape, g.ConvOptions]>([
    [[16, 5, 2, 2], [7, 5, 3, 3], { pads: around(1) }],
    [[17, 5, 1, 1], [4, 5, 3, 3], { pads: around(1) }],
    [[16, 3, 1, 2], [4, 3, 3, 3], { pads: around(1) }],
    [[16, 3, 2, 2], [4, 3, 3, 3], { pads: around(1), strides: [2, 2] }],
    [[16, 3, 3, 3], [2, 3, 5, 5], { pads: around(2) }],
    [[16, 3, 2, 2], [4, 3, 2, 3], { pads: [0, 1, 0, 1] }],
    [[16, 3, 1, 1], [4, 3, 3, 2], { pads: [2, 0, 2, 1], dilations: [2, 1] }],
  ])('%j with filters %j, %j: products alone, and right', async (xs, ws, options) => {
    const results = [];
    for (const dtype of ['float64', 'float32'] as const) {
      const graph = convolution(xs, ws, options, dtype);
      const feeds = Object.entries(graph.inputs).map(([name, { shape }], i) => {
        const values = numbers(i, shape);
        return [name, dtype === 'float32' ? Float32Array.from(values) : values];
      });
      const compiled = await compile(graph);
      results.push(await compiled.run(Object.fromEntries(feeds)));
      await compiled.release();
      if (dtype === 'float32') {
        for (const name of ['conv', 'convTranspose', 'blockedConv']) expect(opsOf(graph.outputs)).not.toContain(name);
      }
    }
    for (const name of ['y', 'dx', 'dw']) {
      const [truth, got] = results.map((result) => result[name]);
      const norm = Math.hypot(...truth);
      expect(norm).toBeGreaterThan(1);
      expect(Math.hypot(...got.map((v, i) => v - truth[i])), name).toBeLessThan(1e-5 * norm);
    }
  });

  it.each<[string, g.Shape, g.Shape, g.ConvOptions]>([
    ['as many places as taps', [16, 3, 3, 3], [4, 3, 3, 3], { pads: around(1) }],
    ['pairs without a tap', [16, 3, 1, 4], [4, 3, 3, 3], { pads: around(1) }],
    ['groups', [16, 4, 2, 2], [4, 2, 3, 3], { pads: around(1), groups: 2 }],
    ['few examples', [4, 3, 2, 2], [4, 3, 3, 3], { pads: around(1) }],
  ])('leaves alone %s', (_, xs, ws, options) => {
    const { y, dx } = convolution(xs, ws, options, 'float32').outputs;
    expect(opsOf({ y })).toContain('conv');
    expect(opsOf({ dx })).toContain('convTranspose');
  });
});
