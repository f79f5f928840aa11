/** The answer about predictions: right for honest ensembles, simulated many times, and for planted faults of every kind. */
import { describe, expect, it } from 'vitest';
import type { HeldOutFacts } from '../../src/answers/verdict/held-out.ts';
import { FEWEST_ROWS, judgePredictions } from '../../src/answers/verdict/predictions.ts';
import { normals, uniforms } from '../../src/math/random.ts';
import { HALF_LOG_TWO_PI, normalCdf } from '../../src/math/special.ts';

interface Plan {
  rows?: number;
  /** Observation of row i from its prediction and a standard normal number. */
  observed?: (mean: number, sd: number, z: number, i: number) => number;
  /** Deviation that is predicted for a row of that true deviation. */
  predicted?: (sd: number, mean: number, i: number) => number;
  /** Mean that is predicted. */
  mean?: (mean: number, i: number) => number;
}

/** Rows of y ~ N(μ, σ²), μ spread like the targets and σ growing with it, predicted by the truth unless the plan says otherwise. */
function ensemble(seed: number, { rows = 200, observed, predicted, mean: said }: Plan = {}): HeldOutFacts {
  const draw = (k: number) => {
    const out = new Float64Array(rows);
    normals([seed, k], out);
    return out;
  };
  const truth = draw(1);
  const sd = truth.map((m) => 0.3 * Math.exp(0.3 * m));
  const y = draw(2).map((z, i) => observed?.(truth[i], sd[i], z, i) ?? truth[i] + sd[i] * z);
  const mean = truth.map((m, i) => said?.(m, i) ?? m);
  const wide = sd.map((s, i) => predicted?.(s, truth[i], i) ?? s);
  const density = (m: ArrayLike<number>, s: (i: number) => number) =>
    y.map((v, i) => -0.5 * ((v - m[i]) / s(i)) ** 2 - Math.log(s(i)) - HALF_LOG_TWO_PI);
  return {
    rows,
    pointwise: density(mean, (i) => wide[i]),
    start: density(
      truth.map((m) => m + 0.05),
      (i) => 1.1 * sd[i],
    ),
    constant: density(new Float64Array(rows), () => 1.05),
    unusable: 0,
    draws: 100,
    where: (i) => `row ${i + 1}`,
    regression: {
      y,
      mean,
      aleatoric: wide,
      epistemic: wide.map((s) => 0.01 * s),
      pit: y.map((v, i) => normalCdf((v - mean[i]) / wide[i])),
      trained: { lowest: -4, highest: 4, mean: 0 },
    },
  };
}

const turned = (heldOut: HeldOutFacts) =>
  judgePredictions(heldOut)
    .findings.filter(({ turns }) => turns)
    .map(({ check }) => check);

describe('an honest ensemble', () => {
  const counted = (answers: readonly string[]) => ({
    no: answers.filter((answer) => answer === 'no').length,
    unsure: answers.filter((answer) => answer.startsWith('too few')).length,
  });

  it.each([[FEWEST_ROWS], [120], [1000]])('of %i rows is refused in one simulation of a hundred at most', (rows) => {
    const { no, unsure } = counted(
      Array.from({ length: 500 }, (_, seed) => judgePredictions(ensemble(seed, { rows })).answer),
    );
    expect(no).toBeLessThanOrEqual(5);
    expect(unsure).toBeLessThanOrEqual(25);
  });

  it('of classes likewise, rare ones too', () => {
    const answers = Array.from({ length: 500 }, (_, seed) => {
      const [z, u] = [new Float64Array(150), new Float64Array(150)];
      normals([seed, 1], z);
      uniforms([seed, 2], u);
      const p = z.map((v) => 1 / (1 + Math.exp((seed % 2 ? 0 : 3) - 2 * v)));
      const confidence = p.map((v) => Math.max(v, 1 - v));
      const correct = p.map((v, i) => Number(u[i] < v === v > 0.5));
      const pointwise = p.map((_v, i) => Math.log(correct[i] ? confidence[i] : 1 - confidence[i]));
      const share = p.reduce((a, b) => a + b, 0) / p.length;
      const constant = p.map((v, i) => Math.log(u[i] < v ? share : 1 - share));
      const common = { rows: 150, pointwise, constant, unusable: 0, draws: 50, where: String };
      return judgePredictions({ ...common, classes: { confidence, correct, epistemic: confidence } }).answer;
    });
    expect(counted(answers).no).toBeLessThanOrEqual(5);
    expect(counted(answers).unsure).toBeLessThanOrEqual(25);
  });
});

