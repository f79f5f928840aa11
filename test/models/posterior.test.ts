import { describe, expect, it } from 'vitest';
import { batchStream } from '../../src/data/batches.ts';
import { tableRows } from '../../src/data/table/rows.ts';
import { compile } from '../../src/engine/session.ts';
import { add, constant, mul, neg, reduceSum, square, sub } from '../../src/graph/index.ts';
import { diagnose, essMean, mcseMean } from '../../src/infer/diagnostics.ts';
import { normals } from '../../src/math/random.ts';
import { fold, rootKey } from '../../src/math/threefry.ts';
import { type Likelihood, likelihood } from '../../src/models/likelihood.ts';
import { type Activation, mlp } from '../../src/models/mlp.ts';
import { dimensionOf } from '../../src/models/model.ts';
import {
  bayesianNetwork,
  initial,
  type NetworkBatch,
  networkLogDensity,
  posteriorGraph,
  separateGraph,
  separateLogDensity,
} from '../../src/models/posterior.ts';
import { stepAsync } from '../../src/samplers/drive.ts';
import { smileSampler } from '../../src/samplers/smile.ts';
import { numbered } from './numbered.ts';

const random = (seed: number, n: number, scale = 1) => {
  const values = new Float64Array(n);
  normals([seed, 9], values);
  return values.map((z) => scale * z);
};

describe('network posterior', () => {
  it('has the paper’s parameter counts, log σ beside them', () => {
    for (const [inputs, count] of [
      [11, 753],
      [5, 657],
      [8, 705],
    ]) {
      const model = mlp({ inputs, hidden: [16, 16, 16], outputs: 1, activation: 'relu' });
      expect(dimensionOf(model.parameters)).toBe(count);
      const network = bayesianNetwork(model, likelihood('gaussian', 1), inputs);
      expect(network.dim).toBe(count + 1);
      expect(initial(network, [1, 2]).length).toBe(count + 1);
    }
  });

  it.each([
    ['gaussian', 'relu', 1],
    ['gaussian', 'tanh', 1],
    ['gaussian-per-input', 'gelu', 1],
    ['student-t', 'gelu', 1],
    ['log-normal', 'tanh', 1],
    ['softmax', 'silu', 3],
  ] as const)('%s with %s: gradient against central differences in float64', async (name, activation, classes) => {
    const chosen = likelihood(name, classes);
    const model = mlp({ inputs: 3, hidden: [5, 4], outputs: chosen.outputs, activation: activation as Activation });
    const network = bayesianNetwork(model, chosen, 3);
    const [chains, rows] = [2, 7];
    const [priorScale, factor] = [0.7, 3];
    const graph = await compile(posteriorGraph(network, chains, rows, { priorScale, factor }, 'float64'));
    const theta = random(1, chains * network.dim, 0.7);
    const x = random(2, chains * 3 * rows);
    const y =
      name === 'softmax'
        ? Float64Array.from({ length: chains * 3 * rows }, (_, i) => (Math.floor(i / rows) % 3 === i % 3 ? 1 : 0))
        : random(3, chains * rows);
    const { gradient } = await graph.run({ theta, x, y });
    const exact = gradient.slice();
    const density = networkLogDensity(graph, network.dim, { priorScale, factor });
    const value = new Float64Array(chains);
    const total = async (moved: Float64Array) => {
      await density.evaluate(moved, { x, y } as unknown as NetworkBatch, value, new Float64Array(theta.length));
      return value[0] + value[1];
    };
    const h = 1e-5;
    for (let i = 0; i < theta.length; i++) {
      const at = (step: number) => total(theta.with(i, theta[i] + step));
      const difference = ((await at(h)) - (await at(-h))) / (2 * h);
      expect(Math.abs(exact[i] - difference)).toBeLessThan(1e-6 * (1 + Math.abs(difference)));
    }
    await graph.release();
  });

  it('a large network has the same gradient, whatever its parameters are called', async () => {
    const model = numbered(mlp({ inputs: 3, hidden: [5, 4], outputs: 1, activation: 'tanh' }));
    const network = bayesianNetwork(model, likelihood('gaussian', 1), 3);
    const [rows, scaling] = [6, { priorScale: 0.7, factor: 3 }];
    const [whole, separate] = await Promise.all([
      compile(posteriorGraph(network, 1, rows, scaling)),
      compile(separateGraph(network, rows, scaling.factor)),
    ]);
    const batch = { x: Float32Array.from(random(21, 3 * rows)), y: Float32Array.from(random(22, rows)) };
    const theta = random(23, network.dim, 0.7);
    const results = [
      networkLogDensity(whole, network.dim, scaling),
      separateLogDensity(separate, network, scaling),
    ].map(async (density) => {
      const [value, gradient] = [new Float64Array(1), new Float64Array(network.dim)];
      await density.evaluate(theta, batch, value, gradient);
      return [...value, ...gradient];
    });
    const [expected, got] = await Promise.all(results);
    got.forEach((v, i) => {
      expect(Math.abs(v - expected[i])).toBeLessThan(1e-5 * (1 + Math.abs(expected[i])));
    });
  });

  it('gives a chain the same numbers to the bit in any block, and with two threads', async () => {
    for (const rows of [256, 33]) {
      const network = bayesianNetwork(
        mlp({ inputs: 5, hidden: [16, 16, 16], outputs: 1, activation: 'relu' }),
        likelihood('gaussian', 1),
        5,
      );
      const theta = random(4, 7 * network.dim, 0.5);
      const x = Float32Array.from(random(5, 7 * 5 * rows));
      const y = Float32Array.from(random(6, 7 * rows));
      const scaling = { priorScale: 1, factor: 4 };
      const block = posteriorGraph(network, 7, rows, scaling);
      const together = await (await compile(block)).run({ theta, x, y });
      const threaded = await (await compile(block, { threads: 2 })).run({ theta, x, y });
      const alone = await compile(posteriorGraph(network, 1, rows, scaling));
      expect(threaded).toEqual(together);
      for (let c = 0; c < 7; c++) {
        const part = <T extends Float32Array | Float64Array>(v: T) =>
          v.slice((c * v.length) / 7, ((c + 1) * v.length) / 7) as T;
        const own = await alone.run({ theta: part(theta), x: part(x), y: part(y) });
        expect(own.logLikelihood).toEqual(part(together.logLikelihood));
        expect(own.gradient).toEqual(part(together.gradient));
      }
    }
  });
});

