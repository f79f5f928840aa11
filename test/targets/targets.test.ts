import { describe, expect, it } from 'vitest';
import { effectiveSampleSize } from '../../src/math/autocorrelation.ts';
import { normals } from '../../src/math/random.ts';
import { fold, rootKey } from '../../src/math/threefry.ts';
import { stepSync } from '../../src/samplers/drive.ts';
import { hmc } from '../../src/samplers/hmc.ts';
import { funnel } from '../../src/targets/funnel.ts';
import { icg, SPECTRUM, standardNormal } from '../../src/targets/gaussian.ts';
import { linearRegression } from '../../src/targets/linear.ts';
import { logisticRegression } from '../../src/targets/logistic.ts';
import { gaussianGrid } from '../../src/targets/mixture.ts';
import { batchForce, injectedForce, NOISE_LAWS, noisy, SUM_DEVIATION } from '../../src/targets/noise.ts';
import { normalRegression } from '../../src/targets/regression.ts';
import { rosenbrock } from '../../src/targets/rosenbrock.ts';
import { TARGET_AXES } from '../../src/targets/rotations.ts';
import { eightSchools } from '../../src/targets/schools.ts';
import { nullScore, squaredBias } from '../../src/targets/target.ts';
import type { Key, LogDensity } from '../../src/types.ts';

const random = (seed: number, n: number, scale = 1) => {
  const v = new Float64Array(n);
  normals([seed, 21], v);
  return v.map((x) => scale * x);
};
const design = Array.from({ length: 30 }, (_, i) => [1, ...random(100 + i, 2)]);
const response = random(7, 30);

const DENSITIES: [string, LogDensity<void>, number][] = [
  ['standard normal', standardNormal(7), 1],
  ['ICG', icg(), 1],
  ['Rosenbrock', rosenbrock(), 1],
  ['funnel', funnel(), 1],
  ['5 × 5 Gaussians', gaussianGrid(), 0.3],
  ['regression, flat', normalRegression(design, [...response], { beta: Infinity, sigma: { law: 'flat' } }), 1],
  [
    'regression, Cauchy',
    normalRegression(design, [...response], { beta: 0.5, sigma: { law: 'cauchy', scale: 0.4 } }),
    1,
  ],
  ['regression, normal', normalRegression(design, [...response], { beta: 2, sigma: { law: 'normal', scale: 0.4 } }), 1],
  ['eight schools', eightSchools([28, 8, -3, 7], [15, 10, 16, 11]), 1],
  [
    'logistic regression',
    logisticRegression(
      random(5, 60),
      Float64Array.from({ length: 20 }, (_, i) => i % 2),
    ),
    1,
  ],
];

it.each(DENSITIES)('%s: gradient against central differences, and two chains are two', (_name, density, scale) => {
  const d = density.dim;
  const theta = random(d, 2 * d, scale);
  const value = new Float64Array(2);
  const gradient = new Float64Array(2 * d);
  density.evaluate(theta, undefined, value, gradient);
  const held = gradient.slice();
  const h = 1e-5;
  for (let i = 0; i < 2 * d; i++) {
    const at = (step: number) => {
      density.evaluate(theta.with(i, theta[i] + step), undefined, value, gradient);
      return value[Math.floor(i / d)];
    };
    const difference = (at(h) - at(-h)) / (2 * h);
    expect(Math.abs(held[i] - difference)).toBeLessThan(1e-5 * (1 + Math.abs(difference)));
  }
  const one = new Float64Array(1);
  density.evaluate(theta.slice(d), undefined, one, gradient);
  density.evaluate(theta, undefined, value, new Float64Array(2 * d));
  expect(one[0]).toBe(value[1]);
});

