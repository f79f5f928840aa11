/** Priors: each law against differences and quadrature, in TypeScript and in graphs; sampled from; fans of every layer. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/engine/session.ts';
import * as g from '../../src/graph/index.ts';
import { essMean, mcseMean } from '../../src/infer/diagnostics.ts';
import { normals } from '../../src/math/random.ts';
import { sumOfSquares } from '../../src/math/sums.ts';
import { fold, rootKey } from '../../src/math/threefry.ts';
import { fans } from '../../src/models/fans.ts';
import { gpt } from '../../src/models/gpt.ts';
import { convolution, dense, filterResponse, normalisation } from '../../src/models/layers.ts';
import { lenet } from '../../src/models/lenet.ts';
import { likelihood } from '../../src/models/likelihood.ts';
import { mlp } from '../../src/models/mlp.ts';
import { dimensionOf, type Parameter, sizeOf, unflatten } from '../../src/models/model.ts';
import { readOnnx } from '../../src/models/onnx/read.ts';
import {
  bayesianNetwork,
  initial,
  networkLogDensity,
  posteriorGraph,
  separateGraph,
  separateLogDensity,
} from '../../src/models/posterior.ts';
import { isotropic } from '../../src/models/prior.ts';
import { PRIOR_NAMES, type PriorChoice, prior } from '../../src/models/prior-families.ts';
import { resnet, resnet7 } from '../../src/models/resnet.ts';
import { vit } from '../../src/models/vit.ts';
import { stepAsync } from '../../src/samplers/drive.ts';
import { hmc } from '../../src/samplers/hmc.ts';

const random = (seed: number, n: number, scale = 1) => {
  const values = new Float64Array(n);
  normals([seed, 13], values);
  return values.map((z) => scale * z);
};

const FAMILIES: readonly PriorChoice[] = [
  { name: 'standard-normal' },
  { name: 'normal', location: 0.4, scale: 0.7 },
  { name: 'shifted-normal', scale: 0.8 },
  { name: 'laplace', location: -0.3, scale: 0.6 },
  { name: 'glorot' },
  { name: 'he' },
  { name: 'glorot-laplace' },
  { name: 'glorot-uniform' },
  { name: 'trunc-normal', core: 0.8, scale: 1.5 },
  { name: 'bimixture-normal' },
  { name: 'bimixture-normal', weight: 0.3, locations: [0.5, -1], scales: [0.2, 2] },
  { name: 'eps-standard-normal', epsilon: 0.3, seed: 4 },
];

/** One of every kind: kernels of both layouts, biases, scales, an embedding, log σ. */
const PARAMETERS: readonly Parameter[] = [
  ...mlp({ inputs: 3, hidden: [4], outputs: 2, activation: 'relu' }).parameters,
  ...convolution('conv', 2, 3, { kernel: 3 }).parameters,
  ...filterResponse('frn', 3).parameters,
  ...dense('dense', 5, 2).parameters,
  ...normalisation('norm', 2).parameters,
  { name: 'symbol', shape: [4, 3], start: { deviation: 1 } },
  ...likelihood('gaussian', 1).parameters,
];
const DIM = dimensionOf(PARAMETERS);
const named = (name: string) => PARAMETERS.find((parameter) => parameter.name === name)!;

it('tests every family', () => {
  expect(new Set(FAMILIES.map(({ name }) => name))).toEqual(new Set(PRIOR_NAMES));
});

