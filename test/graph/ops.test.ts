import erfc from '@stdlib/math-base-special-erfc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/engine/session.ts';
import * as g from '../../src/graph/index.ts';
import { check, numbers } from './check.ts';

type T = g.Tensor;

/** Values of tensors of constants and of float64 inputs. */
async function evaluate(outputs: Record<string, T>, inputs: Record<string, T> = {}, feeds = {}) {
  const compiled = await compile({ inputs, outputs });
  const values = await compiled.run(feeds);
  await compiled.release();
  return values;
}

const away = (gap: number) => (x: number) => (Math.abs(x) < gap ? gap : x);
const positive = (x: number) => Math.abs(x) + 0.2;
const c = (values: number[], shape = [values.length], dtype: g.Dtype = 'float64') => g.data(values, shape, dtype);

describe('gradients against central differences in float64', () => {
  it.each([
    ['sqrt', g.sqrt, positive],
    ['reciprocal', g.reciprocal, positive],
    ['abs', g.abs, away(1e-3)],
    ['sin', g.sin],
    ['cos', g.cos],
    ['pow 3', (x) => g.pow(x, g.constant(3, x)), positive],
    ['pow 2', (x) => g.pow(x, g.constant(2, x))],
    ['pow ½', (x) => g.pow(x, g.constant(0.5, x)), positive],
    ['softplus', g.softplus, away(1e-3)],
    ['softsign', g.softsign, away(1e-3)],
    ['leakyRelu', (x) => g.leakyRelu(x, 0.1), away(1e-3)],
    ['elu', (x) => g.elu(x, 1.3), away(1e-3)],
    ['hardSigmoid', (x) => g.hardSigmoid(x, 0.2, 0.5)],
    ['clip', (x) => g.clip(x, -0.5, 0.7)],
    ['select', (x) => g.select(g.greater(x, g.constant(0, x)), g.exp(x), g.square(x)), away(1e-3)],
    ['pad', (x) => g.square(g.pad(x, [1, 0], [0, 2], 0.5))],
    ['strided', (x) => g.square(g.strided(x, [0, 1], [2, 3], [1, 1]))],
    ['strided by two', (x) => g.square(g.strided(x, [1, 0], [2, 3], [1, 2]))],
    ['dilate', (x) => g.square(g.dilate(x, 1, 3))],
    ['reverse', (x) => g.mul(g.reverse(x, [1]), x)],
    ['reduceMean', (x) => g.square(g.reduceMean(x, [1]))],
    ['reduceMax', (x) => g.square(g.reduceMax(x, 1))],
    ['softmax', (x) => g.softmax(x, 1)],
    ['softmax over another axis', (x) => g.softmax(x, 0)],
    ['logSoftmax', (x) => g.logSoftmax(x, 1)],
    ['crossEntropy', (x) => g.crossEntropy(x, c([2, 0]), 1)],
    ['crossEntropy over rows', (x) => g.crossEntropy(x, c([1, 0, 0]), 0)],
    ['gather', (x) => g.square(g.gather(x, c([1, 0, 1, 1], [2, 2], 'int64'), 0))],
    ['gather along columns', (x) => g.square(g.gather(x, c([2, 0], [2], 'int64'), 1))],
    ['rmsNorm', (x) => g.rmsNorm(x, c([0.5, 2, -1]))],
    ['maximum', (x) => g.maximum(x, c([0.1, 0.2, 0.3]))],
    ['minimum', (x) => g.minimum(x, c([0.1, 0.2, 0.3]))],
    ['cast there and back', (x) => g.square(g.cast(g.cast(x, 'float64'), 'float64'))],
  ] as [string, (x: T) => T, ((x: number) => number)?][])('%s', async (_name, f, map) => {
    await check(f, [[2, 3]], 31, map);
  });

  it.each([
    ['pow with a learned exponent', (a, p) => g.pow(a, p), [[2, 3], [3]], positive],
    ['layerNorm', (x, s, b) => g.layerNorm(x, s, b), [[2, 2, 4], [4], [4]]],
    ['layerNorm without bias', (x, s) => g.layerNorm(x, s), [[3, 4], [4]]],
    ['groupNorm', (x, s, b) => g.groupNorm(x, 2, s, b), [[2, 4, 2, 2], [4], [4]]],
    [
      'frozen batchNorm',
      (x, scale, bias, mean, variance) => g.batchNorm(x, { scale, bias, mean, variance: g.square(variance) }),
      [[2, 3, 2, 2], [3], [3], [3], [3]],
    ],
    [
      'frn',
      (x, epsilon, scale, bias, threshold) => g.frn(x, { epsilon, scale, bias, threshold }),
      [[2, 3, 2, 2], [1], [3], [3], [3]],
    ],
    [
      'attention',
      (q, k, v) => g.attention(q, k, v),
      [
        [2, 3, 2],
        [2, 4, 2],
        [2, 4, 5],
      ],
    ],
    [
      'causal attention',
      (q, k, v) => g.attention(q, k, v, { causal: true }),
      [
        [2, 3, 2],
        [2, 3, 2],
        [2, 3, 2],
      ],
    ],
    [
      'matmul with a factor',
      (a, b) => g.matmul(a, b, { alpha: 0.3, transposeB: true }),
      [
        [2, 3],
        [4, 3],
      ],
    ],
    [
      'einsum bik,bjk->bij',
      (a, b) => g.einsum('bik,bjk->bij', a, b),
      [
        [2, 3, 4],
        [2, 2, 4],
      ],
    ],
    [
      'einsum bhqd,khd->qhbk',
      (a, b) => g.einsum('bhqd,khd->qhbk', a, b),
      [
        [2, 2, 3, 2],
        [2, 2, 2],
      ],
    ],
    [
      'einsum ij,jk->k',
      (a, b) => g.einsum('ij,jk->k', a, b),
      [
        [2, 3],
        [3, 2],
      ],
    ],
    ['einsum ij->ji', (a) => g.einsum('ij->ji', g.square(a)), [[2, 3]]],
    [
      'conv1d',
      (x, w) => g.conv1d(x, w, { pads: [1, 0], strides: [2], dilations: [2] }),
      [
        [2, 2, 7],
        [3, 2, 2],
      ],
    ],
  ] as [string, (...x: T[]) => T, g.Shape[], ((x: number) => number)?][])('%s', async (_name, f, shapes, map) => {
    await check(f, shapes, 57, map);
  });
});

