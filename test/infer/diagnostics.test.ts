import { describe, expect, it } from 'vitest';
import {
  autocorrelation,
  type Diagnostics,
  diagnose,
  essBulk,
  essMean,
  essTail,
  mcseMean,
  rhat,
  splitRhat,
} from '../../src/infer/diagnostics.ts';
import { normals } from '../../src/math/random.ts';
import { normalQuantile } from '../../src/math/special.ts';
import { fold, rootKey } from '../../src/math/threefry.ts';

const series = (chains: number, n: number, f: (c: number, t: number) => number) =>
  Array.from({ length: chains }, (_, c) => Float64Array.from({ length: n }, (_, t) => f(c, t)));

/** AR(1) chains x_t = φ x_{t-1} + √(1-φ²) z_t in equilibrium. */
function autoregressive(seed: number, chains: number, n: number, phi: number): Float64Array[] {
  return Array.from({ length: chains }, (_, c) => {
    const x = new Float64Array(n);
    normals(fold(rootKey(seed), c), x);
    for (let t = 1; t < n; t++) x[t] = phi * x[t - 1] + Math.sqrt(1 - phi * phi) * x[t];
    return x;
  });
}

const wave = series(4, 101, (c, t) => Math.sin(0.7 * t * t + c) + 0.4 * Math.sin(0.05 * t + 0.1 * c) + 0.1 * c);
const antithetic = series(2, 60, (c, t) => Math.sin(0.7 * t * t + c) - (-1) ** t * 0.8);
const ties = series(3, 50, (c, t) => (7 * t * t + 3 * c * t) % 11);
const drift = series(1, 40, (_, t) => 0.1 * t + Math.sin(t * t));
const short = [Float64Array.of(1, 3, 2, 5), Float64Array.of(2, 4, 1, 0)];

/** ArviZ 0.23.4, `arviz.stats.diagnostics` (`_rhat_rank`, `_rhat_split`, `_ess_bulk`, …) on the same series. */
const reference: [string, Float64Array[], Partial<Diagnostics & { splitRhat: number }>][] = [
  [
    'wave',
    wave,
    {
      rhat: 1.0857483902735114,
      splitRhat: 1.067133705750669,
      essBulk: 35.70857325203513,
      essTail: 161.41738613161016,
      essMean: 46.60295633364632,
      mcseMean: 0.11167221371388558,
    },
  ],
  [
    'antithetic',
    antithetic,
    {
      rhat: 0.9994523891037356,
      splitRhat: 0.9933033736788706,
      essBulk: 249.50174952571496,
      essTail: 120.49669664888958,
      essMean: 249.50174952571496,
      mcseMean: 0.06892120865344818,
    },
  ],
  [
    'ties',
    ties,
    {
      rhat: 1.0554817451734515,
      splitRhat: 1.0637981466700108,
      essBulk: 71.9099250795633,
      essTail: 150.0,
      essMean: 50.512227943961534,
      mcseMean: 0.46451318995778346,
    },
  ],
  [
    'drift',
    drift,
    {
      essBulk: 1.7871544098255858,
      essTail: 18.19923371647509,
      essMean: 1.6902281579246885,
      mcseMean: 1.0714728341998447,
    },
  ],
];

/** A second implementation, straight from the paper's formulas: every lag, arrays, no early stop. */
function naiveEss(chains: number[][]): number {
  const n = chains[0].length;
  const average = (v: number[]) => v.reduce((a, b) => a + b, 0) / v.length;
  const spread = (v: number[]) => v.reduce((a, b) => a + (b - average(v)) ** 2, 0) / (v.length - 1);
  const covariance = (lag: number) =>
    average(
      chains.map((v) => {
        const m = average(v);
        let sum = 0;
        for (let i = lag; i < n; i++) sum += (v[i] - m) * (v[i - lag] - m);
        return sum / n;
      }),
    );
  const within = average(chains.map(spread));
  const plus = ((n - 1) / n) * within + (chains.length > 1 ? spread(chains.map(average)) : 0);
  const rho = Array.from({ length: n - 2 }, (_, lag) => (lag === 0 ? 1 : 1 - (within - covariance(lag)) / plus));
  const pairs: number[] = [];
  for (let k = 0; 2 * k + 1 < rho.length; k++) pairs.push(rho[2 * k] + rho[2 * k + 1]);
  const cut = pairs.findIndex((pair) => pair <= 0);
  const kept = cut < 0 ? pairs.length - 1 : cut;
  const monotone = pairs.slice(0, kept).map((_, k) => Math.min(...pairs.slice(0, k + 1)));
  const tau = -1 + 2 * monotone.reduce((a, b) => a + b, 0) + Math.max(0, rho[2 * kept]);
  return (chains.length * n) / Math.max(tau, 1 / Math.log10(chains.length * n));
}

const naiveSplit = (chains: Float64Array[]) =>
  chains.flatMap((chain) => {
    const all = [...chain];
    return [all.slice(0, Math.floor(all.length / 2)), all.slice(Math.ceil(all.length / 2))];
  });

/** Ranks by counting, O(S²). */
function naiveScores(chains: number[][]): number[][] {
  const pooled = chains.flat();
  return chains.map((chain) =>
    chain.map((x) => {
      const rank = pooled.filter((v) => v < x).length + (pooled.filter((v) => v === x).length + 1) / 2;
      return normalQuantile((rank - 0.375) / (pooled.length + 0.25));
    }),
  );
}