describe.each(FAMILIES)('$name', (choice) => {
  const law = prior(PARAMETERS, choice);
  const slopeOf = (theta: Float64Array, at = 0) => {
    const grad = new Float64Array(theta.length);
    law.addSlope(theta, at, grad);
    return grad;
  };
  /** Where the mass is, and for the graphs also in the middle and far outside. */
  const usual = random(1, DIM, 0.9);
  const wide = [usual, random(2, DIM, 40), new Float64Array(DIM)].flatMap((part) => [...part]);

  it('has the slope of central differences', () => {
    const slope = slopeOf(usual);
    const h = 1e-5;
    for (let i = 0; i < DIM; i++) {
      const at = (step: number) => law.logDensity(usual.with(i, usual[i] + step), 0);
      const difference = (at(h) - at(-h)) / (2 * h);
      expect(Math.abs(slope[i] - difference)).toBeLessThan(1e-6 * (1 + Math.abs(difference)));
    }
  });

  it('reads one chain of a block, and adds to what is there', () => {
    const [block, grad] = [Float64Array.from(wide), random(3, 3 * DIM)];
    const before = grad.slice();
    law.addSlope(block, DIM, grad);
    const own = slopeOf(block.slice(DIM, 2 * DIM));
    const inside = (i: number) => i >= DIM && i < 2 * DIM;
    expect(grad).toEqual(before.map((v, i) => (inside(i) ? v + own[i - DIM] : v)));
    expect(law.logDensity(block, DIM)).toBe(law.logDensity(block.slice(DIM, 2 * DIM), 0));
  });

  it.each(['float64', 'float32'] as const)(
    'has the same slope in a graph of %s, flat and by parameter',
    async (dtype) => {
      const theta = g.input('theta', [3, DIM], dtype);
      const parts = unflatten(theta, PARAMETERS);
      const each = PARAMETERS.map((parameter) => {
        const slope = law.slope(parameter, parts[parameter.name]);
        expect([slope.shape, slope.dtype]).toEqual([[3, ...parameter.shape], dtype]);
        return g.reshape(slope, [3, sizeOf(parameter.shape)]);
      });
      const outputs = { flat: law.flatSlope(theta), joined: g.concat(each, 1) };
      const graph = await compile({ inputs: { theta }, outputs });
      const values = dtype === 'float32' ? Float32Array.from(wide) : Float64Array.from(wide);
      const { flat, joined } = await graph.run({ theta: values });
      await graph.release();
      expect(joined).toEqual(flat);
      const exact = new Float64Array(3 * DIM);
      for (const at of [0, DIM, 2 * DIM]) law.addSlope(Float64Array.from(values), at, exact);
      const tolerance = dtype === 'float32' ? 1e-4 : 1e-12;
      exact.forEach((v, i) => {
        expect(Math.abs(flat[i] - v)).toBeLessThan(tolerance * (1 + Math.abs(v)));
      });
    },
  );
});

/** Mass, mean and variance of a density over ±60, by the trapezoidal rule with the laws' kinks on its points. */
function momentsOf(density: (x: number) => number) {
  const h = 1 / 4000;
  let [mass, first, second] = [0, 0, 0];
  for (let i = -60 / h; i <= 60 / h; i++) {
    const x = i * h;
    const p = density(x);
    mass += p * h;
    first += x * p * h;
    second += x * x * p * h;
  }
  return { mass, mean: first, variance: second - first * first };
}

