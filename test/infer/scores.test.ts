import { describe, expect, it } from 'vitest';
import { classificationAccumulator } from '../../src/infer/classification.ts';
import { mixtureQuantiles } from '../../src/infer/mixture.ts';
import { regressionAccumulator } from '../../src/infer/regression.ts';
import { normals } from '../../src/math/random.ts';
import { normalCdf } from '../../src/math/special.ts';
import vectors from '../fixtures/vectors.json' with { type: 'json' };

const { metrics } = vectors;
const logSoftmax = (row: number[]) => {
  const top = Math.max(...row);
  const norm = top + Math.log(row.reduce((s, v) => s + Math.exp(v - top), 0));
  return row.map((v) => v - norm);
};
const goldenMembers = (metrics.logits as number[][][][]).flat().map((member) => member.flatMap(logSoftmax));

describe('classification scores', () => {
  it('reproduce the golden toy', () => {
    const accumulator = classificationAccumulator(3, 3, metrics.y);
    for (const member of goldenMembers) accumulator.add(member);
    const scores = accumulator.result();
    expect(scores.lppd).toBeCloseTo(metrics.lppd, 12);
    expect(scores.gibbs).toBeCloseTo(metrics.gibbs_nll, 12);
    expect(scores.brier).toBeCloseTo(metrics.brier, 12);
    expect(scores.accuracy).toBe(metrics.acc_meanprob);
    expect(scores.accuracyVote).toBeCloseTo(metrics.acc_majority, 12);
    expect([...scores.voted]).toEqual(metrics.majority);
    metrics.mean_probs.flat().forEach((p, i) => {
      expect(scores.probability[i]).toBeCloseTo(p, 12);
    });
    expect(scores.lppd).toBeGreaterThan(-scores.gibbs);
    const mean = scores.pointwise.reduce((s, v) => s + v, 0) / 3;
    expect(mean).toBeCloseTo(scores.lppd, 12);
  });

  it('have the expected calibration error of a hand-made case', () => {
    // Four rows of confidence 0.9, three right; two rows of 0.6, one right: ECE = 4/6·0.15 + 2/6·0.1.
    const confident = [0.9, 0.9, 0.9, 0.9, 0.6, 0.6];
    const accumulator = classificationAccumulator(6, 2, [0, 0, 0, 1, 0, 1]);
    accumulator.add(confident.flatMap((p) => [Math.log(p), Math.log(1 - p)]));
    expect(accumulator.result().ece).toBeCloseTo((4 / 6) * 0.15 + (2 / 6) * 0.1, 12);
  });

  it('count members that are not finite and refuse rows that do not sum to one', () => {
    const accumulator = classificationAccumulator(1, 2, [0]);
    accumulator.add([Number.NaN, 0]);
    accumulator.add([Math.log(0.5), Math.log(0.5)]);
    expect(accumulator.result()).toMatchObject({ members: 1, nonFiniteMembers: 1, accuracy: 1 });
    expect(() => accumulator.add([0, 0])).toThrow('sum');
    expect(() => classificationAccumulator(1, 2, [2])).toThrow('expected labels 0 … 1, got 2 in row 0');
  });
});

describe('regression scores', () => {
  const n = 40;
  const draws = (seed: number) => {
    const z = new Float64Array(n);
    normals([seed, 1], z);
    return z;
  };
  const y = draws(1);
  const members = [2, 3, 4, 5].map((seed) => ({
    mean: draws(seed).map((z) => 0.5 * z),
    sd: draws(seed + 10).map((z) => 0.3 + Math.abs(z)),
  }));
  const streamed = regressionAccumulator(n, y);
  for (const { mean, sd } of members) streamed.add(mean, sd);
  const scores = streamed.result();

  it('equal the batch formulas', () => {
    const density = (i: number, m: number) => {
      const { mean, sd } = members[m];
      return Math.exp(-0.5 * ((y[i] - mean[i]) / sd[i]) ** 2) / (sd[i] * Math.sqrt(2 * Math.PI));
    };
    let [lppd, gibbs, square] = [0, 0, 0];
    for (let i = 0; i < n; i++) {
      const p = members.map((_, m) => density(i, m));
      const mean = members.reduce((s, member) => s + member.mean[i], 0) / 4;
      lppd += Math.log(p.reduce((a, b) => a + b, 0) / 4) / n;
      gibbs -= p.reduce((s, v) => s + Math.log(v), 0) / (4 * n);
      square += (y[i] - mean) ** 2 / n;
      const second = members.reduce((s, member) => s + member.mean[i] ** 2 + member.sd[i] ** 2, 0) / 4;
      expect(scores.aleatoric[i] ** 2 + scores.epistemic[i] ** 2).toBeCloseTo(second - mean ** 2, 10);
    }
    expect([scores.lppd, scores.gibbs, scores.rmse].map((v) => v.toFixed(10))).toEqual(
      [lppd, gibbs, Math.sqrt(square)].map((v) => v.toFixed(10)),
    );
    expect(scores.lppd).toBeGreaterThan(-scores.gibbs);
  });

  it('count a row as covered exactly when it lies between the quantiles', () => {
    for (const { level, inside } of scores.coverage) {
      let count = 0;
      for (let i = 0; i < n; i++) {
        const [low, high] = mixtureQuantiles(
          members.map(({ mean }) => mean[i]),
          members.map(({ sd }) => sd[i]),
          [0.5 - level / 2, 0.5 + level / 2],
        );
        if (y[i] >= low && y[i] <= high) count++;
      }
      expect(inside).toBe(count);
    }
  });

  it('stay finite where densities underflow, and leave out broken members in the open', () => {
    const accumulator = regressionAccumulator(1, Float64Array.of(0.01));
    accumulator.add([0], [1e-6]);
    accumulator.add([Number.NaN], [1]);
    accumulator.add([0], [0]);
    const { lppd, nonFiniteMembers, members: used } = accumulator.result();
    expect(lppd).toBeCloseTo(-0.5e8 - Math.log(1e-6) - 0.5 * Math.log(2 * Math.PI), 4);
    expect([used, nonFiniteMembers]).toEqual([1, 2]);
    expect(() => regressionAccumulator(1, Float64Array.of(1)).result()).toThrow();
  });
});