it('causal attention over more places than a strip equals the whole product under a mask, and so do its gradients', async () => {
  const shape = [2, 300, 3];
  const inputs = Object.fromEntries(['q', 'k', 'v', 'dy'].map((name) => [name, g.input(name, shape, 'float64')]));
  const { q, k, v, dy } = inputs;
  const later = new Float64Array(300 * 300).map((_, i) => (i % 300 > Math.floor(i / 300) ? -1e30 : 0));
  const scores = g.matmul(q, k, { transposeB: true, alpha: 1 / Math.sqrt(3) });
  const whole = g.matmul(g.softmax(g.add(scores, g.data(later, [300, 300], 'float64')), 2), v);
  const outputs = Object.fromEntries(
    [g.attention(q, k, v, { causal: true }), whole].flatMap((y, i) =>
      [y, ...g.gradient(g.mul(y, dy), [q, k, v])].map((t, j) => [`${i}${j}`, t]),
    ),
  );
  const feeds = Object.fromEntries(Object.keys(inputs).map((name, i) => [name, numbers(i, shape)]));
  const got = await evaluate(outputs, inputs, feeds);
  for (const j of [0, 1, 2, 3])
    got[`1${j}`].forEach((t, i) => {
      expect(Math.abs(got[`0${j}`][i] - t)).toBeLessThan(1e-12 * (1 + Math.abs(t)));
    });
});

const geometry = fc.record({
  n: fc.integer({ min: 1, max: 2 }),
  groups: fc.integer({ min: 1, max: 2 }),
  perGroup: fc.integer({ min: 1, max: 2 }),
  filters: fc.integer({ min: 1, max: 2 }),
  size: fc.tuple(fc.integer({ min: 4, max: 6 }), fc.integer({ min: 4, max: 6 })),
  kernel: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
  strides: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 2 })),
  dilations: fc.tuple(fc.integer({ min: 1, max: 1 }), fc.integer({ min: 1, max: 2 })),
  pads: fc.tuple(...[0, 1, 2, 3].map(() => fc.integer({ min: 0, max: 2 }))),
});

/** A convolution by definition, in loops. */
function convLoops(x: Float64Array, w: Float64Array, xs: g.Shape, ws: g.Shape, ys: g.Shape, o: g.ConvOptions) {
  const [strides, dilations, pads, groups] = [o.strides!, o.dilations!, o.pads!, o.groups!];
  const y = new Float64Array(g.sizeOfShape(ys));
  for (let n = 0, at = 0; n < ys[0]; n++)
    for (let f = 0; f < ys[1]; f++)
      for (let i = 0; i < ys[2]; i++)
        for (let j = 0; j < ys[3]; j++, at++)
          for (let k = 0; k < ws[1]; k++)
            for (let p = 0; p < ws[2]; p++)
              for (let q = 0; q < ws[3]; q++) {
                const channel = Math.floor(f / (ys[1] / groups)) * ws[1] + k;
                const r = i * strides[0] + p * dilations[0] - pads[0];
                const s = j * strides[1] + q * dilations[1] - pads[1];
                if (r < 0 || s < 0 || r >= xs[2] || s >= xs[3]) continue;
                const tap = w[((f * ws[1] + k) * ws[2] + p) * ws[3] + q];
                y[at] += tap * x[((n * xs[1] + channel) * xs[2] + r) * xs[3] + s];
              }
  return y;
}

