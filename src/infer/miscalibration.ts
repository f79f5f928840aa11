/** Promises an ensemble does not keep, as sentences: intervals that miss their level, probabilities that miss the truth. */
import { reliability } from './calibration.ts';
import { binomialInterval } from './intervals.ts';

/** Confidence with which a miscalibration must be seen, and how large it must be, before it is called one. */
const CERTAIN = 0.999;
const TOLERATED = 0.02;
const BINS = 5;

const percent = (share: number) => `${Number((100 * share).toFixed(1))} %`;

/** Sentences: promises broken, and promises kept with more room than they need, which wastes but does not deceive. */
export interface Miscalibration {
  readonly overconfident: readonly string[];
  readonly underconfident: readonly string[];
}

/** Intervals of each level that held `observed` of `rows` rows. */
export function intervalFaults(
  coverage: readonly { readonly level: number; readonly observed: number }[],
  rows: number,
): Miscalibration {
  const of = (misses: (promised: number, kept: number, rows: number) => boolean, only: string, what: string) => {
    const found = coverage.filter(({ level, observed }) => misses(level, observed, rows));
    const list = (shares: readonly number[]) => LIST.format(shares.map(percent));
    const held = list(found.map(({ observed }) => observed));
    return found.length === 0
      ? []
      : [`its ${list(found.map(({ level }) => level))} intervals hold ${only}${held} of the rows: ${what}`];
  };
  return {
    overconfident: of(fallsShort, 'only ', 'too narrow'),
    underconfident: of(exceeds, '', 'wider than they need be'),
  };
}

/** Probabilities of the predicted class against how often it is right, in five bins; both `[n]`. */
export function confidenceFaults(confidence: ArrayLike<number>, correct: ArrayLike<number>): Miscalibration {
  const { bins } = reliability(confidence, correct, BINS);
  const of = (misses: (promised: number, kept: number, rows: number) => boolean, what: string) =>
    bins
      .filter((bin) => misses(bin.confidence, bin.accuracy, bin.count))
      .map(
        (bin) =>
          `of ${bin.count} rows predicted with probability ${bin.confidence.toFixed(2)}, ${percent(bin.accuracy)} are right: ${what}`,
      );
  return { overconfident: of(fallsShort, 'over-confident'), underconfident: of(exceeds, 'under-confident') };
}

const LIST = new Intl.ListFormat('en');

/** A share `kept` of `rows` rows where `promised` was promised. */
const certain = (kept: number, rows: number) => binomialInterval(Math.round(kept * rows), rows, CERTAIN);
const fallsShort = (promised: number, kept: number, rows: number) => certain(kept, rows)[1] < promised - TOLERATED;
const exceeds = (promised: number, kept: number, rows: number) => certain(kept, rows)[0] > promised + TOLERATED;