describe('Bayesian linear regression', () => {
  // y = Xw + b + N(0, σ²) with known σ and w, b ~ N(0, 1): the posterior is normal with precision 1 + ZᵀZ/σ².
  const [N, P, SIGMA] = [120, 2, 0.5];
  const x = Float32Array.from(random(11, N * P));
  const y = Float64Array.from(random(12, N, SIGMA), (e, i) => 1.5 * x[i * P] - 0.7 * x[i * P + 1] + 0.3 + e);
  const known: Likelihood = {
    ...likelihood('gaussian', 1),
    parameters: [],
    logLikelihood: (mean, _own, target) =>
      reduceSum(neg(add(mul(square(sub(target, mean)), constant(0.5 / SIGMA ** 2, mean)), constant(0, mean))), [1]),
  };
  const network = bayesianNetwork(mlp({ inputs: P, hidden: [], outputs: 1, activation: 'relu' }), known, P);
  const source = tableRows({ x, y, inputs: P, targets: 1 });
  const precision: number[][] = [0, 1, 2].map((i) => [0, 1, 2].map((j) => (i === j ? 1 : 0)));
  const pull = [0, 0, 0];
  for (let n = 0; n < N; n++) {
    const z = [x[n * P], x[n * P + 1], 1];
    for (let i = 0; i < 3; i++) {
      pull[i] += (z[i] * y[n]) / SIGMA ** 2;
      for (let j = 0; j < 3; j++) precision[i][j] += (z[i] * z[j]) / SIGMA ** 2;
    }
  }
  const covariance = inverse3(precision);
  const mean = covariance.map((row) => row.reduce((s, v, j) => s + v * pull[j], 0));

  it('mini-batch gradients average to the exact full gradient', async () => {
    const keys = [fold(rootKey(1), 0), fold(rootKey(1), 1)];
    const batches = batchStream(source, keys, 30);
    const graph = await compile(posteriorGraph(network, 2, 30, { priorScale: 1, factor: batches.factor }));
    const density = networkLogDensity(graph, 3, { priorScale: 1, factor: batches.factor });
    const theta = Float64Array.of(0.4, -0.2, 0.1, 1, 1, 1);
    const value = new Float64Array(2);
    const grad = new Float64Array(6);
    const sum = new Float64Array(6);
    for (let t = 0; t < 4; t++) {
      await density.evaluate(theta, batches.at(t), value, grad);
      for (let i = 0; i < 6; i++) sum[i] += grad[i] / 4;
    }
    for (let c = 0; c < 2; c++) {
      for (let i = 0; i < 3; i++) {
        const exact = pull[i] - precision[i].reduce((s, v, j) => s + v * theta[c * 3 + j], 0);
        expect(Math.abs(sum[c * 3 + i] / exact - 1)).toBeLessThan(1e-5);
      }
    }
  });

  it('the sampled posterior has the exact mean and covariance within five Monte Carlo errors', async () => {
    const chains = 20;
    const steps = 4000;
    const keys = Array.from({ length: chains }, (_, c) => fold(rootKey(5), c));
    const batches = batchStream(source, keys, N);
    const graph = await compile(posteriorGraph(network, chains, N, { priorScale: 1, factor: batches.factor }));
    const density = networkLogDensity(graph, 3, { priorScale: 1, factor: batches.factor });
    const sampler = smileSampler('smile-naive', { stepSize: 0.01, decoherence: 0.1 });
    const state = sampler.init(
      Float64Array.from({ length: chains * 3 }, (_, i) => mean[i % 3]),
      keys,
    );
    const draws = Array.from({ length: 3 }, () => keys.map(() => new Float64Array(steps)));
    for (let t = 0; t < steps; t++) {
      await stepAsync(sampler, state, density, batches.at(t), t);
      for (let i = 0; i < 3; i++) for (let c = 0; c < chains; c++) draws[i][c][t] = state.theta[c * 3 + i];
    }
    const within = (series: Float64Array<ArrayBuffer>[], exact: number) => {
      expect(essMean(series)).toBeGreaterThan(400);
      const all = series.flatMap((chain) => [...chain]);
      const estimate = all.reduce((s, v) => s + v, 0) / all.length;
      expect(Math.abs(estimate - exact)).toBeLessThan(5 * mcseMean(series));
    };
    for (let i = 0; i < 3; i++) {
      expect(diagnose(draws[i]).rhat).toBeLessThan(1.02);
      within(draws[i], mean[i]);
      for (let j = 0; j <= i; j++) {
        const products = draws[i].map((chain, c) =>
          Float64Array.from(chain, (v, t) => (v - mean[i]) * (draws[j][c][t] - mean[j])),
        );
        within(products, covariance[i][j]);
      }
    }
    await graph.release();
  });
});

function inverse3(m: number[][]): number[][] {
  const cofactor = (i: number, j: number) => {
    const [a, b] = [0, 1, 2].filter((k) => k !== i);
    const [c, d] = [0, 1, 2].filter((k) => k !== j);
    return (m[a][c] * m[b][d] - m[a][d] * m[b][c]) * ((i + j) % 2 ? -1 : 1);
  };
  const determinant = [0, 1, 2].reduce((s, j) => s + m[0][j] * cofactor(0, j), 0);
  return [0, 1, 2].map((i) => [0, 1, 2].map((j) => cofactor(j, i) / determinant));
}
