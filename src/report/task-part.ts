/** What a report shows of the test rows, for each task. */
import type { PointwiseScores, RowClasses, RowNumbers } from '../answers/scores.ts';
import type { Reliability } from '../infer/calibration.ts';
import { mixtureCrps } from '../infer/crps.ts';
import { mixtureQuantiles } from '../infer/mixture.ts';
import { meanOf } from '../math/moments.ts';
import type { OpenedRun } from '../spec/opened-run.ts';
import type { MemberPrediction } from '../spec/prediction.ts';
import { lawOf } from '../spec/target-law.ts';

interface PredictedTest {
  readonly mean: number;
  readonly lower: number;
  readonly upper: number;
  readonly observed: number;
}

export interface TaskPart {
  /** Of every test row that some draw predicts: uncertainty, and loss (squared error, or 1 where the class is wrong). */
  readonly rejection?: { readonly uncertainty: readonly number[]; readonly loss: readonly number[] };
  readonly regression?: {
    /** Test rows for the figure, in the order of their predicted mean, in units of the target. */
    readonly rows: readonly PredictedTest[];
    /** Probability integral transforms of the test rows. */
    readonly pit: readonly number[];
    readonly crps: number;
    /** Mean width of the 90 % interval, in units of the target. */
    readonly sharpness: number;
    /** Shares of the predictive variance: noise, disagreement within chains, disagreement between chains. */
    readonly variance: readonly [number, number, number];
  };
  readonly classification?: {
    /** Confidence and correctness of every test row that some draw predicts. */
    readonly confidence: readonly number[];
    readonly correct: readonly number[];
    readonly reliability: Reliability;
  };
}

/** Members kept of each chain. */
type Kept = readonly (readonly MemberPrediction[])[];

/** Rows in the figure of predictions. */
const SHOWN = 60;
/** CRPS costs the square of the members: so many of them, evenly spaced over all chains. */
const CRPS_MEMBERS = 100;

/** For each task, what the scores of all draws and the kept members show. */
const PARTS: Readonly<
  Record<OpenedRun['preprocessing']['task'], (run: OpenedRun, scores: PointwiseScores, kept: Kept) => TaskPart>
> = {
  regression: (run, { numbers }, kept) => ofNumbers(run, numbers!, kept),
  classification: (_, { classes, usable, ece }) => ofClasses(classes!, usable, ece!),
};

export const taskPart = (run: OpenedRun, scores: PointwiseScores, kept: Kept): TaskPart =>
  PARTS[run.preprocessing.task](run, scores, kept);

function ofNumbers(run: OpenedRun, scores: RowNumbers, kept: Kept): TaskPart {
  const { mean: shift, sd: scale } = run.preprocessing.target as { mean: number; sd: number };
  const original = (v: number) => shift + scale * v;
  const law = lawOf(run);
  const rows: PredictedTest[] = [];
  let crps = 0;
  const variance: [number, number, number] = [0, 0, 0];
  run.data.test.y.forEach((value, i) => {
    const chains = kept.map((chain) => chain.filter(({ usable }) => usable(i))).filter((chain) => chain.length > 0);
    const members = chains.flat();
    if (members.length === 0) return;
    const means = Float64Array.from(members, ({ mean }) => mean[i]);
    const sds = Float64Array.from(members, ({ sd }) => sd[i]);
    const [lower, upper] = mixtureQuantiles(means, sds, [0.05, 0.95], law).map(original);
    rows.push({ mean: original(scores.mean[i]), lower, upper, observed: original(value) });
    crps += scale * mixtureCrps(evenly(means, CRPS_MEMBERS), evenly(sds, CRPS_MEMBERS), value, law);
    const own = chains.map((chain) => Float64Array.from(chain, ({ mean }) => mean[i]));
    const centres = Float64Array.from(own, meanOf);
    const centre = meanOf(means);
    variance[0] += meanOf(sds.map((sd) => sd * sd));
    variance[1] += meanOf(Float64Array.from(own, (chain, c) => meanOf(chain.map((mean) => (mean - centres[c]) ** 2))));
    variance[2] += meanOf(centres.map((mean) => (mean - centre) ** 2));
  });
  const every = Math.max(1, Math.ceil(rows.length / SHOWN));
  const widths = rows.map(({ lower, upper }) => upper - lower);
  return {
    regression: {
      rows: rows.toSorted((a, b) => a.mean - b.mean).filter((_, i) => i % every === 0),
      pit: [...scores.pit].filter(Number.isFinite),
      crps: crps / rows.length,
      sharpness: meanOf(Float64Array.from(widths)),
      variance: [variance[0] / rows.length, variance[1] / rows.length, variance[2] / rows.length],
    },
    rejection: { uncertainty: widths, loss: rows.map(({ mean, observed }) => (observed - mean) ** 2) },
  };
}

/** At most `count` of the values, evenly spaced. */
const evenly = (values: Float64Array, count: number): Float64Array =>
  values.length <= count
    ? values
    : Float64Array.from({ length: count }, (_, k) => values[Math.floor(((k + 0.5) * values.length) / count)]);

function ofClasses(scores: RowClasses, usable: Uint32Array, ece: number): TaskPart {
  const predicted = (values: ArrayLike<number>) => Array.from(values).filter((_, i) => usable[i] > 0);
  const [confidence, correct] = [predicted(scores.confidence), predicted(scores.correct)];
  return {
    classification: { confidence, correct, reliability: { ece, bins: scores.bins } },
    rejection: { uncertainty: confidence.map((p) => 1 - p), loss: correct.map((c) => 1 - c) },
  };
}