describe('the density of one number, by quadrature', () => {
  const kernel = named('conv.weight'); // 3 filters of 3×3 over 2 channels: fan in 18, fan out 27
  const parameters = { kernel, bias: named('conv.bias'), scale: named('norm.scale') };
  const flat = 0.5 * Math.exp(-0.125); // half-width of the core times its height
  // ∫ x² of one half of N(0, 1) beyond ½ is ½φ(½) + Φ(−½), and Φ(−½) = 0.3085375387259869.
  const root = Math.sqrt(2 * Math.PI);
  const truncated = (flat / 12 + flat + root * 0.3085375387259869) / (flat + root * 0.3085375387259869);
  it.each<[keyof typeof parameters, PriorChoice, number, number]>([
    ['kernel', { name: 'standard-normal' }, 0, 1],
    ['kernel', { name: 'normal', location: 2, scale: 3 }, 2, 9],
    ['kernel', { name: 'shifted-normal' }, 0, 1],
    ['bias', { name: 'shifted-normal' }, -1, 1],
    ['scale', { name: 'shifted-normal', scale: 2 }, 0, 4],
    ['kernel', { name: 'laplace', location: -1, scale: 2 }, -1, 8],
    ['kernel', { name: 'glorot' }, 0, 2 / 45],
    ['bias', { name: 'glorot' }, 0, 1],
    ['kernel', { name: 'he' }, 0, 2 / 18],
    ['scale', { name: 'he' }, 0, 1],
    ['kernel', { name: 'glorot-laplace' }, 0, 2 / 45],
    ['bias', { name: 'glorot-laplace' }, 0, 1],
    ['kernel', { name: 'glorot-uniform' }, 0, (2 / 45) * (1 + 0.01 * Math.PI ** 2)],
    ['kernel', { name: 'glorot-uniform', softness: 0.02 }, 0, (2 / 45) * (1 + 0.0004 * Math.PI ** 2)],
    ['bias', { name: 'glorot-uniform' }, 0, 1 + 0.01 * Math.PI ** 2],
    ['kernel', { name: 'trunc-normal' }, 0, truncated],
    ['kernel', { name: 'trunc-normal', core: 0, scale: 2 }, 0, 4],
    ['kernel', { name: 'bimixture-normal' }, 0, 0.25 + 0.0625],
    [
      'kernel',
      { name: 'bimixture-normal', weight: 0.25, locations: [1, -1], scales: [0.5, 2] },
      -0.5,
      0.25 * 0.25 + 0.75 * 4 + 0.75,
    ],
  ])('%s, %o: mass 1, mean, variance', (what, choice, mean, variance) => {
    const law = prior([parameters[what]], choice);
    const size = law.dim;
    const at = new Float64Array(size);
    // All elements have one law: the density of each is the size-th root of the joint one where they are equal.
    const density = (x: number) => Math.exp((law.logDensity(at.fill(x), 0) + law.constant) / size);
    const found = momentsOf(density);
    expect(found.mass).toBeCloseTo(1, 6);
    expect(found.mean).toBeCloseTo(mean, 6);
    expect(found.variance / variance).toBeCloseTo(1, 6);
    expect(law.deviation ** 2 / variance).toBeCloseTo(1, 12);
  });

  it('a box is flat inside and a core is flat', () => {
    const slope = (choice: PriorChoice, x: number) => {
      const grad = new Float64Array(sizeOf(kernel.shape));
      prior([kernel], choice).addSlope(
        grad.map(() => x),
        0,
        grad,
      );
      return grad[0];
    };
    const edge = Math.sqrt(6 / 45);
    expect(Math.abs(slope({ name: 'glorot-uniform', softness: 0.02 }, 0.7 * edge))).toBeLessThan(1e-3);
    expect(slope({ name: 'glorot-uniform', softness: 0.02 }, 2 * edge)).toBeCloseTo(-1 / (0.02 * edge), 9);
    expect(slope({ name: 'trunc-normal' }, 0.49)).toBe(0);
    expect(slope({ name: 'trunc-normal' }, 0.51)).toBe(-0.51);
  });

  it('offsets have their size, are independent, and come from the seed', () => {
    const many: Parameter = { name: 'w', shape: [400, 50], start: { constant: 0 } };
    const law = prior([many], { name: 'eps-standard-normal', epsilon: 0.2, seed: 3 });
    // Of N(m, s²), the slopes at 0 and 1 are m/s² and (m − 1)/s².
    const slopeAt = (seed: number, x: number) => {
      const grad = new Float64Array(law.dim);
      prior([many], { name: 'eps-standard-normal', epsilon: 0.2, seed }).addSlope(
        grad.map(() => x),
        0,
        grad,
      );
      return grad;
    };
    const [zero, one] = [slopeAt(3, 0), slopeAt(3, 1)];
    const precision = zero.map((v, i) => v - one[i]);
    const squares = (values: Float64Array) => values.reduce((sum, v) => sum + v * v, 0) / law.dim;
    const means = zero.map((v, i) => v / precision[i]);
    const logDeviations = precision.map((v) => -0.5 * Math.log(v));
    // Mean squares and products of 20,000 normals of deviation 0.2: standard errors of 1 % and 0.7 %.
    expect(Math.abs(squares(means) / 0.04 - 1)).toBeLessThan(0.05);
    expect(Math.abs(squares(logDeviations) / 0.04 - 1)).toBeLessThan(0.05);
    const product = means.reduce((sum, v, i) => sum + v * logDeviations[i], 0) / law.dim;
    expect(Math.abs(product / 0.04)).toBeLessThan(0.04);
    expect(law.deviation ** 2).toBeCloseTo(precision.reduce((sum, v) => sum + 1 / v, 0) / law.dim, 12);
    const logs = precision.reduce((sum, v) => sum + 0.5 * Math.log(v / (2 * Math.PI)), 0);
    expect(law.constant).toBeCloseTo(logs, 8);
    expect(slopeAt(3, 0)).toEqual(zero);
    expect(slopeAt(4, 0)).not.toEqual(zero);
  });

  it.each<[PriorChoice, string]>([
    [{ name: 'normal', scale: 0 }, 'normal.scale: expected a positive number, got 0'],
    [{ name: 'laplace', scale: -1 }, 'laplace.scale: expected a positive number, got -1'],
    [{ name: 'glorot-uniform', softness: 0 }, 'softBox.softness: expected a positive number, got 0'],
    [{ name: 'trunc-normal', core: -1 }, 'flatNormal.core: expected a number not below 0, got -1'],
    [{ name: 'bimixture-normal', weight: 1 }, 'mixture.weight: expected a number between 0 and 1, got 1'],
    [{ name: 'bimixture-normal', scales: [1, 0] }, 'mixture.scales: expected a positive number, got 0'],
    [
      { name: 'eps-standard-normal', epsilon: Number.NaN },
      'offsetNormal.epsilon: expected a number not below 0, got NaN',
    ],
  ])('refuses %o', (choice, message) => {
    expect(() => prior(PARAMETERS, choice)).toThrow(message);
  });
});

