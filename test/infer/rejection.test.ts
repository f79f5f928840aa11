import { describe, expect, it } from 'vitest';
import { adaptiveCalibrationError } from '../../src/infer/calibration.ts';
import { nestedRhat } from '../../src/infer/diagnostics.ts';
import { aurc, auroc } from '../../src/infer/rejection.ts';
import { normals } from '../../src/math/random.ts';

const random = (seed: number, n: number, shift = 0) => {
  const v = new Float64Array(n);
  normals([seed, 91], v);
  return v.map((z) => z + shift);
};

describe('rejection', () => {
  it('AUROC by pairs, ties counting half', () => {
    const score = [0.1, 0.4, 0.35, 0.8, 0.4];
    const positive = [0, 0, 1, 1, 1];
    let pairs = 0;
    for (let i = 0; i < 5; i++) {
      for (let j = 0; j < 5; j++) {
        if (positive[i] && !positive[j]) pairs += score[i] > score[j] ? 1 : score[i] === score[j] ? 0.5 : 0;
      }
    }
    expect(auroc(score, positive)).toBeCloseTo(pairs / 6, 12);
    expect(auroc([1, 2], [1, 1])).toBeNaN();
  });

  it('AURC by hand: the sure rows first', () => {
    expect(aurc([0.1, 0.9, 0.5], [0, 1, 0])).toBeCloseTo((0 + 0 + 1 / 3) / 3, 12);
    expect(aurc([0.9, 0.1, 0.5], [0, 1, 0])).toBeCloseTo((1 + 1 / 2 + 1 / 3) / 3, 12);
  });

  it('ACE by hand: two bins of two rows', () => {
    expect(adaptiveCalibrationError([0.6, 0.8, 0.9, 0.7], [1, 0, 1, 0], 2)).toBeCloseTo((0.15 + 0.35) / 2, 12);
  });
});

describe('nested R-hat', () => {
  it('is near one for superchains that agree, with draws of length one too', () => {
    const agree = Array.from({ length: 8 }, (_, k) => Array.from({ length: 16 }, (_, m) => random(100 * k + m, 1)));
    expect(nestedRhat(agree)).toBeLessThan(1.1);
    const apart = agree.map((chains, k) => chains.map((chain) => chain.map((x) => x + 2 * k)));
    expect(nestedRhat(apart)).toBeGreaterThan(3);
  });

  it('by hand', () => {
    const f = (...v: number[]) => Float64Array.of(...v);
    // Means of the superchains 1.5 and 4.5 (variance 4.5); each: variance of the chain means 0.5, mean inner variance 2.
    const value = nestedRhat([
      [f(0, 2), f(1, 3)],
      [f(3, 5), f(4, 6)],
    ]);
    expect(value).toBeCloseTo(Math.sqrt(1 + 4.5 / 2.5), 12);
    expect(() => nestedRhat([[f(1)]])).toThrow('two or more superchains');
  });
});
