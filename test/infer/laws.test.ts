import { describe, expect, it } from 'vitest';
import { mixtureCrps } from '../../src/infer/crps.ts';
import { type Law, NORMAL } from '../../src/infer/law.ts';
import { logNormal, logScaled } from '../../src/infer/log-normal.ts';
import { mixtureQuantiles } from '../../src/infer/mixture.ts';
import { regressionAccumulator } from '../../src/infer/regression.ts';
import { STUDENT_T } from '../../src/infer/student-t.ts';

/** A target t > 0 of mean 20 and deviation 30, whose logarithm has mean 2 and deviation 1.3. */
const TARGET = { mean: 20, sd: 30, log: { mean: 2, sd: 1.3 } };
const LAWS: [string, Law][] = [
  ['normal', NORMAL],
  ['student-t', STUDENT_T],
  ['log-normal', logNormal(TARGET)],
];
/** Location and scale of members, as graphs say them. */
const MEMBERS = [
  [-0.4, 0.3],
  [0.2, 0.5],
  [0.9, 0.2],
];
const of = (law: Law) => {
  const moments = MEMBERS.map(([location, scale]) => law.moments(location, scale));
  return { means: moments.map(({ mean }) => mean), sds: moments.map(({ sd }) => sd) };
};

/** ∫ f over the real line, by x = sinh-sinh of a grid, about `centre` in units of `unit`. */
function integral(f: (x: number) => number, centre: number, unit: number): number {
  const step = 1 / 128;
  let sum = 0;
  for (let t = -4; t <= 4; t += step) {
    const inner = 2 * Math.sinh(t);
    sum += f(centre + unit * Math.sinh(inner)) * Math.cosh(inner) * 2 * Math.cosh(t);
  }
  return unit * step * sum;
}

/** Of a midpoint rule. */
const NODES = 20000;

describe.each(LAWS)('the %s law', (name, law) => {
  const { means, sds } = of(law);

  it('is a density with the mean and deviation that it says, and below and above are its integrals', () => {
    means.forEach((mean, m) => {
      const sd = sds[m];
      const density = (x: number) => Math.exp(law.logDensity(x, mean, sd));
      const moment = (f: (x: number) => number) => integral((x) => f(x) * density(x), law.quantile(0.5, mean, sd), sd);
      expect(moment(() => 1)).toBeCloseTo(1, 6);
      expect(moment((x) => x)).toBeCloseTo(mean, 5);
      expect(moment((x) => (x - mean) ** 2) / sd ** 2).toBeCloseTo(1, 3);
      for (const at of [-0.6, 0.1, 1.4]) {
        const h = 1e-5 * sd;
        const slope = (law.below(at + h, mean, sd) - law.below(at - h, mean, sd)) / (2 * h);
        expect(Math.abs(slope - density(at))).toBeLessThan(1e-6 * (1 + density(at)));
        expect(law.below(at, mean, sd) + law.above(at, mean, sd)).toBeCloseTo(1, 12);
      }
    });
  });

  it('has quantiles that invert it, far tails too', () => {
    for (const p of [1e-12, 1e-4, 0.05, 0.3, 0.5, 0.8, 0.99]) {
      const q = law.quantile(p, means[0], sds[0]);
      // Of a log-normal target the far tail lies at zero, where 30 y + 20 has lost its digits.
      if (name !== 'log-normal' || p > 1e-6) expect(law.below(q, means[0], sds[0]) / p).toBeCloseTo(1, 6);
      const upper = law.quantile(1 - p, means[0], sds[0]);
      if (p > 1e-6) expect(law.above(upper, means[0], sds[0]) / p).toBeCloseTo(1, 6);
    }
    const levels = [0.025, 0.3, 0.5, 0.9, 0.999];
    mixtureQuantiles(means, sds, levels, law).forEach((q, k) => {
      const below = means.reduce((sum, mean, m) => sum + law.below(q, mean, sds[m]) / means.length, 0);
      expect(below).toBeCloseTo(levels[k], 9);
    });
  });

  it('has the CRPS of the integral over its distribution function', () => {
    for (const y of [-0.5, 0.3, 2, 9]) {
      const part = (of: typeof law.below, x: number) =>
        means.reduce((sum, mean, m) => sum + of(x, mean, sds[m]) / means.length, 0) ** 2;
      let exact = 0;
      for (let u = 0.5 / NODES; u < 1; u += 1 / NODES) {
        const distance = u / (1 - u);
        exact += (part(law.below, y - distance) + part(law.above, y + distance)) / (1 - u) ** 2 / NODES;
      }
      expect(Math.abs(mixtureCrps(means, sds, y, law) / exact - 1)).toBeLessThan(1e-3);
    }
  });

  it('gives the accumulator its density, transform and coverage', () => {
    const y = Float64Array.of(-0.5, 0.1, 0.4, 3);
    const scores = regressionAccumulator(4, y, law);
    means.forEach((mean, m) => {
      scores.add(new Float64Array(4).fill(mean), sds[m]);
    });
    const { pointwise, pit, coverage } = scores.result();
    const [low, high] = mixtureQuantiles(means, sds, [0.05, 0.95], law);
    y.forEach((value, i) => {
      const density = means.reduce((sum, mean, m) => sum + Math.exp(law.logDensity(value, mean, sds[m])), 0) / 3;
      expect(pointwise[i]).toBeCloseTo(Math.log(density), 10);
      expect(pit[i] > 0.05 && pit[i] < 0.95).toBe(value > low && value < high);
    });
    const inside = y.filter((value) => value > low && value < high).length;
    expect(coverage.find(({ level }) => level === 0.9)?.inside).toBe(inside);
  });
});

describe('the log-normal law', () => {
  const law = logNormal(TARGET);

  it('scores the target as it came: the density of its logarithm over the change of unit', () => {
    const t = 7.5;
    const y = (t - TARGET.mean) / TARGET.sd;
    const { mean, sd } = law.moments(0.3, 0.4);
    const [mu, sigma] = [2 + 1.3 * 0.3, 1.3 * 0.4];
    const inOriginal = Math.exp(-0.5 * ((Math.log(t) - mu) / sigma) ** 2) / (t * sigma * Math.sqrt(2 * Math.PI));
    expect(law.logDensity(y, mean, sd)).toBeCloseTo(Math.log(inOriginal * TARGET.sd), 10);
    expect(law.score(y, mean, sd)).toBeCloseTo((logScaled(y, TARGET) - 0.3) / 0.4, 10);
  });

  it('has nothing at or below zero', () => {
    const { mean, sd } = law.moments(0, 1);
    for (const t of [0, -5]) {
      const y = (t - TARGET.mean) / TARGET.sd;
      expect(law.logDensity(y, mean, sd)).toBe(Number.NEGATIVE_INFINITY);
      expect([law.below(y, mean, sd), law.above(y, mean, sd)]).toEqual([0, 1]);
    }
    expect(TARGET.mean + TARGET.sd * law.quantile(1e-6, mean, sd)).toBeGreaterThan(0);
  });
});