describe('convolution', () => {
  const build = ({
    n,
    groups,
    perGroup,
    filters,
    size,
    kernel,
    ...options
  }: typeof geometry extends fc.Arbitrary<infer G> ? G : never) => ({
    xs: [n, groups * perGroup, ...size],
    ws: [groups * filters, perGroup, ...kernel],
    options: { ...options, groups },
  });

  it('has the gradients of central differences, whatever its geometry', async () => {
    await fc.assert(
      fc.asyncProperty(geometry, async (drawn) => {
        const { xs, ws, options } = build(drawn);
        await check((x, w) => g.conv(x, w, options), [xs, ws], 3);
      }),
      { seed: 5, numRuns: 25 },
    );
  });

  it('equals its definition in float64 and in float32, and so do its gradients', async () => {
    await fc.assert(
      fc.asyncProperty(geometry, async (drawn) => {
        const { xs, ws, options } = build(drawn);
        const [values, taps] = [numbers(1, xs), numbers(2, ws)];
        const results: Awaited<ReturnType<typeof evaluate>>[] = [];
        for (const dtype of ['float64', 'float32'] as const) {
          const [x, w] = [g.input('x', xs, dtype), g.input('w', ws, dtype)];
          const y = g.conv(x, w, options);
          const [dx, dw] = g.gradient(g.square(y), [x, w]);
          const array = dtype === 'float32' ? Float32Array : Float64Array;
          const got = await evaluate({ y, dx, dw }, { x, w }, { x: array.from(values), w: array.from(taps) });
          const truth = convLoops(values, taps, xs, ws, y.shape, options);
          truth.forEach((t, i) => {
            expect(Math.abs(got.y[i] - t)).toBeLessThan(dtype === 'float32' ? 1e-4 : 1e-12);
          });
          results.push(got);
        }
        for (const name of ['dx', 'dw'])
          results[0][name].forEach((t, i) => {
            expect(Math.abs(results[1][name][i] - t)).toBeLessThan(1e-4 * (1 + Math.abs(t)));
          });
      }),
      { seed: 6, numRuns: 40 },
    );
  });

  it('transposed is the adjoint: ⟨conv(x, w), y⟩ = ⟨x, convTranspose(y, w)⟩', async () => {
    await check(
      (x, w) => g.convTranspose(x, w, { strides: [2, 2], pads: [1, 0, 1, 1], outputPadding: [1, 0] }),
      [
        [2, 2, 3, 2],
        [2, 3, 3, 2],
      ],
      9,
    );
  });

  it.each([
    [[2, 3, 5, 5], [4, 2, 3, 3], 'conv: expected an input [N, C, H, W] and filters [O, C/1, kh, kw]'],
    [[2, 3, 2, 2], [4, 3, 3, 3], 'conv: expected an input [N, C, H, W] and filters'],
  ])('names shapes that do not fit', (x, w, message) => {
    expect(() => g.conv(g.input('x', x), g.input('w', w))).toThrow(message);
  });
});

