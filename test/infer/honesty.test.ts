/** Whether promises are kept: miscalibration, energy errors, tempering, strangers, and the paper's own scores. */
import { describe, expect, it } from 'vitest';
import { energyDistribution } from '../../src/infer/energy.ts';
import { agreement, medianAgreement } from '../../src/infer/function-space.ts';
import { confidenceFaults, fifthCoverage, intervalFaults } from '../../src/infer/miscalibration.ts';
import { paperCalibration, paperCoverageError } from '../../src/infer/paper-scores.ts';
import { strangerAuroc } from '../../src/infer/rejection.ts';
import { temperature, tempered } from '../../src/infer/scaling.ts';
import { normals } from '../../src/math/random.ts';

const random = (seed: number, n: number) => {
  const v = new Float64Array(n);
  normals([seed, 93], v);
  return v;
};

describe('miscalibration', () => {
  const nothing = { overconfident: [], doubtful: [], underconfident: [] };
  it('calls intervals too narrow only where chance cannot explain it', () => {
    const level = 0.9;
    expect(intervalFaults([{ level, observed: 0.7 }], 1000).overconfident).toEqual([
      'its 90 % intervals hold only 70 % of 1000 rows: too narrow',
    ]);
    expect(intervalFaults([{ level, observed: 0.8 }], 20)).toEqual(nothing);
    const doubtful = intervalFaults([{ level, observed: 0.7 }], 20);
    expect(doubtful).toEqual({ ...nothing, doubtful: [expect.stringContaining('perhaps too narrow')] });
    expect(intervalFaults([{ level, observed: 0.89 }], 1e6)).toEqual(nothing);
    const wide = intervalFaults([{ level, observed: 0.99 }], 1000);
    expect(wide.overconfident).toEqual([]);
    expect(wide.underconfident[0]).toContain('wider than they need be');
  });

  it('a shortfall that grows along the order raises a doubt where a fifth has too few rows to', () => {
    const mean = Array.from({ length: 300 }, (_, i) => i);
    const pitOf = (missed: readonly number[]) =>
      mean.map((i) => ((17 * i) % 60 < missed[Math.floor(i / 60)] ? 0.99 : 0.5));
    expect(fifthCoverage(mean, pitOf([13, 7, 4, 3, 2]))).toMatchObject({ narrow: [], doubtful: [0] });
    expect(fifthCoverage(mean, pitOf([2, 3, 4, 7, 13]))).toMatchObject({ narrow: [], doubtful: [4] });
    expect(fifthCoverage(mean, pitOf([13, 6, 6, 6, 6]))).toMatchObject({ narrow: [], doubtful: [] });
    expect(fifthCoverage(mean, pitOf([4, 6, 13, 6, 4]))).toMatchObject({ narrow: [], doubtful: [] });
    const confidence = mean.map((i) => 0.5 + 0.05 * (1 + Math.floor(i / 60)));
    const right = (shares: readonly number[]) => mean.map((i) => Number(i % 60 < 60 * shares[Math.floor(i / 60)]));
    expect(confidenceFaults(confidence, right([0.55, 0.58, 0.61, 0.62, 0.62])).doubtful.length).toBe(1);
    expect(confidenceFaults(confidence, right([0.5, 0.6, 0.65, 0.7, 0.62])).doubtful).toEqual([]);
  });

  it('finds probabilities that promise too much, bin by bin', () => {
    const confidence = new Float64Array(2000).fill(0.9);
    const right = (share: number) => confidence.map((_, i) => (i % 10 < 10 * share ? 1 : 0));
    expect(confidenceFaults(confidence, right(0.6)).overconfident[0]).toContain('60 % are right: over-confident');
    expect(confidenceFaults(confidence, right(0.9))).toEqual(nothing);
    expect(confidenceFaults(confidence, right(1)).underconfident.length).toBe(1);
  });
});

describe('energy errors', () => {
  it('of normal steps: moments and quantiles in units of √d', () => {
    const d = 16;
    const found = energyDistribution(
      random(1, 20000).map((z) => 0.4 * z + 0.2),
      d,
    );
    expect(found?.mean).toBeCloseTo(0.05, 2);
    expect(found?.sd).toBeCloseTo(0.1, 2);
    expect(Math.abs((found?.kurtosis ?? 0) - 3)).toBeLessThan(0.2);
    expect(found?.quantiles[0]).toBeCloseTo(0.05 - 1.645 * 0.1, 2);
    expect(found?.extremes.length).toBe(10);
  });

  it('shows the rare step that a batch spoils, and leaves non-finite ones out', () => {
    const errors = [...random(2, 500), 40, Number.NaN];
    const found = energyDistribution(errors, 1);
    expect(found?.samples).toBe(501);
    expect(found?.extremes.at(-1)).toBe(40);
    expect(found?.kurtosis).toBeGreaterThan(50);
    expect(energyDistribution([1, 2, 3], 1)).toBeUndefined();
  });
});

