/** Convolutions over small planes: the products that they become against the convolutions in float64. */
import { describe, expect, it } from 'vitest';
import type * as g from '../../src/graph/index.ts';
import { prepared } from '../../src/graph/passes.ts';
import { topological } from '../../src/graph/topological.ts';
import { convolution, furthest, inBothTypes } from './convolution.ts';

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
    const tried = { xs, ws, bias: true, options };
    const ops = opsOf(convolution(tried, 'float32').outputs);
    for (const name of ['conv', 'convTranspose', 'blockedConv']) expect(ops).not.toContain(name);
    const [truth, got] = await inBothTypes(tried);
    for (const name of ['y', 'dx', 'dw']) {
      const norm = Math.hypot(...truth[name]);
      expect(norm).toBeGreaterThan(1);
      expect(Math.hypot(...got[name].map((v, i) => v - truth[name][i])), name).toBeLessThan(1e-5 * norm);
      expect(furthest(got[name], truth[name]), name).toBeLessThan(1e-5);
    }
  });

  it.each<[string, g.Shape, g.Shape, g.ConvOptions]>([
    ['as many places as taps', [16, 3, 3, 3], [4, 3, 3, 3], { pads: around(1) }],
    ['pairs without a tap', [16, 3, 1, 4], [4, 3, 3, 3], { pads: around(1) }],
    ['groups', [16, 4, 2, 2], [4, 2, 3, 3], { pads: around(1), groups: 2 }],
    ['few examples', [4, 3, 2, 2], [4, 3, 3, 3], { pads: around(1) }],
  ])('leaves alone %s', (_, xs, ws, options) => {
    const { y, dx } = convolution({ xs, ws, bias: true, options }, 'float32').outputs;
    expect(opsOf({ y })).toContain('conv');
    expect(opsOf({ dx })).toContain('convTranspose');
  });
});