describe('fans', () => {
  it.each([
    ['weight1', 3, 4],
    ['weight2', 4, 2],
    ['conv.weight', 18, 27],
    ['dense.weight', 5, 2],
  ])('of %s: %d in, %d out', (name, fanIn, fanOut) => {
    expect(fans(named(name))).toEqual({ fanIn, fanOut });
  });

  it('nothing else has any', () => {
    const kernels = PARAMETERS.filter((parameter) => fans(parameter)).map(({ name }) => name);
    expect(kernels).toEqual(['weight1', 'weight2', 'conv.weight', 'dense.weight']);
    const biases = PARAMETERS.filter(({ role }) => role === 'bias').map(({ name }) => name);
    expect(biases).toEqual(['bias1', 'bias2', 'conv.bias', 'frn.bias', 'dense.bias', 'norm.bias']);
  });

  it.each([
    lenet({ input: [1, 28, 28], classes: 10 }),
    resnet7({ input: [3, 32, 32], classes: 10 }),
    resnet({ input: [3, 32, 32], classes: 10 }),
    vit({ input: [3, 160, 160], classes: 10 }),
    gpt({ vocabulary: 65, length: 256 }),
  ])('$name: what starts by its fan in has that fan in, and nothing else is a kernel', ({ parameters }) => {
    for (const parameter of parameters) {
      const started = 'fanIn' in parameter.start ? parameter.start.fanIn : undefined;
      expect([parameter.name, fans(parameter)?.fanIn]).toEqual([parameter.name, started]);
      expect([parameter.name, parameter.role === 'bias']).toEqual([parameter.name, parameter.name.endsWith('bias')]);
    }
  });

  const folder = join(import.meta.dirname, '../fixtures/onnx');
  const beside = (file: string) => readFileSync(join(folder, file));
  it.each(['mlp.onnx', 'mlp-dynamo.onnx', 'cnn.onnx', 'cnn-dynamo.onnx'])('%s: as PyTorch stores them', (file) => {
    const { tensors } = readOnnx(beside(file), file, beside);
    for (const { name, shape, role } of tensors) {
      expect([name, role]).toEqual([name, shape.length === 1 ? 'bias' : 'outIn']);
    }
  });

  it('of ONNX products from either side, turned, stacked, and of transposed convolutions', () => {
    const x = g.input('x', [2, 3, 4]);
    const weight = (k: number, ...shape: number[]) => g.data(new Float32Array(sizeOf(shape)).fill(k), shape, 'float32');
    const right = g.matmul(x, weight(1, 4, 5)); // [2, 3, 5]
    const turned = g.matmul(right, g.transpose(weight(2, 6, 5), [1, 0])); // [2, 3, 6]
    const left = g.matmul(weight(3, 7, 3), turned); // [2, 7, 6]
    const stacked = g.matmul(left, weight(4, 1, 6, 2)); // [2, 7, 2]
    const image = g.convTranspose(g.reshape(stacked, [2, 7, 1, 2]), weight(5, 7, 2, 1, 3), {}); // [2, 2, 1, 4]
    const y = g.mul(g.reshape(image, [2, 8]), weight(6, 8));
    const { tensors } = readOnnx(g.writeOnnx({ x }, { y }, { runtime: 'portable' }), 'net.onnx', beside);
    const found = tensors.map((tensor) => [tensor.values[0], tensor.role, fans(tensor)]);
    expect(found.sort(([a], [b]) => Number(a) - Number(b))).toEqual([
      [1, 'inOut', { fanIn: 4, fanOut: 5 }],
      [2, 'outIn', { fanIn: 5, fanOut: 6 }],
      [3, 'outIn', { fanIn: 3, fanOut: 7 }],
      [4, 'other', undefined],
      [5, 'inOut', { fanIn: 21, fanOut: 6 }],
      [6, 'other', undefined],
    ]);
  });
});

