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
  return sorted(
    coverage.map(({ level, observed }) => ({
      promised: level,
      kept: observed,
      rows,
      over: `its ${percent(level)} intervals hold only ${percent(observed)} of the rows: too narrow`,
      under: `its ${percent(level)} intervals hold ${percent(observed)} of the rows: wider than they need be`,
    })),
  );
}

/** Probabilities of the predicted class against how often it is right, in five bins; both `[n]`. */
export function confidenceFaults(confidence: ArrayLike<number>, correct: ArrayLike<number>): Miscalibration {
  return sorted(
    reliability(confidence, correct, BINS).bins.map(({ count, confidence: promised, accuracy: kept }) => {
      const said = `of ${count} rows predicted with probability ${promised.toFixed(2)}, ${percent(kept)} are right`;
      return { promised, kept, rows: count, over: `${said}: over-confident`, under: `${said}: under-confident` };
    }),
  );
}

interface Promised {
  readonly promised: number;
  /** Share of `rows` that kept the promise. */
  readonly kept: number;
  readonly rows: number;
  readonly over: string;
  readonly under: string;
}

function sorted(promises: readonly Promised[]): Miscalibration {
  const within = ({ kept, rows }: Promised) => binomialInterval(Math.round(kept * rows), rows, CERTAIN);
  return {
    overconfident: promises.flatMap((p) => (within(p)[1] < p.promised - TOLERATED ? [p.over] : [])),
    underconfident: promises.flatMap((p) => (within(p)[0] > p.promised + TOLERATED ? [p.under] : [])),
  };
}
