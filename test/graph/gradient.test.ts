import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/engine/session.ts';
import * as g from '../../src/graph/index.ts';
import { check, numbers } from './check.ts';

const { add, div, exp, gelu, log, matmul, mul, neg, relu, sigmoid, silu, square, sub, tanh } = g;
type T = g.Tensor;

const broadcasting: [string, (a: T, b: T) => T][] = [
  ['add', add],
  ['sub', sub],
  ['mul', mul],
  ['div', (a, b) => div(a, add(square(b), g.constant(0.5, b)))],
];
const shapePairs: [number[], number[]][] = [
  [
    [2, 3],
    [2, 3],
  ],
  [
    [2, 3, 4],
    [3, 1],
  ],
  [
    [2, 1, 4],
    [3, 4],
  ],
  [[2, 3], []],
];

describe('gradients against central differences in float64', () => {
  it.each(broadcasting)('%s broadcasts', async (_name, f) => {
    for (const [i, pair] of shapePairs.entries()) await check(f, pair, 10 * i);
  });

  it.each([
    ['neg', neg],
    ['exp', exp],
    ['log', log, (x: number) => Math.abs(x) + 0.1],
    ['tanh', tanh],
    ['sigmoid', sigmoid],
    ['relu', relu, (x: number) => (Math.abs(x) < 1e-3 ? 0.5 : x)],
    ['gelu', gelu],
    ['silu', silu],
    ['square', square],
    ['reshape', (x: T) => square(g.reshape(x, [3, 2]))],
    ['transpose', (x: T) => square(g.transpose(x, [1, 0]))],
    ['slice', (x: T) => square(g.slice(x, 1, 1, 2))],
    ['split, one piece used', (x: T) => square(g.split(x, 1, [1, 2])[1])],
    ['concat', (x: T) => square(g.concat([x, exp(x)], 0))],
    ['expand', (x: T) => square(g.expand(g.reshape(x, [2, 1, 3]), [2, 4, 3]))],
    ['reduceSum', (x: T) => square(g.reduceSum(x, [0]))],
    ['reduceSum kept', (x: T) => mul(x, g.reduceSum(x, [1], true))],
    ['logSumExp', (x: T) => square(g.logSumExp(x, 1))],
    ['constants', (x: T) => mul(mul(g.filled(2, [2, 3], 'float64'), g.constant(3, x)), add(x, g.constant(0, x)))],
  ] as [string, (x: T) => T, ((x: number) => number)?][])('%s', async (_name, f, map) => {
    await check(f, [[2, 3]], 77, map);
  });

  it('matmul in all transpositions, with broadcast batches', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          m: fc.integer({ min: 1, max: 3 }),
          k: fc.integer({ min: 1, max: 3 }),
          n: fc.integer({ min: 1, max: 3 }),
        }),
        fc.boolean(),
        fc.boolean(),
        fc.constantFrom([[2], [2]], [[2], [1]], [[], [2]]),
        async ({ m, k, n }, transposeA, transposeB, [batchA, batchB]) => {
          const a = [...batchA, ...(transposeA ? [k, m] : [m, k])];
          const b = [...batchB, ...(transposeB ? [n, k] : [k, n])];
          await check((x, y) => matmul(x, y, { transposeA, transposeB }), [a, b], m + 10 * k + 100 * n);
        },
      ),
      { seed: 3, numRuns: 24 },
    );
  });

  it('is zero where the output does not depend, and counts every path once', async () => {
    await check((x, _unused) => mul(exp(x), add(x, square(x))), [[3], [2]], 5);
  });
});

