/** Passes over a graph: what is shared, what is made again, in what order and memory it runs. */
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/engine/session.ts';
import * as g from '../../src/graph/index.ts';
import { prepared } from '../../src/graph/passes.ts';
import { executionOrder } from '../../src/graph/schedule.ts';
import { shared } from '../../src/graph/share.ts';
import { topological } from '../../src/graph/topological.ts';
import { gpt } from '../../src/models/gpt.ts';
import { tokens } from '../../src/models/likelihood.ts';
import { bayesianNetwork, separateGraph } from '../../src/models/posterior.ts';
import { numbers } from './check.ts';

const nodes = (...outputs: g.Tensor[]) => topological(...outputs.map(({ node }) => node));

describe('common subexpressions', () => {
  const x = g.input('x', [2, 3]);

  it('become one node, however deep', () => {
    const twice = () => g.mul(g.exp(g.tanh(x)), g.constant(3, x));
    const [a, b] = shared([g.add(twice(), twice()), twice()]);
    expect(nodes(a, b).map(({ op }) => op.name)).toEqual(['input', 'tanh', 'exp', 'constant', 'mul', 'add']);
    expect(a.node.inputs[0].node).toBe(b.node);
  });

  it.each([
    ['another attribute', g.slice(x, 1, 0, 2), g.slice(x, 1, 1, 3)],
    ['another order of inputs', g.sub(g.exp(x), x), g.sub(x, g.exp(x))],
    ['−0 for 0', g.add(x, g.filled(-0, [3, 1, 1], 'float32')), g.add(x, g.filled(0, [3, 1, 1], 'float32'))],
    ['NaN for infinity', g.mul(x, g.constant(Number.NaN, x)), g.mul(x, g.constant(Number.POSITIVE_INFINITY, x))],
    [
      'other long arrays',
      g.add(x, g.data(new Float32Array(6), [2, 3], 'float32')),
      g.add(x, g.data(new Float32Array(6).fill(1), [2, 3], 'float32')),
    ],
  ])('stay two for %s', (_what, one, other) => {
    const [a, b] = shared([one, other]);
    expect(a.node).not.toBe(b.node);
  });
});

describe('clean-up', () => {
  const x = g.input('x', [2, 3, 4]);
  const cleaned = (y: g.Tensor) => prepared({ y }, {})[0];

  it('reshapes and transposes once, or not at all', () => {
    for (const [y, names] of [
      [g.reshape(g.reshape(g.reshape(x, [6, 4]), [24]), [4, 6]), ['input', 'reshape']],
      [g.reshape(g.reshape(x, [6, 4]), [2, 3, 4]), ['input']],
      [g.transpose(x, [0, 1, 2]), ['input']],
      [g.transpose(g.transpose(x, [2, 0, 1]), [1, 2, 0]), ['input']],
      [g.transpose(g.transpose(x, [1, 0, 2]), [2, 1, 0]), ['input', 'transpose']],
    ] as const) {
      const result = cleaned(y);
      expect(nodes(result).map(({ op }) => op.name)).toEqual(names);
      expect(result.shape).toEqual(y.shape);
    }
  });

  it('leaves the gradients of what it removes', async () => {
    const flat = g.reshape(x, [24]);
    const turned = g.transpose(x, [2, 0, 1]);
    const y = g.reduceSum(g.mul(g.square(g.reshape(flat, [2, 3, 4])), g.transpose(turned, [1, 2, 0])), [0, 1, 2]);
    const [ofFlat, ofTurned] = g.gradient(y, [flat, turned]);
    const compiled = await compile({ inputs: { x }, outputs: { ofFlat, ofTurned } });
    const values = Float32Array.from({ length: 24 }, (_, i) => i - 10);
    const got = await compiled.run({ x: values });
    expect([...got.ofFlat]).toEqual([...values].map((v) => 2 * v * v));
    expect([...got.ofTurned]).toEqual(
      [0, 1, 2, 3].flatMap((k) => [...values].filter((_, i) => i % 4 === k).map((v) => v * v)),
    );
  });
});