describe('truths', () => {
  it('are those of the specification', () => {
    const cov = [4.395604551486307, 41.400778962518324, 0.5970510727567396, 15.05584006878506];
    cov.forEach((v, i) => {
      expect(Math.abs(icg().truth.square[i] / v - 1)).toBeLessThan(1e-12);
    });
    const r = rosenbrock().truth;
    expect([r.square[0], r.square[5], r.squareVariance[0]]).toEqual([2, 10.1, 6]);
    expect(r.squareVariance[5]).toBeCloseTo(668.02, 9);
    const f = funnel().truth;
    expect(f.square[1]).toBeCloseTo(90.0171, 4);
    expect(f.squareVariance[1] / 1.9697e8 - 1).toBeLessThan(1e-4);
    expect(SPECTRUM[3]).toBeCloseTo(0.46415888, 7);
  });

  it('give the null scores .5, .111 and .050', () => {
    expect(nullScore(icg())).toBeCloseTo(0.5, 12);
    expect(nullScore(rosenbrock())).toBeCloseTo(0.111, 3);
    expect(nullScore(funnel())).toBeCloseTo(0.05, 4);
  });

  it('Rosenbrock and funnel: moments of squares of exact draws', () => {
    const n = 400_000;
    const z = random(1, 2 * n);
    const y = Float64Array.from({ length: n }, (_, i) => ((1 + z[i]) ** 2 + Math.sqrt(0.1) * z[n + i]) ** 2);
    const mean = y.reduce((a, b) => a + b, 0) / n;
    const truth = rosenbrock().truth;
    expect(Math.abs(mean - truth.square[5])).toBeLessThan(5 * Math.sqrt(truth.squareVariance[5] / n));
    const variance = y.reduce((a, b) => a + (b - mean) ** 2, 0) / n;
    expect(Math.abs(variance / truth.squareVariance[5] - 1)).toBeLessThan(0.1);
  });

  it('the grid: density integrated over the plane', () => {
    const target = gaussianGrid();
    const n = 700;
    const h = 12 / n;
    let mass = 0;
    let square = 0;
    let fourth = 0;
    const value = new Float64Array(1);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        const x = -6 + h * (i + 0.5);
        target.evaluate(Float64Array.of(x, -6 + h * (j + 0.5)), undefined, value, new Float64Array(2));
        const p = Math.exp(value[0]);
        mass += p;
        square += p * x ** 2;
        fourth += p * x ** 4;
      }
    }
    expect(square / mass).toBeCloseTo(target.truth.square[0], 9);
    expect(fourth / mass - (square / mass) ** 2).toBeCloseTo(target.truth.squareVariance[0], 7);
    expect(
      new Set([0, 1, 2, 3, 4].flatMap((i) => [0, 1, 2, 3, 4].map((j) => target.modeOf(2 * i - 4.1, 2 * j - 3.9)))).size,
    ).toBe(25);
  });

  it.each([
    ['ICG', icg(), 0.12, 40],
    ['Rosenbrock', rosenbrock(), 0.1, 24],
  ] as const)('%s: certified by HMC within five Monte Carlo errors', (_name, target, stepSize, leapfrogs) => {
    const [chains, warmup, steps] = [40, 300, 4000];
    const d = target.dim;
    const sampler = hmc({ stepSize, leapfrogs });
    const keys: Key[] = Array.from({ length: chains }, (_, c) => fold(rootKey(8), c));
    const start = new Float64Array(chains * d);
    for (let c = 0; c < chains; c++) start.set(target.start, c * d);
    const state = sampler.init(start, keys);
    const series = Array.from({ length: d }, () => keys.map(() => new Float64Array(steps)));
    for (let t = 0; t < warmup + steps; t++) {
      if (t === warmup) sampler.endWarmup(state);
      stepSync(sampler, state, target, undefined, t);
      if (t < warmup) continue;
      for (let c = 0; c < chains; c++)
        for (let j = 0; j < d; j++) series[j][c][t - warmup] = state.theta[c * d + j] ** 2;
    }
    series.forEach((of, j) => {
      const ess = effectiveSampleSize(of);
      expect(ess).toBeGreaterThan(400);
      const estimate = of.reduce((sum, chain) => sum + chain.reduce((a, b) => a + b, 0), 0) / (chains * steps);
      expect(Math.abs(estimate - target.truth.square[j])).toBeLessThan(
        5 * Math.sqrt(target.truth.squareVariance[j] / ess),
      );
    });
  });

  it('b² of n independent draws is about 1/n', () => {
    const truth = standardNormal(50).truth;
    const estimate = new Float64Array(50);
    for (let k = 0; k < 200; k++) {
      random(1000 + k, 50).forEach((x, j) => {
        estimate[j] += (x * x) / 200;
      });
    }
    expect(squaredBias(estimate, truth) * 200).toBeGreaterThan(0.5);
    expect(squaredBias(estimate, truth) * 200).toBeLessThan(1.7);
  });
});

