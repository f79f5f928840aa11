/**
 * Promises an ensemble does not keep, as sentences: intervals that miss their level, probabilities that miss the truth.
 *
 * A promise is broken where the share kept is too low both for chance and to be of no matter. Chance: an exact binomial
 * test of the promise, at a level over all promises of one kind together. Matter: the share falls short by more than a
 * tolerance, which is half (in a part of the rows: all) of the misses that were promised.
 */
import { normalCdf } from '../math/special.ts';
import { binomialCdf } from './binomial.ts';

/** Chance that an ensemble which keeps its promises is said to break one: any about all rows, and any about a part of them. */
export const LEVEL = 0.003;
const LEVEL_OF_PARTS = 0.001;
/** Chance that it raises a doubt: that is how likely the shortfall must be, to be of no concern. */
const DOUBT = 0.02;
/** Parts that rows are cut into, and rows below which a part is not judged. */
const PARTS = 5;
const FEWEST_IN_PART = 10;

/** Sentences: promises broken, and promises kept with more room than they need, which wastes but does not deceive. */
export interface Miscalibration {
  readonly overconfident: readonly string[];
  /** Promises that look broken, though chance may explain it. */
  readonly doubtful: readonly string[];
  readonly underconfident: readonly string[];
}

/** Of `rows` rows, `kept` were as promised; `promised` is a share, and it may be missed by `tolerance` without a word. */
interface Kept {
  readonly promised: number;
  readonly kept: number;
  readonly rows: number;
  readonly tolerance: number;
}

const percent = (share: number) => `${Number((100 * share).toFixed(1))} %`;
const LIST = new Intl.ListFormat('en');

const matters = ({ promised, kept, rows, tolerance }: Kept) => kept / rows < promised - tolerance;
const fallsShort = (one: Kept, level: number) => matters(one) && binomialCdf(one.kept, one.rows, one.promised) < level;
const isDoubtful = (one: Kept, level: number, promises: number) =>
  !fallsShort(one, level) && fallsShort(one, DOUBT / promises);
const exceeds = ({ promised, kept, rows, tolerance }: Kept, level: number) =>
  kept / rows > promised + Math.min(tolerance, (1 - promised) / 2) &&
  binomialCdf(rows - kept, rows, 1 - promised) < level;

/** Intervals of each level that held `observed` of `rows` rows. */
export function intervalFaults(
  coverage: readonly { readonly level: number; readonly observed: number }[],
  rows: number,
): Miscalibration {
  const kept = coverage.map(({ level, observed }) => ({
    promised: level,
    kept: Math.round(observed * rows),
    rows,
    tolerance: Math.min(0.05, (1 - level) / 2),
  }));
  const level = LEVEL / kept.length;
  const of = (misses: (one: Kept) => boolean, only: string, what: string) => {
    const found = kept.filter(misses);
    const list = (shares: readonly number[]) => LIST.format(shares.map(percent));
    const held = list(found.map((one) => one.kept / rows));
    const levels = list(found.map(({ promised }) => promised));
    return found.length === 0 ? [] : [`its ${levels} intervals hold ${only}${held} of ${rows} rows: ${what}`];
  };
  return {
    overconfident: of((one) => fallsShort(one, level), 'only ', 'too narrow'),
    doubtful: of((one) => isDoubtful(one, level, kept.length), 'only ', 'perhaps too narrow'),
    underconfident: of((one) => exceeds(one, level), '', 'wider than they need be'),
  };
}

/** 90 % intervals by fifths of the rows, in the order of the predicted mean. */
export interface FifthCoverage {
  /** Share held in each fifth, from the lowest predictions to the highest. */
  readonly observed: readonly number[];
  readonly rows: readonly number[];
  /** Fifths (0 … 4) whose intervals are too narrow, perhaps too narrow, and wider than they need be. */
  readonly narrow: readonly number[];
  readonly doubtful: readonly number[];
  readonly wide: readonly number[];
}

const NINETY = 0.9;

/**
 * How often the 90 % interval holds the observation, by fifths of the rows in the order of `mean` `[n]`, from the probability
 * integral transforms `pit` `[n]`. Undefined where a fifth has fewer than ten rows.
 */
