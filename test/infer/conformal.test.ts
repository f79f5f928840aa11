import { describe, expect, it } from 'vitest';
import {
  APS,
  conformalThreshold,
  groupThresholds,
  predictionSet,
  quantileScores,
  RAPS,
  scaledScores,
  setScore,
} from '../../src/infer/conformal.ts';
import { mixtureCrps } from '../../src/infer/crps.ts';
import { binomialInterval, pairedDifference } from '../../src/infer/intervals.ts';
import { temperature, varianceScale } from '../../src/infer/scaling.ts';
import { normals, uniforms } from '../../src/math/random.ts';

const random = (seed: number, n: number) => {
  const v = new Float64Array(n);
  normals([seed, 41], v);
  return v;
};
const uniform = (seed: number, n: number) => {
  const v = new Float64Array(n);
  uniforms([seed, 42], v);
  return v;
};

/** The first index at which the running sum of weights passes `rest`. */
function pick(weights: Float64Array, rest: number): number {
  let sum = 0;
  return weights.findIndex((w) => {
    sum += w;
    return sum > rest;
  });
}

describe('conformal prediction', () => {
  it('takes the ⌈(n+1)·level⌉-th smallest score, or none when there are too few', () => {
    expect(conformalThreshold([5, 1, 4, 2, 3, 6, 7, 8, 9], 0.9)).toBe(9);
    expect(conformalThreshold([5, 1, 4, 2, 3, 6, 7, 8, 9], 0.8)).toBe(8);
    expect(conformalThreshold([1, 2, 3], 0.9)).toBe(Number.POSITIVE_INFINITY);
    expect(() => conformalThreshold([1], 90)).toThrow('got 90');
  });

  it.each(['scaled', 'quantile'] as const)(
    '%s intervals of a wrong model hold what they promise, on average over splits',
    (kind) => {
      const [splits, n] = [300, 99];
      let inside = 0;
      for (let s = 0; s < splits; s++) {
        // The model says N(0, 1); the truth is skewed and wider.
        const y = random(s, n + 20).map((z) => 0.7 + 2 * z + z * z);
        const [zeros, ones] = [new Float64Array(n), new Float64Array(n).fill(1)];
        const scores =
          kind === 'scaled'
            ? scaledScores(y.slice(0, n), zeros, ones)
            : quantileScores(
                y.slice(0, n),
                zeros.map(() => -1.64),
                ones.map(() => 1.64),
              );
        const t = conformalThreshold(scores, 0.9);
        for (const value of y.slice(n)) {
          if (kind === 'scaled' ? Math.abs(value) <= t : value >= -1.64 - t && value <= 1.64 + t) inside++;
        }
      }
      // Exactly 90/100 in expectation; the rows of a split share a threshold, so the error is that of splits.
      expect(Math.abs(inside / (20 * splits) - 0.9)).toBeLessThan(5 * Math.sqrt(0.09 / splits / 4));
    },
  );

  it('covers every group by its own threshold', () => {
    const n = 4000;
    const groups = Array.from({ length: n }, (_, i) => (i % 4 === 0 ? 'loud' : 'quiet'));
    const scores = random(3, n).map((z, i) => Math.abs(z) * (groups[i] === 'loud' ? 5 : 1));
    const t = groupThresholds(scores, groups, 0.9);
    const fresh = random(4, n).map((z, i) => Math.abs(z) * (groups[i] === 'loud' ? 5 : 1));
    for (const group of ['loud', 'quiet']) {
      const own = [...fresh].filter((_, i) => groups[i] === group);
      const covered = own.filter((s) => s <= (t.get(group) ?? 0)).length / own.length;
      expect(Math.abs(covered - 0.9)).toBeLessThan(5 * Math.sqrt((0.09 * 2) / own.length));
    }
    const common = conformalThreshold(scores, 0.9);
    expect([...fresh].filter((s, i) => groups[i] === 'loud' && s <= common).length / 1000).toBeLessThan(0.75);
  });

  it.each([
    ['APS', APS],
    ['RAPS', RAPS],
  ])('%s sets hold the label as often as asked, under a miscalibrated model', (_name, options) => {
    const [n, classes] = [3000, 6];
    const row = (i: number) => {
      const logits = random(100 + i, classes);
      const weight = logits.map((z) => Math.exp(1.5 * z));
      const total = weight.reduce((a, b) => a + b, 0);
      const p = weight.map((w) => w / total);
      // Labels follow a flatter law than the model says.
      const flat = p.map((q) => q ** 0.5);
      const sum = flat.reduce((a, b) => a + b, 0);
      const label = pick(flat, uniform(50_000 + i, 1)[0] * sum);
      return { p, label, u: uniform(90_000 + i, 1)[0] };
    };
    const scores = Float64Array.from({ length: n }, (_, i) => {
      const { p, label, u } = row(i);
      return setScore(p, label, u, options);
    });
    const t = conformalThreshold(scores, 0.9);
    let covered = 0;
    for (let i = n; i < 2 * n; i++) {
      const { p, label, u } = row(i);
      if (predictionSet(p, t, u, options).includes(label)) covered++;
    }
    expect(Math.abs(covered / n - 0.9)).toBeLessThan(0.025);
  });

  it('scores by hand', () => {
    const p = [0.2, 0.5, 0.3];
    expect(setScore(p, 1, 0.5, APS)).toBeCloseTo(0.25, 12);
    expect(setScore(p, 0, 1, APS)).toBeCloseTo(1, 12);
    expect(setScore(p, 0, 0, { penalty: 0.1, free: 1 })).toBeCloseTo(0.8 + 0.2, 12);
    expect(predictionSet(p, 0.85, 1, APS)).toEqual([1, 2]);
    expect(predictionSet(p, 0, 1, APS)).toEqual([1]);
  });
});