describe('planted faults', () => {
  const each: [string, Plan, string][] = [
    ['all deviations halved', { predicted: (sd) => sd / 2 }, 'coverage'],
    ['one σ for rows whose noise grows', { rows: 600, predicted: () => 0.3 }, 'coverage by fifths'],
    [
      'too narrow in the highest fifth alone',
      { rows: 400, predicted: (sd, mean) => (mean > 0.85 ? sd / 2 : sd) },
      'coverage by fifths',
    ],
    [
      'one row of −10,000 nats',
      { rows: 1000, observed: (m, sd, z, i) => (i === 7 ? m + 141 * sd : m + sd * z) },
      'against the start',
    ],
    ['a mean that is wrong everywhere', { mean: (m) => m + 3, predicted: () => 3 }, 'against a constant'],
    [
      'one wild prediction',
      { rows: 2000, mean: (m, i) => (i === 3 ? 14 : m), predicted: (sd, _m, i) => (i === 3 ? 6 : sd) },
      'outside the range',
    ],
    ['an error above a constant’s', { mean: (m) => -2 * m, predicted: () => 1 }, 'error'],
    ['a density of 0', { observed: (m, sd, z, i) => (i === 3 ? 1e200 : m + sd * z) }, 'impossible'],
  ];
  it.each(each)('%s', (_name, plan, check) => {
    expect(turned(ensemble(1, plan))).toContain(check);
    expect(judgePredictions(ensemble(1, plan)).answer).toBe('no');
  });

  it('name their cure: a σ of each row where the noise grows, though tails look heavy there; Student-t where they are', () => {
    const cures = (plan: Plan, likelihood: string) =>
      judgePredictions({ ...ensemble(1, plan), likelihood }).findings.map(({ cure }) => cure);
    const growing: Plan = { rows: 2000, predicted: () => 0.25 };
    expect(cures(growing, 'gaussian')[0]).toBe('fit with --likelihood gaussian-per-input');
    const heavy: Plan = { rows: 2000, observed: (m, sd, z, i) => m + sd * z * (i % 8 === 0 ? 8 : 1.5) };
    expect(cures(heavy, 'gaussian')[0]).toBe('fit with --likelihood student-t');
    expect(cures(heavy, 'student-t')[0]).toContain('--recalibrate');
  });

  it('draws that all predict the same, unusable draws, no draws', () => {
    const fair = ensemble(2);
    const copies = { ...fair, regression: { ...fair.regression!, epistemic: new Float64Array(200) } };
    expect(turned(copies)).toEqual(['epistemic']);
    expect(turned({ ...fair, unusable: 0.02 })).toEqual(['unusable']);
    expect(judgePredictions({ ...fair, copied: 0.1 }).answer).toBe('yes');
    expect(judgePredictions({ ...fair, copied: 0.7 }).answer).toBe('too few rows to tell');
    expect(judgePredictions(undefined)).toMatchObject({ answer: 'no', findings: [{ check: 'draws' }] });
  });

  it('few rows are too few to say yes, and enough to say no', () => {
    expect(judgePredictions(ensemble(3, { rows: 20 })).answer).toBe('too few rows to tell');
    expect(judgePredictions(ensemble(3, { rows: 20, predicted: (sd) => sd / 4 })).answer).toBe('no');
  });

  it('a shortfall that chance may explain is too little to tell', () => {
    const one = judgePredictions(ensemble(1, { rows: 200, predicted: (sd, mean) => (mean > 0.85 ? 0.65 * sd : sd) }));
    expect(one).toMatchObject({
      answer: 'too few rows to tell',
      findings: [{ few: true, check: 'coverage by fifths' }],
    });
  });

  it('wide intervals and small losses are notes', () => {
    const wide = judgePredictions(ensemble(4, { rows: 1000, predicted: (sd) => 1.25 * sd }));
    expect(wide.answer).toBe('yes');
    expect(wide.findings.map(({ check }) => check)).toContain('coverage');
  });

  it('surprising rows are named with place, prediction and observation', () => {
    const heldOut = ensemble(5, { observed: (m, sd, z, i) => (i === 41 ? m + 9 * sd : m + sd * z) });
    const found = judgePredictions(heldOut).findings.find(({ check }) => check === 'worst rows');
    expect(found?.message).toMatch(/^rows it did not hold to be possible: row 42: .* ± .* predicted, .* observed$/);
  });
});