describe('forward values in float32', () => {
  it('matmul agrees with plain loops, fused and portable', async () => {
    const a = g.input('a', [2, 4, 3]);
    const b = g.input('b', [2, 5, 4]);
    const y = matmul(a, b, { transposeA: true, transposeB: true });
    const feeds = { a: Float32Array.from(numbers(1, a.shape)), b: Float32Array.from(numbers(2, b.shape)) };
    for (const portable of [false, true]) {
      const { out } = await (await compile({ inputs: { a, b }, outputs: { out: y } }, { portable })).run(feeds);
      for (let c = 0; c < 2; c++)
        for (let i = 0; i < 3; i++)
          for (let j = 0; j < 5; j++) {
            let sum = 0;
            for (let k = 0; k < 4; k++) sum += feeds.a[c * 12 + k * 3 + i] * feeds.b[c * 20 + j * 4 + k];
            expect(out[c * 15 + i * 5 + j]).toBeCloseTo(sum, 5);
          }
    }
  });

  it('log-sum-exp is stable at ±1000', async () => {
    const x = g.input('x', [2, 2]);
    const compiled = await compile({ inputs: { x }, outputs: { y: g.logSumExp(x, 1) } });
    const { y } = await compiled.run({ x: Float32Array.of(1000, 1000, -1000, -1001) });
    expect(y[0]).toBeCloseTo(1000 + Math.LN2, 3);
    expect(y[1]).toBeCloseTo(-1000 + Math.log1p(Math.exp(-1)), 3);
  });

  it('the slope of relu is 0 at and below 0 and 1 above, down to 1e-30', async () => {
    const x = g.input('x', [6]);
    const [slope] = g.gradient(relu(x), [x]);
    const compiled = await compile({ inputs: { x }, outputs: { slope } });
    const { slope: got } = await compiled.run({ x: Float32Array.of(-3, -1e-30, 0, 1.1e-30, 1e-10, 1e30) });
    expect([...got]).toEqual([0, 0, 0, 1, 1, 1]);
  });
});

describe('the emitted model', () => {
  const types = (outputs: Record<string, T>, inputs: Record<string, T>) =>
    g.buildOnnx(inputs, outputs).graph.node.map(({ opType }) => opType);

  it('shares equal nodes, drops unused ones, folds factors of one', () => {
    const x = g.input('x', [2, 3]);
    exp(x);
    const y = add(mul(tanh(x), g.constant(1, x)), tanh(x));
    expect(types({ y }, { x })).toEqual(['Tanh', 'Add', 'Identity']);
  });

  it('writes the gradient of many pieces of one vector as one concatenation', () => {
    const theta = g.input('theta', [2, 9]);
    const [a, b, c] = g.split(theta, 1, [2, 3, 4]);
    const y = g.reduceSum(
      add(g.reduceSum(exp(a), [1]), add(g.reduceSum(tanh(b), [1]), g.reduceSum(square(c), [1]))),
      [0],
    );
    const [slope] = g.gradient(y, [theta]);
    const written = types({ slope }, { theta });
    expect(written.filter((type) => type === 'Concat').length).toBe(1);
    expect(written.filter((type) => type === 'Split').length).toBe(1);
  });

  it('survives write, read, write with the same bytes', () => {
    const x = g.input('x', [2, 3]);
    const bytes = g.writeOnnx({ x }, { y: g.logSumExp(matmul(x, x, { transposeB: true }), 1) });
    const model = g.decodeModel(bytes);
    expect(model.graph.input[0].type.tensorType?.shape?.dim.map(({ dimValue }) => dimValue)).toEqual([2, 3]);
    expect(Buffer.from(g.encodeModel(model)).equals(Buffer.from(bytes))).toBe(true);
  });
});

describe('errors', () => {
  const x = g.input('x', [2, 3]);
  it.each([
    [() => matmul(x, x), 'matmul: expected matrices with equal inner lengths, got [2, 3] and [2, 3].'],
    [() => matmul(x, g.input('v', [3])), 'matmul: expected matrices'],
    [() => add(x, g.input('v', [2])), 'add: expected shapes that broadcast, got [2, 3] and [2].'],
    [() => add(x, g.input('v', [3], 'float64')), 'add: expected inputs of one type, got float32 and float64.'],
    [() => g.reshape(x, [4]), 'reshape: expected 6 elements, got [4].'],
    [() => g.split(x, 1, [1, 1]), 'split: expected sizes that sum to 3, got [1, 1]'],
    [() => g.reduceSum(x, [2]), 'reduceSum: expected an axis of [2, 3], got 2.'],
    [() => g.slice(x, 1, 2, 5), 'slice: expected 0 ≤ start < end ≤ 3, got 2 and 5.'],
    [() => g.transpose(x, [0, 0]), 'transpose: expected a permutation'],
    [() => g.concat([x, g.input('v', [2, 4])], 0), 'concat: expected shapes equal but for axis 0'],
  ])('%#', (build, message) => {
    expect(build).toThrow(message);
  });

  it('names a missing, wrong or badly typed feed', async () => {
    const compiled = await compile({ inputs: { x }, outputs: { y: exp(x) } });
    await expect(compiled.run({})).rejects.toThrow(
      "run: expected the input 'x', float32 of 6 elements ([2, 3]), got none.",
    );
    await expect(compiled.run({ x: new Float32Array(5) })).rejects.toThrow('got float32 of 5');
    await expect(compiled.run({ x: new Float64Array(6) })).rejects.toThrow('got float64 of 6');
  });
});