describe('agreement', () => {
  it('is that of R-hat over and within chains, cut to the shortest', () => {
    const chains = [random(3, 200), random(4, 210).map((z) => z + 5)];
    const agreed = agreement(chains);
    expect(agreed?.rhat).toBeGreaterThan(1.5);
    expect(Math.max(...(agreed?.chainRhat ?? []))).toBeLessThan(1.05);
    expect(agreement([random(5, 3)])).toBeUndefined();
    const one = { rhat: 1, chainRhat: [1, 4], essBulk: 10 };
    const two = { rhat: 3, chainRhat: [2, 2], essBulk: 20 };
    expect(medianAgreement([one, two, two])).toEqual({ rhat: 3, chainRhat: [2, 2], essBulk: 20 });
  });
});

describe('tempering', () => {
  it('divides log probabilities, keeps zeros, and undoes the temperature found', () => {
    expect(tempered([0.25, 0.75], 0.5)).toEqual([0.1, 0.9].map((p) => expect.closeTo(p, 12)));
    expect(tempered([0, 1], 2)).toEqual([0, 1]);
    // Labels drawn from p; an ensemble that says p² (normalised) needs T = 2.
    const n = 4000;
    const p = random(6, n).map((z) => 1 / (1 + Math.exp(-z)));
    const labels = random(7, n).map((z, i) => (0.5 * (1 + Math.sign(z) * (1 - Math.exp(-z * z))) < p[i] ? 1 : 0));
    const logs = Float64Array.from(
      [...p].flatMap((q) => tempered([1 - q, q], 0.5)),
      Math.log,
    );
    const fair = temperature(
      Float64Array.from(
        [...p].flatMap((q) => [1 - q, q]),
        Math.log,
      ),
      labels,
    );
    expect(temperature(logs, labels) / fair).toBeCloseTo(2, 4);
  });

  it('does not let one label of probability 0 set the temperature', () => {
    // Forty rows of 0.9, nine in ten right, and one more label that was held to be impossible.
    const rows = Array.from({ length: 40 }, () => [Math.log(0.1), Math.log(0.9)]);
    const labels = rows.map((_, i) => (i % 10 === 0 ? 0 : 1));
    const fair = temperature(Float64Array.from(rows.flat()), labels);
    for (const log of [Number.NEGATIVE_INFINITY, -800]) {
      const spoilt = temperature(Float64Array.from([...rows.flat(), log, 0]), [...labels, 0]);
      expect(Math.abs(spoilt / fair - 1)).toBeLessThan(0.05);
    }
  });
});

describe('strangers', () => {
  it('are told by the kind of uncertainty that grows', () => {
    const own = { aleatoric: [1, 2, 3], epistemic: [0.1, 0.2, 0.3] };
    const strange = { aleatoric: [1, 2, 3], epistemic: [1, 2, 0.25] };
    const area = strangerAuroc(own, strange, Math.hypot);
    expect(area.aleatoric).toBe(0.5);
    expect(area.epistemic).toBeCloseTo(8 / 9, 12);
    expect(area.total).toBeGreaterThan(0.5);
  });
});

describe("the paper's scores", () => {
  it('coverage error by hand: its weights divide twice', () => {
    const coverage = [0.5, 0.8, 0.9, 0.95].map((level, k) => ({ level, observed: [0, 0.7, 0.9, 0.93][k] }));
    // √(⅓ · mean of squares) of .1, 0, .02.
    expect(paperCoverageError(coverage)).toBeCloseTo(Math.sqrt((0.01 + 0.0004) / 9), 12);
  });

  it('classification error by hand, where every label is certain', () => {
    // Two members that disagree about row 0; the mode of drawn labels ties to the smaller class.
    const log = (rows: number[][]) => rows.flat().map(Math.log);
    const scores = paperCalibration([0, 1], 2, [1, 1]);
    scores.add(log([[1, 0], [0, 1]])); // biome-ignore format: rows of probabilities
    scores.add(log([[0, 1], [0, 1]])); // biome-ignore format: rows of probabilities
    // Row 0: p̄ of the truth .5, mode right: gap .5. Row 1: p̄ 1, right: gap 0. Times 1/10 and 1/n.
    expect(scores.result()).toBeCloseTo(0.5 / 20, 12);
  });

  it('draws labels in proportion to their probabilities', () => {
    const n = 3000;
    const y = new Array(n).fill(0);
    const scores = paperCalibration(y, 3, [2, 7]);
    scores.add(y.flatMap(() => [0.6, 0.3, 0.1].map(Math.log)));
    // One member: the mode is the drawn label, right in 60 % of the rows, which is the confidence.
    expect(scores.result()).toBeLessThan(0.1 * 3 * Math.sqrt(0.24 / n));
  });
});