describe('rows and members that are not usable', () => {
  const good = { mean: [0, 1], sd: [1, 1] };

  it('are left out pair by pair, in a regression', () => {
    const accumulator = regressionAccumulator(2, Float64Array.of(0, 1));
    accumulator.add(good.mean, good.sd);
    accumulator.add([2, Number.NaN], [1, 1]);
    accumulator.add([Number.NaN, 3], [1, 2]);
    accumulator.add([1, 1], [0, Infinity]);
    const { mean, usable, members, nonFiniteMembers, leftOut, lppd, rmse } = accumulator.result();
    expect([...mean]).toEqual([1, 2]);
    expect([...usable]).toEqual([2, 2]);
    expect([members, nonFiniteMembers]).toEqual([3, 3]);
    expect(leftOut).toEqual({ predictions: 4, rows: 2, emptyRows: 0, members: 3, emptyMembers: 1 });
    const density = (z: number, sd: number) => Math.exp(-0.5 * (z / sd) ** 2) / (sd * Math.sqrt(2 * Math.PI));
    const rows = [(density(0, 1) + density(2, 1)) / 2, (density(0, 1) + density(2, 2)) / 2];
    expect(lppd).toBeCloseTo((Math.log(rows[0]) + Math.log(rows[1])) / 2, 12);
    expect(rmse).toBeCloseTo(1, 12);
  });

  it('a row that no member predicts is missed, not dropped', () => {
    const accumulator = regressionAccumulator(2, Float64Array.of(0, 1));
    for (const mean of [0.5, -0.5]) accumulator.add([mean, Number.NaN], [1, 1]);
    const scores = accumulator.result();
    expect([scores.mean[1], scores.pointwise[1], scores.lppd]).toEqual([Number.NaN, -Infinity, -Infinity]);
    expect(scores.coverage.map(({ inside }) => inside)).toEqual([1, 1, 1, 1]);
    expect(scores.rmse).toBe(0);
    const none = regressionAccumulator(1, Float64Array.of(0));
    none.add([Number.NaN], [1]);
    expect(none.result()).toMatchObject({ members: 0, lppd: -Infinity, rmse: Number.NaN });
  });

  it('likewise in a classification, where −∞ is a probability of 0', () => {
    const accumulator = classificationAccumulator(3, 2, [0, 1, 0]);
    const [half, never] = [Math.log(0.5), -Infinity];
    accumulator.add([half, half, 0, never, Number.NaN, half]);
    accumulator.add([Number.NaN, half, half, half, never, never]);
    const scores = accumulator.result();
    expect([...scores.usable]).toEqual([1, 2, 0]);
    expect([...scores.predicted]).toEqual([0, 0, -1]);
    expect([...scores.correct]).toEqual([1, 0, 0]);
    expect(scores.confidence[1]).toBeCloseTo(0.75, 12);
    expect(scores.confidence[2]).toBeNaN();
    expect(scores.pointwise[2]).toBe(-Infinity);
    expect(scores.accuracy).toBeCloseTo(1 / 3, 12);
    expect(scores.leftOut).toEqual({ predictions: 3, rows: 2, emptyRows: 1, members: 2, emptyMembers: 0 });
    expect(scores.brier).toBeCloseTo((0.5 + 2 * 0.75 ** 2) / 2, 12);
  });

  it('log probabilities of the mean stay finite where the mean underflows', () => {
    const accumulator = classificationAccumulator(1, 2, [1]);
    accumulator.add([0, -800]);
    accumulator.add([0, -900]);
    const { probability, logProbability, lppd } = accumulator.result();
    expect(probability[1]).toBe(0);
    expect(logProbability[1]).toBeCloseTo(-800 - Math.log(2), 9);
    expect(lppd).toBeCloseTo(-800 - Math.log(2), 9);
  });
});

describe('mixture quantiles', () => {
  it('invert the distribution function, single normals and far modes included', () => {
    const [means, sds] = [
      [0, 5, -3, 100],
      [1, 0.1, 2, 0.5],
    ];
    const levels = [1e-6, 0.1, 0.5, 0.7, 0.99];
    mixtureQuantiles(means, sds, levels).forEach((q, k) => {
      const p = means.reduce((s, mu, m) => s + normalCdf((q - mu) / sds[m]), 0) / 4;
      expect(Math.abs(p - levels[k])).toBeLessThan(1e-9);
    });
    expect(mixtureQuantiles([3], [2], [0.975])[0]).toBeCloseTo(3 + 2 * 1.959963984540054, 8);
  });
});