export function fifthCoverage(mean: ArrayLike<number>, pit: ArrayLike<number>): FifthCoverage | undefined {
  const parts = partsOf(mean);
  if (parts.some((part) => part.length < FEWEST_IN_PART)) return undefined;
  const kept = parts.map((part) => ({
    promised: NINETY,
    kept: part.filter((i) => Math.abs(pit[i] - 0.5) <= NINETY / 2).length,
    rows: part.length,
    tolerance: 1 - NINETY,
  }));
  const level = LEVEL_OF_PARTS / kept.length;
  const which = (misses: (one: Kept, k: number) => boolean) => kept.flatMap((one, k) => (misses(one, k) ? [k] : []));
  const narrow = which((one) => fallsShort(one, level));
  const order = parts.flat();
  const upwards = pull(
    order.map((i) => Number(Math.abs(pit[i] - 0.5) > NINETY / 2)),
    order.map(() => 1 - NINETY),
    order.map((_, place) => place - (order.length - 1) / 2),
  );
  const pulled = (k: number) => normalCdf(k === 0 ? upwards : k === PARTS - 1 ? -upwards : 0) < DOUBT / 2;
  const doubtful = which(
    (one, k) => !fallsShort(one, level) && (isDoubtful(one, level, kept.length) || (matters(one) && pulled(k))),
  );
  // Chance raises a doubt in a fifth by itself with probability 0.004, and in two of five at once with less than 0.0002.
  const together = narrow.length + doubtful.length > 1;
  return {
    observed: kept.map((one) => one.kept / one.rows),
    rows: kept.map(({ rows }) => rows),
    narrow: together ? [...narrow, ...doubtful].sort() : narrow,
    doubtful: together ? [] : doubtful,
    wide: which((one) => exceeds(one, level)),
  };
}

/**
 * By how many deviations of chance the misses, 0 or 1 each, lean towards rows of large weight, where `promised` are their
 * probabilities. All rows speak, so that it sees a shortfall that grows along an order where a fifth alone has too few rows to tell.
 */
function pull(missed: readonly number[], promised: readonly number[], weights: readonly number[]): number {
  let [sum, variance] = [0, 0];
  missed.forEach((miss, i) => {
    sum += weights[i] * (miss - promised[i]);
    variance += weights[i] ** 2 * promised[i] * (1 - promised[i]);
  });
  return variance > 0 ? sum / Math.sqrt(variance) : 0;
}

/** Indices cut into fifths in the order of `values`. */
function partsOf(values: ArrayLike<number>): number[][] {
  const order = Array.from(values, (_, i) => i).sort((a, b) => values[a] - values[b] || a - b);
  const cut = (k: number) => Math.round((k * order.length) / PARTS);
  return Array.from({ length: PARTS }, (_, k) => order.slice(cut(k), cut(k + 1)));
}

/**
 * Probabilities of the predicted class against how often it is right, over all rows and in fifths of rising confidence; both
 * `[n]`. The worst of them is told.
 */
export function confidenceFaults(confidence: ArrayLike<number>, correct: ArrayLike<number>): Miscalibration {
  const all = Array.from(confidence, (_, i) => i);
  const groups = [all, ...partsOf(confidence).filter((part) => part.length >= FEWEST_IN_PART)].map((rows, k) => {
    const promised = rows.reduce((sum, i) => sum + confidence[i], 0) / rows.length;
    const most = k === 0 ? 0.05 : 0.1;
    return {
      promised,
      kept: rows.reduce((sum, i) => sum + correct[i], 0),
      rows: rows.length,
      tolerance: Math.min(most, Math.max(0.03, 1 - promised)),
    };
  });
  const level = LEVEL_OF_PARTS / groups.length;
  const least = all.reduce((lowest, i) => Math.min(lowest, confidence[i]), 1);
  const surer = pull(
    all.map((i) => 1 - correct[i]),
    all.map((i) => 1 - confidence[i]),
    all.map((i) => confidence[i] - least),
  );
  const pulled = (group: Kept) =>
    (group === groups[0] || group === groups.at(-1)) && matters(group) && normalCdf(-surer) < DOUBT;
  const of = (misses: (group: Kept) => boolean, what: string) => {
    const found = groups.filter(misses);
    const gap = (group: Kept) => Math.abs(group.promised - group.kept / group.rows);
    return found
      .toSorted((a, b) => gap(b) - gap(a))
      .slice(0, 1)
      .map(
        ({ promised, kept, rows }) =>
          `of ${rows} rows predicted with a probability of ${promised.toFixed(2)} on average, ${percent(kept / rows)} are right: ${what}`,
      );
  };
  return {
    overconfident: of((group) => fallsShort(group, level), 'over-confident'),
    doubtful: of(
      (group) => !fallsShort(group, level) && (isDoubtful(group, level, groups.length) || pulled(group)),
      'perhaps over-confident',
    ),
    underconfident: of((group) => exceeds(group, level), 'under-confident'),
  };
}