describe('pooling', () => {
  const windows = fc.record({
    size: fc.tuple(fc.integer({ min: 4, max: 6 }), fc.integer({ min: 4, max: 6 })),
    kernel: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    strides: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    padded: fc.boolean(),
    excludePads: fc.boolean(),
  });
  const pads = (kernel: number[], padded: boolean) =>
    kernel.concat(kernel).map((k, i) => (padded ? Math.min(k - 1, i % 2) : 0));

  it('has the gradients of central differences, overlapping or not', async () => {
    await fc.assert(
      fc.asyncProperty(windows, async ({ size, kernel, strides, padded, excludePads }) => {
        const shape = [2, 2, ...size];
        const options = { kernel, strides, pads: pads(kernel, padded) };
        await check((x) => g.maxPool(x, options), [shape], 12);
        await check((x) => g.averagePool(x, { ...options, excludePads }), [shape], 13);
      }),
      { seed: 8, numRuns: 20 },
    );
  });

  it('gives the gradient of equal numbers to the first of the window', async () => {
    const x = g.input('x', [1, 1, 2, 4], 'float64');
    const [dx] = g.gradient(g.maxPool(x, { kernel: [2, 2] }), [x]);
    const { dx: got } = await evaluate({ dx }, { x }, { x: Float64Array.of(1, 1, 0, 2, 1, 1, 2, 2) });
    expect([...got]).toEqual([1, 0, 0, 1, 0, 0, 0, 0]);
  });

  it('gives the same gradients in float32 as in float64, ties and tiles included', async () => {
    const shape = [2, 3, 6, 4];
    const values = numbers(3, shape).map((v) => Math.round(2 * v) / 2);
    for (const options of [
      { kernel: [2, 2] },
      { kernel: [3, 2] },
      { kernel: [2, 2], strides: [1, 2] },
      { kernel: [3, 3], strides: [2, 2], pads: [0, 1, 1, 1] },
      { kernel: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1] },
      { kernel: [5, 4], strides: [2, 3], pads: [2, 1, 2, 1] },
    ]) {
      for (const pool of [g.maxPool, g.averagePool]) {
        const [exact, single] = await Promise.all(
          (['float64', 'float32'] as const).map(async (dtype) => {
            const x = g.input('x', shape, dtype);
            const y = pool(x, options);
            const weights = g.data(
              Array.from({ length: g.sizeOfShape(y.shape) }, (_, i) => 1 + (i % 7)),
              y.shape,
              dtype,
            );
            const [dx] = g.gradient(g.reduceSum(g.mul(y, weights), [0, 1, 2, 3]), [x]);
            return evaluate({ dx }, { x }, { x: dtype === 'float64' ? values : Float32Array.from(values) });
          }),
        );
        for (let i = 0; i < values.length; i++) expect(single.dx[i]).toBeCloseTo(exact.dx[i], 5);
      }
    }
  });

  it('gives the gradient of a window of NaN to its first number', async () => {
    const x = g.input('x', [1, 1, 2, 4]);
    const [dx] = g.gradient(g.maxPool(x, { kernel: [2, 2] }), [x]);
    const nan = Number.NaN;
    const { dx: got } = await evaluate({ dx }, { x }, { x: Float32Array.of(nan, nan, 0, 2, nan, nan, 1, 1) });
    expect([...got]).toEqual([1, 0, 0, 1, 0, 0, 0, 0]);
  });

  it('keeps the gradients of padded windows of NaN within the input', async () => {
    const shape = [3, 2, 4, 4];
    const x = g.input('x', shape);
    const y = g.maxPool(x, { kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
    const [dx] = g.gradient(y, [x]);
    const got = await evaluate({ dx }, { x }, { x: new Float32Array(96).fill(Number.NaN) });
    expect(Array.from(got.dx).reduce((sum, v) => sum + v, 0)).toBe(g.sizeOfShape(y.shape));
  });

  it('comes before a function that never falls, with the same gradients, ties and borders included', async () => {
    const shape = [2, 3, 5, 6];
    const x = g.input('x', shape);
    const zero = g.input('zero', []);
    const parts = { epsilon: [1e-6], scale: [1, -1, 2], bias: [0.1, 0, -0.1], threshold: [0, 0.5, -3] };
    const learned = Object.fromEntries(Object.entries(parts).map(([name, v]) => [name, g.input(name, [v.length])]));
    const values = Float32Array.from(numbers(4, shape), (v) => Math.round(v) || -1);
    const feeds = Object.fromEntries(Object.entries(parts).map(([name, v]) => [name, Float32Array.from(v)]));
    for (const f of [g.relu, (t: T) => g.frn(t, learned as unknown as g.FrnParameters)]) {
      const options = { kernel: [3, 2], strides: [2, 2], pads: [1, 0, 0, 0] };
      const [early, late] = [g.maxPool(f(x), options), g.maxPool(g.add(f(x), zero), options)];
      expect(early.node.op.name).not.toBe('maxPool');
      expect(late.node.op.name).toBe('maxPool');
      const weights = g.data(numbers(9, early.shape), early.shape, 'float32');
      const wanted = [x, ...Object.values(learned)];
      const outputs = Object.fromEntries(
        [early, late].flatMap((y, i) =>
          [y, ...g.gradient(g.mul(y, weights), wanted)].flatMap((t, j) => (t ? [[`${i} ${j}`, t]] : [])),
        ),
      );
      const got = await evaluate(outputs, { x, zero, ...learned }, { x: values, zero: Float32Array.of(0), ...feeds });
      for (const j of wanted.keys())
        got[`1 ${j}`].forEach((v, i) => {
          expect(got[`0 ${j}`][i]).toBeCloseTo(v, 5);
        });
    }
  });

  it('averages what lies inside when padding is excluded', async () => {
    const x = g.input('x', [1, 1, 3, 3]);
    const y = g.averagePool(x, { kernel: [2, 2], strides: [1, 1], pads: [1, 1, 0, 0], excludePads: true });
    const { y: got } = await evaluate({ y }, { x }, { x: new Float32Array(9).fill(3) });
    expect([...got]).toEqual(new Array(9).fill(3));
  });
});

describe('values against closed forms, float32', () => {
  const xs = [-3, -1.5, -0.3, 0.2, 0.9, 2.5];
  const phi = (x: number) => 0.5 * erfc(-x / Math.SQRT2);
  const density = (x: number) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  const tanhGelu = (x: number) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
  it.each([
    ['erf', g.erf, (x: number) => 1 - erfc(x), (x: number) => (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x)],
    ['geluExact', g.geluExact, (x: number) => x * phi(x), (x: number) => phi(x) + x * density(x)],
    ['gelu', g.gelu, tanhGelu, (x: number) => (tanhGelu(x + 1e-5) - tanhGelu(x - 1e-5)) / 2e-5],
  ] as [string, (x: T) => T, (x: number) => number, (x: number) => number][])(
    '%s and its slope',
    async (_name, f, value, slope) => {
      const x = g.input('x', [xs.length]);
      const y = f(x);
      const [dy] = g.gradient(y, [x]);
      const got = await evaluate({ y, dy }, { x }, { x: Float32Array.from(xs) });
      xs.forEach((at, i) => {
        expect(got.y[i]).toBeCloseTo(value(at), 5);
        expect(got.dy[i]).toBeCloseTo(slope(at), 5);
      });
    },
  );

  it('constants fold to the values that the engine computes', async () => {
    const functions = {
      exp: g.exp,
      sqrt: g.sqrt,
      tanh: g.tanh,
      sigmoid: g.sigmoid,
      relu: g.relu,
      erf: g.erf,
      sin: g.sin,
    };
    const x = g.input('x', [1]);
    for (const [name, f] of Object.entries(functions)) {
      const folded = g.constantValue(f(g.filled(0.7, [1], 'float32')))!;
      const { y } = await evaluate({ y: f(x) }, { x }, { x: Float32Array.of(0.7) });
      expect(y[0], name).toBeCloseTo(folded, 5);
    }
  });
});

describe('runtimes', () => {
  it('the portable graph has only operators of the standard and gives the same numbers', async () => {
    const x = g.input('x', [2, 3, 6, 6]);
    const w = g.input('w', [4, 3, 3, 3]);
    const y = g.gelu(g.conv(x, w, { pads: [1, 1, 1, 1] }));
    const rows = g.reshape(y, [2, 144]);
    const z = g.matmul(rows, rows, { transposeB: true, alpha: 0.5 });
    const [dx, dw] = g.gradient(z, [x, w]);
    const outputs = { z, dx, dw };
    const feeds = { x: Float32Array.from(numbers(1, x.shape)), w: Float32Array.from(numbers(2, w.shape)) };
    const model = g.buildOnnx({ x, w }, outputs, { runtime: 'portable' });
    expect(model.graph.node.every(({ domain }) => !domain)).toBe(true);
    const results: Awaited<ReturnType<typeof evaluate>>[] = [];
    for (const portable of [false, true]) {
      const compiled = await compile({ inputs: { x, w }, outputs }, { portable });
      results.push(await compiled.run(feeds));
    }
    for (const name of Object.keys(outputs))
      results[0][name].forEach((v, i) => {
        expect(Math.abs(v - results[1][name][i])).toBeLessThan(1e-3 * (1 + Math.abs(v)));
      });
  });

  it('embedding gradients add up repeated indices, with two threads as with one', async () => {
    const table = g.input('table', [5, 3]);
    const indices = Array.from({ length: 4000 }, (_, i) => (i * i) % 5);
    const [slope] = g.gradient(g.gather(table, g.data(indices, [4000], 'int64')), [table]);
    const feeds = { table: new Float32Array(15) };
    for (const threads of [1, 2]) {
      const compiled = await compile({ inputs: { table }, outputs: { slope } }, { threads });
      for (let round = 0; round < 10; round++) {
        const got = await compiled.run(feeds);
        expect([...got.slope]).toEqual(
          [0, 1, 2, 3, 4].flatMap((k) => Array(3).fill(indices.filter((i) => i === k).length)),
        );
      }
    }
  });
});