describe('the isotropic normal prior', () => {
  const network = bayesianNetwork(
    mlp({ inputs: 3, hidden: [5], outputs: 1, activation: 'tanh' }),
    likelihood('gaussian', 1),
    3,
  );

  it('is two nodes of the posterior’s graph, the same bytes however it is given', () => {
    const theta = g.input('theta', [2, network.dim]);
    const plain = g.mul(theta, g.constant(-1 / 0.7 ** 2, theta));
    expect(g.writeOnnx({ theta }, { slope: isotropic(network.dim, 0.7).flatSlope(theta) })).toEqual(
      g.writeOnnx({ theta }, { slope: plain }),
    );
    const bytes = (scaling: Parameters<typeof posteriorGraph>[3]) => {
      const { inputs, outputs } = posteriorGraph(network, 2, 7, scaling);
      return g.writeOnnx(inputs, outputs);
    };
    const usual = bytes({ priorScale: 0.7, factor: 3 });
    expect(bytes({ prior: prior(network.parameters, { name: 'normal', scale: 0.7 }), factor: 3 })).toEqual(usual);
    expect(bytes({ prior: prior(network.parameters, { name: 'laplace', scale: 0.7 }), factor: 3 })).not.toEqual(usual);
  });

  it('has the bits of a sum of squares, and is nothing at all where its scale is infinite', () => {
    const theta = random(5, 2 * network.dim);
    const [at, end] = [network.dim, 2 * network.dim];
    const value = isotropic(network.dim, 0.7).logDensity(theta, at);
    expect(value).toBe(-0.5 * (1 / 0.7 ** 2) * sumOfSquares(theta, at, end));
    const none = isotropic(network.dim, Number.POSITIVE_INFINITY);
    const grad = random(6, 2 * network.dim);
    const before = grad.slice();
    none.addSlope(theta, at, grad);
    expect([Math.abs(none.logDensity(theta, at)), none.constant]).toEqual([0, Number.NEGATIVE_INFINITY]);
    expect(grad).toEqual(before);
  });

  it('refuses a prior of other parameters', () => {
    const other = { prior: prior(PARAMETERS, { name: 'he' }), factor: 1 };
    expect(() => posteriorGraph(network, 1, 4, other)).toThrow(
      `prior: expected one of ${network.dim} parameters, got one of ${DIM}`,
    );
  });
});