describe('CRPS', () => {
  it('is the closed form of a normal, and the integral of a mixture', () => {
    // CRPS(N(μ, σ²), y) = σ (z(2Φ(z) − 1) + 2φ(z) − 1/√π): 0.2336949… at z = 0, 0.6024414… at z = 1.
    expect(mixtureCrps([0], [1], 0)).toBeCloseTo((Math.SQRT2 - 1) / Math.sqrt(Math.PI), 12);
    const [means, sds, y] = [[-1, 2, 0.5], [0.5, 1, 0.2], 0.8];
    let integral = 0;
    const h = 1e-3;
    for (let x = -8; x < 10; x += h) {
      const t = x + h / 2;
      const cdf = means.reduce((sum, m, i) => sum + phi((t - m) / sds[i]) / 3, 0);
      integral += h * (cdf - (t >= y ? 1 : 0)) ** 2;
    }
    expect(mixtureCrps(means, sds, y)).toBeCloseTo(integral, 4);
  });
});

/** Φ by Simpson's rule, a path of its own. */
function phi(z: number): number {
  const n = 400;
  const h = Math.max(-8, Math.min(8, z)) / n;
  let sum = 0;
  for (let i = 0; i <= n; i++) sum += (i === 0 || i === n ? 1 : i % 2 ? 4 : 2) * Math.exp(-0.5 * (i * h) ** 2);
  return 0.5 + (sum * h) / 3 / Math.sqrt(2 * Math.PI);
}

describe('intervals and scaling', () => {
  it('Wilson by hand', () => {
    const [low, high] = binomialInterval(8, 10);
    expect(low).toBeCloseTo(0.4902, 4);
    expect(high).toBeCloseTo(0.9433, 4);
    expect(binomialInterval(0, 5)[0]).toBeCloseTo(0, 12);
  });

  it('paired bootstrap has the width of the standard error', () => {
    const a = random(1, 400);
    const b = random(2, 400).map((z, i) => a[i] - 0.1 + 0.2 * z);
    const { mean, interval } = pairedDifference(a, b, [1, 1]);
    expect(mean).toBeCloseTo(0.1, 1);
    expect(Math.abs((interval[1] - interval[0]) / (2 * 1.96 * 0.01) - 1)).toBeLessThan(0.15);
    expect(interval[0]).toBeLessThan(mean);
  });

  it('finds the factor and the temperature that were taken away', () => {
    const y = random(5, 5000).map((z) => 3 * z);
    const factor = varianceScale(y, new Float64Array(5000), new Float64Array(5000).fill(1));
    expect(Math.abs(factor - 3)).toBeLessThan(0.1);
    const [n, classes] = [4000, 3];
    const logits = random(6, n * classes);
    const labels = Array.from({ length: n }, (_, i) => {
      const own = logits.slice(i * classes, (i + 1) * classes).map((z) => Math.exp(z));
      return pick(own, uniform(7000 + i, 1)[0] * own.reduce((a, b) => a + b, 0));
    });
    expect(
      Math.abs(
        temperature(
          logits.map((z) => 2 * z),
          labels,
        ) - 2,
      ),
    ).toBeLessThan(0.2);
  });
});
