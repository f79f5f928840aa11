/** AdamW, the learning rate and the cut of gradients against closed forms. */
import { describe, expect, it } from 'vitest';
import { adamwState, adamwStep, clip } from '../../src/train/adamw.ts';
import { rateAt } from '../../src/train/rate.ts';

describe('the learning rate', () => {
  const rate = { learningRate: 2e-3, startRate: 1e-5, ramp: 100, endRate: 5e-4, decaySteps: 1100 };

  it('rises in a line, falls as a cosine to its end and stays there', () => {
    const at = (t: number) => rateAt({ ...rate, schedule: 'cosine' }, t, 9999);
    expect(at(0)).toBe(1e-5);
    expect(at(50)).toBeCloseTo((2e-3 + 1e-5) / 2, 12);
    expect(at(100)).toBe(2e-3);
    expect(at(600)).toBeCloseTo((2e-3 + 5e-4) / 2, 12);
    expect(at(350)).toBeCloseTo(5e-4 + 0.75e-3 * (1 + Math.SQRT1_2), 12);
    expect([at(1100), at(5000)]).toEqual([5e-4, 5e-4]);
  });

  it('falls in a line, or not at all', () => {
    expect(rateAt({ ...rate, schedule: 'linear' }, 850, 9999)).toBeCloseTo(2e-3 - 0.75 * 1.5e-3, 12);
    expect(rateAt({ ...rate, schedule: 'constant' }, 850, 9999)).toBe(2e-3);
  });

  it('comes to a hundredth at the last step of the longest training where nothing else is said', () => {
    expect(rateAt({ learningRate: 0.1, schedule: 'cosine' }, 40, 40)).toBeCloseTo(1e-3, 15);
  });
});

describe('AdamW', () => {
  it('takes the steps of its recursion, by the betas that it is given', () => {
    const [betas, decay, learningRate] = [[0.5, 0.75] as [number, number], Float64Array.of(0.1), 0.01];
    const [state, theta] = [adamwState(1), Float64Array.of(1)];
    let [m, v, expected] = [0, 0, 1];
    for (const [i, g] of [2, -1, 0.5].entries()) {
      adamwStep(state, theta, Float64Array.of(g), { learningRate, betas, decay });
      m = 0.5 * m + 0.5 * g;
      v = 0.75 * v + 0.25 * g * g;
      const step = m / (1 - 0.5 ** (i + 1)) / (Math.sqrt(v / (1 - 0.75 ** (i + 1))) + 1e-8);
      expected -= learningRate * (step + 0.1 * expected);
      expect(theta[0]).toBeCloseTo(expected, 14);
    }
  });
});

describe('the cut of gradients', () => {
  it('shortens a long gradient of each member on its own, and leaves short ones and those that are not finite', () => {
    const g = Float64Array.of(3, 4, 0.3, 0.4, Number.POSITIVE_INFINITY, 1, Number.NaN, 9);
    clip(g, 2, 1);
    expect([...g.subarray(0, 2)].map((x) => Number(x.toFixed(12)))).toEqual([0.6, 0.8]);
    expect([...g.subarray(2)]).toEqual([0.3, 0.4, Number.POSITIVE_INFINITY, 1, Number.NaN, 9]);
  });
});
