/** Softmaxes that are all but certain: their gradients are right, and hold no numbers that slow a processor down. */
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/engine/session.ts';
import * as g from '../../src/graph/index.ts';
import { weights } from '../../src/graph/softmax.ts';
import { numbers } from './check.ts';
import { furthest } from './convolution.ts';

const SHAPE = [30, 12];
/** Far below 2⁻⁶⁶, far above the denormal numbers of float32. */
const FLOOR = 1e-30;
/** Scores of which the largest are far from the others. */
const scores = (seed: number) => numbers(seed, SHAPE).map((z) => 60 * z);
const classes = g.data(
  Array.from({ length: SHAPE[0] }, (_, i) => i % SHAPE[1]),
  [SHAPE[0]],
  'int64',
);

const FUNCTIONS: [string, (x: g.Tensor) => g.Tensor][] = [
  ['crossEntropy', (x) => g.crossEntropy(x, classes, 1)],
  ['softmax', (x) => g.softmax(x, 1)],
  ['softmax over the first axis', (x) => g.softmax(x, 0)],
  ['logSumExp', (x) => g.logSumExp(x, 1)],
  ['weights', weights],
];

async function resultOf(f: (x: g.Tensor) => g.Tensor, dtype: 'float32' | 'float64', x: Float64Array) {
  const inputs = { x: g.input('x', SHAPE, dtype) };
  const y = f(inputs.x);
  const slopes = g.data(numbers(5, y.shape), y.shape, dtype);
  const [dx] = g.gradient(g.mul(y, slopes), [inputs.x]);
  const compiled = await compile({ inputs, outputs: { y, dx } });
  const results = await compiled.run({ x: dtype === 'float32' ? Float32Array.from(x) : x });
  await compiled.release();
  return results;
}

const belowFloor = (values: Iterable<number>) => [...values].filter((v) => v !== 0 && Math.abs(v) < FLOOR);

describe('scores far apart', () => {
  it.each(FUNCTIONS)('%s: a gradient without tiny numbers, and right', async (_, f) => {
    const x = scores(3).map(Math.fround);
    const [truth, got] = [await resultOf(f, 'float64', x), await resultOf(f, 'float32', x)];
    expect(belowFloor(truth.dx).length).toBeGreaterThan(50);
    expect(belowFloor(got.dx)).toEqual([]);
    expect(furthest(got.dx, truth.dx)).toBeLessThan(1e-5);
    expect(furthest(got.y, truth.y)).toBeLessThan(1e-6);
  });

  it('weights of attention have none either, a softmax that is asked for keeps all of its own', async () => {
    const x = scores(4).map(Math.fround);
    expect(belowFloor((await resultOf(weights, 'float32', x)).y)).toEqual([]);
    const { y } = await resultOf((t) => g.softmax(t, 1), 'float32', x);
    expect(belowFloor(y).length).toBeGreaterThan(50);
  });

  it.each(FUNCTIONS)('%s: what is not a number stays so', async (_, f) => {
    const x = scores(3);
    x[0] = Number.NaN;
    const { dx } = await resultOf(f, 'float32', x);
    expect(dx[0]).toBeNaN();
  });
});