/** A chain of layers tanh(hW) with its gradients, as outputs in the order of the layers. */
function layers(depth: number, width: number) {
  const x = g.input('x', [width, width]);
  const weights = Array.from({ length: depth }, (_, i) => g.input(`w${i}`, [width, width]));
  const activated = (h: g.Tensor) => g.mul(g.tanh(h), g.constant(2, h));
  const last = weights.reduce((h, w) => activated(g.matmul(h, w)), x);
  const total = g.reduceSum(g.square(last), [0, 1]);
  const slopes = g.gradient(total, weights);
  const inputs = { x, ...Object.fromEntries(weights.map((w, i) => [`w${i}`, w])) };
  return { inputs, outputs: { total, ...Object.fromEntries(slopes.map((s, i) => [`g${i}`, s])) } };
}

describe('the order of execution', () => {
  it('makes the slope of a layer before it goes on to the layer before', () => {
    const { outputs } = layers(4, 3);
    const order = executionOrder(Object.values(outputs).map(({ node }) => node));
    const at = [0, 1, 2, 3].map((i) => order.indexOf(outputs[`g${i}` as 'total'].node));
    expect([...at].sort((a, b) => b - a)).toEqual(at);
    for (const [i, node] of order.entries()) for (const x of node.inputs) expect(order.indexOf(x.node)).toBeLessThan(i);
  });
});

describe('recomputation', () => {
  const options = (passes: number): g.WriteOptions => ({ recompute: { forward: 'total', passes } });
  const copies = (outputs: Record<string, g.Tensor>, passes: number) =>
    nodes(...prepared(outputs, options(passes))).filter(({ again }) => again).length;

  it('makes again what takes so many passes, and nothing that takes a product', () => {
    const { outputs } = layers(3, 40);
    expect(copies(outputs, 0)).toBe(0);
    // tanh needs its own result: it is kept, and twice of it is made again for what follows each of the three layers.
    expect(copies(outputs, 1)).toBe(3);
    const h = g.matmul(g.input('a', [40, 40]), g.input('b', [40, 40]));
    const y = g.exp(g.sin(g.tanh(h)));
    const total = g.reduceSum(y, [0, 1]);
    const late = { total, late: g.mul(y, g.sub(h, total)) };
    expect(copies(late, 2)).toBe(0);
    expect(copies(late, 3)).toBe(3);
  });

  it('gives the same bits in less memory', async () => {
    const { inputs, outputs } = layers(6, 48);
    const graph = { inputs, outputs, forward: 'total' };
    const feeds = Object.fromEntries(
      Object.keys(inputs).map((name, i) => [name, Float32Array.from(numbers(i, [48, 48]), (v) => v / 7)]),
    );
    const results = [];
    for (const recompute of ['never', 'always'] as const) {
      const compiled = await compile(graph, { recompute });
      const got = await compiled.run(feeds);
      results.push(Object.values(got).map((data) => [...data]));
      await compiled.release();
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[0][1].some((v) => v !== 0)).toBe(true);
    expect(g.peakBytes(outputs, options(8))).toBeLessThan(g.peakBytes(outputs));
  });

  it('lets a transformer keep a third less in two passes, which make GELU again', () => {
    const network = bayesianNetwork(
      gpt({ vocabulary: 65, length: 64, width: 64, depth: 4, heads: 2 }),
      tokens(65, 64),
      64,
    );
    const { inputs, outputs } = separateGraph(network, 8, 1);
    const fed = Object.values(inputs).reduce((sum, { shape }) => sum + 4 * g.sizeOfShape(shape), 0);
    const kept = (passes?: number) =>
      g.peakBytes(outputs, passes ? { recompute: { forward: 'logLikelihood', passes } } : {}) - fed;
    expect(kept(1)).toBeLessThan(kept());
    expect(kept(2)).toBeLessThan(0.8 * kept());
    expect(kept(8)).toBeLessThanOrEqual(kept(2));
  });
});