describe('against ArviZ and a second implementation', () => {
  it.each(reference)('agrees with ArviZ 0.23.4 on %s', (_, draws, expected) => {
    const got = { ...diagnose(draws), splitRhat: splitRhat(draws) };
    for (const [name, value] of Object.entries(expected)) {
      expect(Math.abs(got[name as keyof typeof got] / value - 1), name).toBeLessThan(1e-8);
    }
  });

  it.each([
    ['wave', wave],
    ['antithetic', antithetic],
    ['drift', drift],
    ['sticky', autoregressive(4, 3, 201, 0.97)],
  ])('agrees with the naive formulas on %s', (_, draws) => {
    expect(essMean(draws)).toBeCloseTo(naiveEss(naiveSplit(draws)), 8);
    expect(essBulk(draws)).toBeCloseTo(naiveEss(naiveScores(naiveSplit(draws))), 8);
  });
});

describe('split R-hat', () => {
  it('is what a hand calculation gives', () => {
    // Halves (1,3) (2,5) (2,4) (1,0): means 2, 3.5, 3, 0.5; variances 2, 4.5, 2, 0.5; W = 2.25.
    // Mean of means 2.25, variance of means (0.0625 + 1.5625 + 0.5625 + 3.0625)/3 = 1.75; var⁺ = 2.25/2 + 1.75 = 2.875.
    expect(splitRhat(short)).toBeCloseTo(Math.sqrt(2.875 / 2.25), 12);
  });

  it('sees chains in different places, and a chain that drifts', () => {
    const apart = autoregressive(1, 4, 500, 0).map((chain, c) => chain.map((x) => x + (c === 0 ? 3 : 0)));
    expect(rhat(apart)).toBeGreaterThan(1.2);
    expect(splitRhat(drift)).toBeGreaterThan(1.5);
  });

  it('sees by folding what the mean hides: chains of different scale', () => {
    const scaled = autoregressive(2, 4, 1000, 0).map((chain, c) => chain.map((x) => x * (c === 0 ? 5 : 1)));
    expect(splitRhat(scaled)).toBeLessThan(1.01);
    expect(rhat(scaled)).toBeGreaterThan(1.05);
  });

  it('does not change under a monotone map of the draws, apart from the folding', () => {
    const draws = autoregressive(3, 4, 400, 0.5);
    const mapped = draws.map((chain) => chain.map(Math.exp));
    expect(essBulk(mapped)).toBe(essBulk(draws));
  });
});

describe('effective sample size', () => {
  it('is near the number of draws for independent draws', () => {
    const draws = autoregressive(5, 4, 5000, 0);
    for (const size of [essBulk(draws), essTail(draws), essMean(draws)]) {
      expect(size / 20000).toBeGreaterThan(0.9);
      expect(size / 20000).toBeLessThan(1.1);
    }
    expect(rhat(draws)).toBeLessThan(1.005);
  });

  it.each([-0.5, 0.5, 0.9])('is S (1 - φ)/(1 + φ) for AR(1) with φ = %d', (phi) => {
    const draws = autoregressive(6, 4, 20000, phi);
    const exact = (80000 * (1 - phi)) / (1 + phi);
    expect(Math.abs(essMean(draws) / exact - 1)).toBeLessThan(0.1);
    // √ of the 10 % above, and 2–3 % for the deviation itself.
    expect(Math.abs(mcseMean(draws) * Math.sqrt(exact) - 1)).toBeLessThan(0.08);
  });

  it('is capped at S log10 S for an alternating chain', () => {
    const alternating = series(1, 100, (_, t) => (-1) ** t * (1 + 0.01 * Math.sin(t)));
    expect(essMean(alternating)).toBeCloseTo(100 * Math.log10(100), 10);
  });
});

describe('draws that cannot be measured', () => {
  const everything: (keyof Diagnostics)[] = ['rhat', 'essBulk', 'essTail', 'essMean', 'mcseMean'];

  it.each([
    ['constant', series(2, 10, () => 0.1)],
    ['with NaN', series(2, 10, (c, t) => (c === 1 && t === 3 ? Number.NaN : t))],
    ['infinite', series(2, 10, (c, t) => (c === 1 && t === 3 ? Infinity : t))],
  ])('gives NaN for draws %s', (_, draws) => {
    const got = diagnose(draws);
    for (const name of everything) expect(got[name], name).toBeNaN();
    expect(splitRhat(draws)).toBeNaN();
  });

  it('refuses no chain, short chains and unequal chains', () => {
    expect(() => rhat([])).toThrow('rhat: expected at least one chain, got none.');
    expect(() => essBulk([new Float64Array(3)])).toThrow(/at least 4, got lengths 3\./);
    expect(() => splitRhat([new Float64Array(8), new Float64Array(9)])).toThrow(/equal length.*lengths 8, 9/);
  });
});

describe('autocorrelation', () => {
  it('by hand, about each chain’s own mean', () => {
    // Deviations (−1, 1, −1, 1) and (−3, −1, 1, 3): variances 1 and 5; lag one −3 and 5, lag two 2 and −6, each over 4.
    const rho = autocorrelation([Float64Array.of(9, 11, 9, 11), Float64Array.of(0, 2, 4, 6)], 2);
    expect([...rho]).toEqual([1, 2 / 24, -4 / 24].map((r) => expect.closeTo(r, 12)));
  });
});
