/** Convolutions in blocks of channels: on this processor, and as what they stand for with any size of block. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blockSize } from '../../src/engine/blocks.ts';
import { compile } from '../../src/engine/session.ts';
import { blockedConv, blockedConvTranspose } from '../../src/graph/blocked-conv.ts';
import { blockedFilterGradient } from '../../src/graph/blocked-filter.ts';
import * as g from '../../src/graph/index.ts';
import { prepared } from '../../src/graph/passes.ts';
import type { Node } from '../../src/graph/tensor.ts';
import { topological } from '../../src/graph/topological.ts';
import { check, numbers } from './check.ts';
import { convolution, furthest, inBothTypes } from './convolution.ts';

const pair = (min: number, max: number) => fc.tuple(fc.integer({ min, max }), fc.integer({ min, max }));
const geometry = fc
  .record({
    n: fc.integer({ min: 13, max: 36 }),
    channels: fc.constantFrom([16, 16], [32, 16], [16, 32], [3, 16], [5, 6]),
    size: pair(5, 8),
    kernel: fc.constantFrom([3, 3], [2, 3], [3, 1], [1, 1]),
    strides: fc.constantFrom([1, 1], [1, 1], [2, 2], [1, 3]),
    dilations: fc.constantFrom([1, 1], [1, 1], [1, 1], [2, 1], [1, 2]),
    pads: fc.tuple(pair(0, 2), pair(0, 2)).map((pads) => pads.flat()),
    bias: fc.boolean(),
  })
  .map(({ n, channels: [c, o], size, kernel, bias, ...options }) => ({
    xs: [n, c, ...size],
    ws: [o, c, ...kernel],
    bias,
    options: { ...options, groups: 1 },
  }));

const opNames = (outputs: Readonly<Record<string, g.Tensor>>, options: g.WriteOptions) =>
  topological(...prepared(outputs, options).map(({ node }) => node)).map(({ op }) => op.name);

describe('on this processor', () => {
  it('convolutions and their gradients equal those in float64', async () => {
    const size = await blockSize();
    let inBlocks = 0;
    await fc.assert(
      fc.asyncProperty(geometry, async (drawn) => {
        const [truth, got] = await inBothTypes(drawn);
        if (size) {
          const names = opNames(convolution(drawn, 'float32').outputs, { blocks: size });
          inBlocks += names.filter((name) => name === 'blockedConv').length;
        }
        for (const name of ['y', 'dx', 'dw']) {
          expect(furthest(got[name], truth[name])).toBeLessThan(1e-5);
        }
      }),
      { seed: 11, numRuns: 40 },
    );
    if (size) expect(inBlocks).toBeGreaterThan(40);
  });

  it('finds the size of its blocks, the same every time', async () => {
    expect([undefined, 8, 16]).toContain(await blockSize());
    expect(blockSize()).toBe(blockSize());
  });

  it('leaves alone what gains nothing: products in disguise, groups, ragged channels, few examples', () => {
    const names = (xs: g.Shape, ws: g.Shape, options: g.ConvOptions = {}) => {
      const [x, w] = [g.input('x', xs), g.input('w', ws)];
      const y = g.conv(x, w, options);
      const [dw] = g.gradient(y, [w]);
      return [y, dw].map((t) => opNames({ t }, { blocks: 8 }).includes('blockedConv'));
    };
    expect(names([16, 16, 6, 6], [16, 16, 3, 3])).toEqual([true, true]);
    expect(names([16, 16, 6, 6], [16, 16, 1, 1])).toEqual([false, false]);
    expect(names([16, 32, 6, 6], [16, 16, 3, 3], { groups: 2 })).toEqual([false, false]);
    expect(names([16, 12, 6, 6], [16, 12, 3, 3])).toEqual([false, true]);
    expect(names([16, 12, 6, 6], [12, 12, 3, 3])).toEqual([false, false]);
    expect(names([16, 8, 6, 6], [12, 8, 3, 3])).toEqual([false, true]);
    expect(names([3, 16, 6, 6], [16, 16, 3, 3])).toEqual([true, false]);
    expect(names([16, 16, 6, 6], [16, 16, 3, 3], { dilations: [2, 2] })).toEqual([true, false]);
    const free = opNames({ y: g.conv(g.input('x', [16, 16, 6, 6]), g.input('w', [16, 16, 3, 3])) }, {});
    expect(free).not.toContain('blockedConv');
  });
});

/** The same tensor with ops over blocks written out in ops over channels. */
function plain(tensor: g.Tensor): g.Tensor {
  const done = new Map<Node, Node>();
  const follow = (t: g.Tensor): g.Tensor => ({ ...t, node: done.get(t.node)! });
  const channels = (x: g.Tensor) => {
    const [n, c, h, w, b] = x.shape;
    return g.reshape(g.transpose(x, [0, 1, 4, 2, 3]), [n, c * b, h, w]);
  };
  const blocks = (x: g.Tensor, [n, c, h, w, b]: g.Shape) => g.transpose(g.reshape(x, [n, c, b, h, w]), [0, 1, 3, 4, 2]);
  for (const node of topological(tensor.node)) {
    const inputs = node.inputs.map(follow);
    const [x, w, bias] = inputs;
    const shape = node.attributes.shape as g.Shape;
    const made = () => {
      switch (node.op.name) {
        case 'block':
          return blocks(x, shape);
        case 'unblock':
          return channels(x);
        case 'blockedConv': {
          const { strides, pads, dilations, group, filter } = node.attributes as unknown as g.ConvOptions & {
            group: number;
            filter: g.Shape;
          };
          const order = group > 1 ? [0, 3, 1, 2] : [0, 5, 1, 4, 2, 3];
          const filters = g.reshape(g.transpose(w, order), filter);
          const options = { strides, pads, dilations, groups: group, ...(bias && { bias }) } as g.ConvOptions;
          return blocks(g.conv(channels(x), filters, options), shape);
        }
        default:
          return { node: { ...node, inputs } };
      }
    };
    done.set(node, made().node);
  }
  return follow(tensor);
}