describe.each<PriorChoice>([{ name: 'glorot-uniform' }, { name: 'eps-standard-normal' }])(
  'a posterior with $name',
  (choice) => {
    it('is the same fed whole and parameter by parameter, in two chains', async () => {
      const [chains, rows] = [2, 3];
      const network = bayesianNetwork(lenet({ input: [1, 14, 14], classes: 3 }), likelihood('softmax', 3), 196);
      const scaling = { prior: prior(network.parameters, choice), factor: 2 };
      const theta = Float64Array.from([1, 2].flatMap((seed) => [...initial(network, [seed, 5])]));
      const x = Float32Array.from(random(7, chains * 196 * rows));
      const y = Float32Array.from({ length: chains * 3 * rows }, (_, i) =>
        Math.floor(i / rows) % 3 === i % 3 ? 1 : 0,
      );
      const results = [];
      for (const separate of [false, true]) {
        const compiled = await compile(
          separate ? separateGraph(network, rows, scaling.factor) : posteriorGraph(network, chains, rows, scaling),
        );
        const density = separate
          ? separateLogDensity(compiled, network, scaling)
          : networkLogDensity(compiled, network.dim, scaling);
        const [value, gradient] = [new Float64Array(chains), new Float64Array(theta.length)];
        await density.evaluate(theta, { x, y }, value, gradient);
        results.push({ value, gradient });
        await compiled.release();
      }
      const [whole, parts] = results;
      const largest = whole.gradient.reduce((max, v) => Math.max(max, Math.abs(v)), 0);
      whole.gradient.forEach((v, i) => {
        expect(Math.abs(parts.gradient[i] - v)).toBeLessThan(1e-5 * largest);
      });
      whole.value.forEach((v, c) => {
        expect(Math.abs(parts.value[c] - v)).toBeLessThan(1e-5 * Math.abs(v));
      });
    });
  },
);

describe('sampling where the data say nothing', () => {
  const network = bayesianNetwork(
    mlp({ inputs: 2, hidden: [], outputs: 1, activation: 'relu' }),
    likelihood('gaussian', 1),
    2,
  );
  const d = network.dim;

  // Mean and second moment of: both weights, the bias, log σ.
  it.each<[PriorChoice, readonly (readonly [number, number])[]]>([
    [{ name: 'laplace', location: 0.5, scale: 0.4 }, new Array(4).fill([0.5, 0.25 + 0.32])],
    [
      { name: 'bimixture-normal', weight: 0.3, locations: [-0.6, 0.5], scales: [0.3, 0.25] },
      new Array(4).fill([-0.18 + 0.35, 0.3 * 0.45 + 0.7 * 0.3125]),
    ],
    [
      { name: 'glorot-uniform' },
      [2 / 3, 2 / 3, 1, 1].map((square) => [0, square * (1 + 0.01 * Math.PI ** 2)] as const),
    ],
  ])('%o comes back: means and second moments within five Monte Carlo errors', async (choice, moments) => {
    const [chains, rows, burn, steps] = [16, 4, 300, 1500];
    const scaling = { prior: prior(network.parameters, choice), factor: 0 };
    const graph = await compile(posteriorGraph(network, chains, rows, scaling));
    const density = networkLogDensity(graph, d, scaling);
    const keys = Array.from({ length: chains }, (_, c) => fold(rootKey(8), c));
    const batch = {
      x: Float32Array.from(random(9, chains * 2 * rows)),
      y: Float32Array.from(random(10, chains * rows)),
    };
    const sampler = hmc({ leapfrogs: 8 });
    const state = sampler.init(random(11, chains * d, 0.5), keys);
    const draws = moments.map(() => keys.map(() => new Float64Array(steps)));
    for (let t = 0; t < burn + steps; t++) {
      if (t === burn) sampler.endWarmup(state);
      await stepAsync(sampler, state, density, batch, t);
      for (let i = 0; t >= burn && i < d; i++) {
        for (let c = 0; c < chains; c++) draws[i][c][t - burn] = state.theta[c * d + i];
      }
    }
    await graph.release();
    moments.forEach(([mean, square], i) => {
      for (const [series, exact] of [
        [draws[i], mean],
        [draws[i].map((chain) => chain.map((v) => v * v)), square],
      ] as const) {
        const all = series.flatMap((chain) => [...chain]);
        expect(essMean(series)).toBeGreaterThan(1000);
        expect(Math.abs(all.reduce((sum, v) => sum + v, 0) / all.length - exact)).toBeLessThan(5 * mcseMean(series));
      }
    });
  });
});
