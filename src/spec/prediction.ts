/** What one member says about rows, for each task, and how it is read from what the prediction graph puts out. */
import type { Preprocessing } from '../data/table/preprocess.ts';
import type { Law } from '../infer/law.ts';
import { normaliseClasses, usableClasses, usableNormal } from '../infer/usable.ts';
import type { LoadedRun } from './loaded-run.ts';
import { lawOf } from './target-law.ts';

/** Which member of an ensemble it is. */
export interface MemberPlace {
  readonly chain: number;
  /** Counts the draws of the chain from 0. */
  readonly draw: number;
}

/** One member's n predictions: of rows, or of the tokens of a text. */
export interface MemberPrediction extends MemberPlace {
  /** Regression, standardised target: mean and deviation `[n]` of the likelihood's law. */
  readonly mean: Float64Array;
  readonly sd: Float64Array;
  /** Classification: log probabilities `[n × K]`. */
  readonly logProbability: Float64Array;
  /** Whether the prediction of a row counts, by the rule of `infer/usable`. */
  usable(row: number): boolean;
  /** log p(y_i | member) of every row `[n]`, in nats; for regression, of the standardised target. */
  densities(y: Float64Array): Float64Array;
}

/** A call of the prediction graph: what it put out, and which answer each column is; −1 for those that are of no use. */
interface Call {
  readonly out: Readonly<Record<string, ArrayLike<number>>>;
  readonly answers: Int32Array;
}

/** A prediction of n rows that is filled in call by call. */
interface Filling {
  readonly prediction: MemberPrediction;
  /** Reads the rows of a call, where the member is the `m`th of those it was made for. */
  fill(call: Call, m: number): void;
}

/** Makes empty predictions of a run's members. */
export type Reader = (n: number, place: MemberPlace) => Filling;

const READERS: Readonly<Record<Preprocessing['task'], (run: LoadedRun) => Reader>> = {
  regression: (run) => numbers(lawOf(run)),
  classification: ({ network }) => classes(network.likelihood.outputs),
};

export const readerOf = (run: LoadedRun): Reader => READERS[run.preprocessing.task](run);

const NONE = new Float64Array(0);

const numbers =
  (law: Law): Reader =>
  (n, place) => {
    const [mean, sd] = [new Float64Array(n), new Float64Array(n)];
    return {
      prediction: {
        ...place,
        mean,
        sd,
        logProbability: NONE,
        usable: (i) => usableNormal(mean[i], sd[i]),
        densities: (y) => y.map((value, i) => law.logDensity(value, mean[i], sd[i])),
      },
      fill({ out, answers }, m) {
        const columns = answers.length;
        const shared = out.logSigma.length * columns === out.mean.length;
        answers.forEach((answer, i) => {
          if (answer < 0) return;
          const said = law.moments(out.mean[m * columns + i], Math.exp(out.logSigma[shared ? m : m * columns + i]));
          mean[answer] = said.mean;
          sd[answer] = said.sd;
        });
      },
    };
  };

const classes =
  (count: number): Reader =>
  (n, place) => {
    const logProbability = new Float64Array(n * count);
    return {
      prediction: {
        ...place,
        mean: NONE,
        sd: NONE,
        logProbability,
        usable: (i) => usableClasses(logProbability, i, count),
        densities: (y) => y.map((label, i) => logProbability[i * count + label]),
      },
      fill({ out, answers }, m) {
        const columns = answers.length;
        for (let k = 0; k < count; k++) {
          const from = (m * count + k) * columns;
          for (let i = 0; i < columns; i++) {
            if (answers[i] >= 0) logProbability[answers[i] * count + k] = out.logProbability[from + i];
          }
        }
        for (const answer of answers) if (answer >= 0) normaliseLarge(logProbability, answer, count);
      },
    };
  };

/** What float32 takes from the sum of a row's probabilities, where its logits are of usual size. */
const ROUNDING = 1e-4;

/** Logits of millions leave float32 no digits for their log sum: such rows are normalised again. */
function normaliseLarge(logProbability: Float64Array, row: number, classes: number): void {
  let sum = 0;
  for (let c = 0; c < classes; c++) sum += Math.exp(logProbability[row * classes + c]);
  if (Math.abs(sum - 1) > ROUNDING) normaliseClasses(logProbability, row, classes);
}