describe('blocks of any size', () => {
  const options = { strides: [1, 1], pads: [1, 0, 2, 1], dilations: [1, 1], groups: 1 };
  const [x, b] = [g.input('x', [6, 8, 7, 6], 'float64'), g.input('b', [4], 'float64')];
  const w = g.input('w', [4, 8, 3, 2], 'float64');

  async function same(inputs: Record<string, g.Tensor>, one: g.Tensor, other: g.Tensor) {
    expect(one.shape).toEqual(other.shape);
    const compiled = await compile({ inputs, outputs: { one: plain(one), other } });
    const feeds = Object.entries(inputs).map(([name, { shape }], i) => [name, numbers(i, shape)]);
    const got = await compiled.run(Object.fromEntries(feeds));
    await compiled.release();
    expect(Math.max(...got.other)).toBeGreaterThan(1);
    expect(furthest(got.one, got.other)).toBeLessThan(1e-13);
  }

  it.each([2, 4])('%i: the convolution, its adjoint', async (size) => {
    const y = g.conv(x, w, { ...options, bias: b });
    await same({ x, w, b }, blockedConv([x, w, b], y.shape.slice(2), options, size), y);
    const dy = g.input('dy', y.shape, 'float64');
    await same({ dy, w }, blockedConvTranspose(dy, w, [7, 6], options, size)!, g.convTranspose(dy, w, options));
  });

  it.each([
    [
      [2, 3],
      [1, 0, 0, 1],
      [8, 6],
    ],
    [
      [3, 1],
      [0, 1, 1, 0],
      [6, 5],
    ],
    [
      [2, 2],
      [1, 1, 1, 1],
      [8, 8],
    ],
  ])('strides %j: the adjoint, phase by phase', async (strides, pads, lengths) => {
    const windows = { ...options, strides, pads };
    const [filters, images] = [g.input('w', [4, 8, 3, 3], 'float64'), g.input('x', [2, 8, ...lengths], 'float64')];
    const y = g.conv(images, filters, windows);
    const dy = g.input('dy', y.shape, 'float64');
    const [dx] = g.gradient(g.mul(y, dy), [images]);
    await same({ dy, w: filters }, blockedConvTranspose(dy, filters, lengths, windows, 4)!, dx);
  });

  it('leaves the adjoint alone where phases differ in length, miss taps, or are dilated', () => {
    const of = (ys: g.Shape, lengths: g.Shape, k: number, windows: object) =>
      blockedConvTranspose(
        g.input('y', [1, 4, ...ys]),
        g.input('w', [4, 4, k, k]),
        lengths,
        { ...options, ...windows },
        4,
      );
    expect(of([3, 3], [7, 7], 3, { strides: [2, 2], pads: [0, 0, 0, 0] })).toBeUndefined();
    expect(of([3, 3], [6, 6], 1, { strides: [2, 2], pads: [0, 0, 0, 0] })).toBeUndefined();
    expect(of([2, 2], [8, 8], 3, { strides: [2, 2], dilations: [2, 2], pads: [0, 0, 0, 0] })).toBeUndefined();
    expect(of([8, 8], [4, 4], 3, { pads: [3, 3, 3, 3] })).toBeUndefined();
  });

  it.each([
    [2, [4, 8, 3, 2]],
    [4, [4, 8, 3, 2]],
    [4, [6, 3, 2, 3]],
    [8, [4, 2, 3, 3]],
  ])('%i: gradients to filters %j, strides or none, examples added', async (size, ws) => {
    for (const strides of [
      [1, 1],
      [2, 3],
    ]) {
      const wide = { ...options, strides };
      const [images, filters] = [g.input('x', x.shape.with(1, ws[1]), 'float64'), g.input('w', ws, 'float64')];
      const y = g.conv(images, filters, wide);
      const dy = g.input('dy', y.shape, 'float64');
      const [dw] = g.gradient(g.mul(y, dy), [filters]);
      await same({ x: images, dy }, blockedFilterGradient(images, dy, ws, wide, size), dw);
    }
  });

  it.each([
    [[30, 20], [1, 1], 2],
    [[30, 20], [2, 1], 2],
    [[29, 20], [1, 2], 29],
    [[8, 20], [1, 1], 1],
  ])('gradients to filters from slopes of %j, strides %j, in %i bands of rows', async ([ho, wo], strides, bands) => {
    const [n, size] = [8, 8];
    const images = g.input('x', [n, 8, (ho - 1) * strides[0] + 3, (wo - 1) * strides[1] + 3], 'float64');
    const filters = g.input('w', [8, 8, 3, 3], 'float64');
    const valid = { ...options, strides, pads: [0, 0, 0, 0] };
    const y = g.conv(images, filters, valid);
    expect(y.shape.slice(2)).toEqual([ho, wo]);
    const dy = g.input('dy', y.shape, 'float64');
    const blocked = blockedFilterGradient(images, dy, filters.shape, valid, size);
    const convs = topological(blocked.node).filter(({ op }) => op.name === 'blockedConv');
    expect(convs.map(({ attributes }) => attributes.filter)).toEqual([[8, n * bands, ho / bands, wo]]);
    const [dw] = g.gradient(g.mul(y, dy), [filters]);
    await same({ x: images, dy }, blocked, dw);
  });
});

it('the gradient to filters has gradients of its own', async () => {
  const options = { strides: [2, 1], pads: [1, 0, 0, 1] };
  await check(
    (x, w) => g.gradient(g.square(g.conv(x, w, options)), [w])[0],
    [
      [2, 2, 4, 4],
      [3, 2, 2, 2],
    ],
    8,
  );
});