describe('linear regression by mini-batches', () => {
  const [n, d, sigma] = [40, 3, 0.7];
  const x = random(1, n * d);
  const target = linearRegression(x, random(2, n), sigma);

  it('has the posterior where the full gradient vanishes, with its curvature', () => {
    const all = Int32Array.from({ length: n }, (_, i) => i);
    const gradient = new Float64Array(d);
    target.evaluate(target.mean, all, new Float64Array(1), gradient);
    for (const g of gradient) expect(Math.abs(g)).toBeLessThan(1e-9);
    for (let j = 0; j < d; j++) {
      const moved = new Float64Array(d);
      target.evaluate(target.mean.with(j, target.mean[j] + 1), all, new Float64Array(1), moved);
      // −∇²ℓ · Σ = 1
      const back = target.covariance.map((row) => -row.reduce((sum, v, i) => sum + v * moved[i], 0));
      back.forEach((v, i) => {
        expect(Math.abs(v - (i === j ? 1 : 0))).toBeLessThan(1e-9);
      });
    }
  });

  it('averages its batches to the full gradient', () => {
    const theta = random(3, d);
    const full = new Float64Array(d);
    target.evaluate(
      theta,
      Int32Array.from({ length: n }, (_, i) => i),
      new Float64Array(1),
      full,
    );
    const sum = new Float64Array(d);
    const part = new Float64Array(d);
    for (let b = 0; b < 4; b++) {
      target.evaluate(
        theta,
        Int32Array.from({ length: 10 }, (_, i) => 10 * b + i),
        new Float64Array(1),
        part,
      );
      for (let i = 0; i < d; i++) sum[i] += part[i] / 4;
    }
    for (let i = 0; i < d; i++) expect(Math.abs(sum[i] - full[i])).toBeLessThan(1e-10);
  });
});

describe('gradient noise', () => {
  const keys: Key[] = [fold(rootKey(3), 0)];
  const covariance = (force: ReturnType<typeof injectedForce>, draws: number) => {
    const out = new Float64Array(10);
    const sum = Array.from({ length: 10 }, () => new Float64Array(10));
    for (let t = 0; t < draws; t++) {
      force(keys, t, out);
      for (let i = 0; i < 10; i++) for (let j = 0; j < 10; j++) sum[i][j] += (out[i] * out[j]) / draws;
    }
    return sum;
  };
  const correlated = TARGET_AXES.map((a) =>
    TARGET_AXES.map((b) => a.reduce((s, v, k) => s + v * b[k] * SPECTRUM[k] ** 2, 0)),
  );

  it.each(['isotropic', 'diagonal', 'correlated'] as const)(
    '%s: the limit and real batches have the covariance asked for',
    (structure) => {
      const exact = (i: number, j: number) =>
        structure === 'correlated' ? correlated[i][j] : i === j ? (structure === 'diagonal' ? SPECTRUM[i] ** 2 : 1) : 0;
      for (const [force, draws] of [
        [injectedForce(structure), 40_000],
        [batchForce(structure, 1, { vectors: 4096, batch: 64 }), 6000],
      ] as const) {
        const size = force.length === 3 && draws === 6000 ? 64 * (1 - 64 / 4096) : SUM_DEVIATION ** 2;
        const got = covariance(force, draws);
        for (let i = 0; i < 10; i++) {
          for (let j = 0; j < 10; j++) {
            const spread = Math.sqrt(exact(i, i) * exact(j, j));
            expect(Math.abs(got[i][j] / size - exact(i, j)) / spread).toBeLessThan(draws === 6000 ? 0.12 : 0.035);
          }
        }
      }
    },
  );

  it.each(NOISE_LAWS)('%s: mean 0, variance scale²', (law) => {
    const force = injectedForce('isotropic', { law, scale: 3, shape: law === 'log-normal' ? 0.5 : 8 });
    const out = new Float64Array(10);
    let mean = 0;
    let square = 0;
    for (let t = 0; t < 30_000; t++) {
      force(keys, t, out);
      for (const x of out) {
        mean += x / 3e5;
        square += (x * x) / 3e5;
      }
    }
    expect(Math.abs(mean)).toBeLessThan(0.04);
    expect(Math.abs(square / 9 - 1)).toBeLessThan(0.04);
  });

  it('that varies in space has the gradient of its own log density', () => {
    const density = noisy(standardNormal(10), 1.5);
    const theta = random(4, 10);
    const force = random(5, 10, 16);
    const value = new Float64Array(1);
    const gradient = new Float64Array(10);
    density.evaluate(theta, force, value, gradient);
    const held = gradient.slice();
    for (let i = 0; i < 10; i++) {
      const at = (step: number) => {
        density.evaluate(theta.with(i, theta[i] + step), force, value, gradient);
        return value[0];
      };
      expect(Math.abs((at(1e-5) - at(-1e-5)) / 2e-5 - held[i])).toBeLessThan(1e-4);
    }
  });
});
