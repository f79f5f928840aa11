/**
 * What labelled rows that a fit never saw say of its predictions. Every criterion has a limit; a limit is passed, or kept, clearly where
 * chance explains it in less than 5 % of cases, and what lies between is borderline: the rows kept apart do not tell.
 */
import { binomialCdf } from '../src/infer/binomial.ts';
import { compare, EVIDENCE } from '../src/infer/comparison.ts';

export interface ApartRows {
  /** Standardised target or class `[n]`, and the mean of the training targets. */
  readonly y: Float64Array;
  readonly centre: number;
  /** log density of every row: ours, that of the start, that of a constant. */
  readonly pointwise: Float64Array;
  readonly start: Float64Array;
  readonly constant: Float64Array;
  readonly numbers?: { readonly mean: Float64Array; readonly pit: Float64Array };
  readonly classes?: { readonly confidence: Float64Array; readonly correct: ArrayLike<number> };
}

export interface Truth {
  /** Limits that are passed clearly: the predictions do not hold. */
  readonly faults: readonly string[];
  /** Limits of which the rows do not tell on which side it lies. Without any, and without faults, the predictions hold. */
  readonly borderline: readonly string[];
  readonly numbers: Readonly<Record<string, number | readonly number[]>>;
}

type Side = 'passed' | 'kept' | 'open';
interface Criterion {
  readonly name: string;
  readonly side: Side;
}

/** Chance that a limit which is just reached is called passed, or kept; and its normal quantile. */
const CHANCE = 0.05;
const DEVIATIONS = 1.645;
/** Points by which the shares of intervals may fall short, and the share that 90 % intervals must hold in a fifth. */
const LIMITS = { 0.5: 0.45, 0.8: 0.75, 0.9: 0.85 };
const LIMIT_OF_FIFTH = 0.8;
/** Nats per row below the start or a constant, and times the RMSE of a constant. */
const LIMIT_OF_SCORE = 0.1;
const LIMIT_OF_ERROR = 1.1;
/** A fifth with fewer rows is not looked at. */
const FEWEST_IN_FIFTH = 100;

export function truthOf(rows: ApartRows): Truth {
  const { pointwise, start, constant } = rows;
  const [fromStart, fromConstant] = [compare(pointwise, start), compare(pointwise, constant)];
  const { criteria, shares } = rows.numbers ? intervals(rows, rows.numbers) : confidences(rows.classes!);
  const all: Criterion[] = [
    ...criteria,
    { name: 'worse than the start', side: scoreSide(fromStart) },
    { name: 'worse than a constant', side: scoreSide(fromConstant) },
  ];
  const names = (side: Side) => [...new Set(all.filter((one) => one.side === side).map(({ name }) => name))];
  const lppd = pointwise.reduce((sum, v) => sum + v, 0) / pointwise.length;
  return {
    faults: names('passed'),
    borderline: names('open'),
    numbers: { lppd, start: fromStart.mean, constant: fromConstant.mean, shares },
  };
}

/** By standard errors; or, where few rows make up a loss of twice the limit, by an e-value. */
function scoreSide({ mean, error, evidence }: ReturnType<typeof compare>): Side {
  const beyond = -LIMIT_OF_SCORE - mean;
  if (beyond > DEVIATIONS * error || (beyond > LIMIT_OF_SCORE && evidence > EVIDENCE)) return 'passed';
  return -beyond > DEVIATIONS * error ? 'kept' : 'open';
}

/** `kept` of `rows` against a share that is the least. */
function shareSide(kept: number, rows: number, least: number): Side {
  if (binomialCdf(kept, rows, least) < CHANCE) return 'passed';
  return 1 - binomialCdf(kept - 1, rows, least) < CHANCE ? 'kept' : 'open';
}

function fifths(by: ArrayLike<number>): number[][] {
  const order = Array.from(by, (_, i) => i).sort((a, b) => by[a] - by[b]);
  const at = (k: number) => Math.round((k * order.length) / 5);
  const parts = [0, 1, 2, 3, 4].map((k) => order.slice(at(k), at(k + 1)));
  return parts.filter(({ length }) => length >= FEWEST_IN_FIFTH);
}

const sum = (rows: readonly number[], of: (i: number) => number) => rows.reduce((total, i) => total + of(i), 0);

function intervals({ y, centre }: ApartRows, { mean, pit }: NonNullable<ApartRows['numbers']>) {
  const all = Array.from(y, (_, i) => i);
  const held = (rows: readonly number[], level: number) =>
    sum(rows, (i) => Number(Math.abs(pit[i] - 0.5) <= level / 2));
  const parts = fifths(mean);
  const gaps = all.map((i) => (y[i] - mean[i]) ** 2 - LIMIT_OF_ERROR ** 2 * (y[i] - centre) ** 2);
  const gap = gaps.reduce((a, b) => a + b, 0) / gaps.length;
  const error = Math.sqrt(gaps.reduce((a, b) => a + (b - gap) ** 2, 0)) / gaps.length;
  const criteria: Criterion[] = [
    ...Object.entries(LIMITS).map(([level, least]) => ({
      name: `${100 * Number(level)} % too narrow`,
      side: shareSide(held(all, Number(level)), y.length, least),
    })),
    ...parts.map((part) => ({
      name: 'too narrow in a fifth',
      side: shareSide(held(part, 0.9), part.length, LIMIT_OF_FIFTH),
    })),
    { name: 'RMSE', side: Math.abs(gap) <= DEVIATIONS * error ? 'open' : gap > 0 ? 'passed' : 'kept' },
  ];
  const share = (rows: readonly number[], level: number) => held(rows, level) / rows.length;
  return {
    criteria,
    shares: [
      ...Object.keys(LIMITS).map((level) => share(all, Number(level))),
      ...parts.map((part) => share(part, 0.9)),
    ],
  };
}

/** The predicted class may be right so many points less often than promised: 5 overall, in a fifth the errors promised (3 to 10). */
function confidences({ confidence, correct }: NonNullable<ApartRows['classes']>) {
  const all = Array.from(confidence, (_, i) => i);
  const groups = [all, ...fifths(confidence)].map((rows, k) => {
    const promised = sum(rows, (i) => confidence[i]) / rows.length;
    const room = k === 0 ? 0.05 : Math.min(0.1, Math.max(0.03, 1 - promised));
    const kept = sum(rows, (i) => correct[i]);
    return { gap: promised - kept / rows.length, side: shareSide(kept, rows.length, promised - room) };
  });
  return {
    criteria: groups.map(({ side }) => ({ name: 'over-confident', side })),
    shares: groups.map(({ gap }) => gap),
  };
}
