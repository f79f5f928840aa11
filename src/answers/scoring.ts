/** Scores of an ensemble, a member at a time, in the units that users see. */
import { kindOf } from '../data/learned.ts';
import { classificationAccumulator } from '../infer/classification.ts';
import { paperCalibration, paperCoverageError } from '../infer/paper-scores.ts';
import { regressionAccumulator } from '../infer/regression.ts';
import { rootKey, stream } from '../math/threefry.ts';
import type { LoadedRun } from '../spec/loaded-run.ts';
import type { MemberPrediction } from '../spec/prediction.ts';
import { lawOf } from '../spec/target-law.ts';
import type { PointwiseScores, Scores } from './scores.ts';

export interface Scoring {
  add(member: MemberPrediction): void;
  result(): PointwiseScores;
}

type Task = LoadedRun['preprocessing']['task'];

/** For each task, the scores of rows with targets `y` `[n]`. */
const SCORINGS: Readonly<Record<Task, (run: LoadedRun, y: Float64Array) => Scoring>> = {
  regression: numbers,
  classification: classes,
};

export const scoring = (run: LoadedRun, y: Float64Array): Scoring => SCORINGS[run.preprocessing.task](run, y);

function numbers(run: LoadedRun, y: Float64Array): Scoring {
  const { sd: unit } = run.preprocessing.target as { sd: number };
  const accumulator = regressionAccumulator(y.length, y, lawOf(run));
  return {
    add: ({ mean, sd }) => accumulator.add(mean, sd),
    result() {
      const { members, nonFiniteMembers, leftOut, lppd, rmse, coverage, ...each } = accumulator.result();
      const { pointwise, usable, mean, aleatoric, epistemic, pit } = each;
      const scores = { rows: y.length, members, nonFiniteMembers, leftOut, lppd, rmse: rmse * unit, coverage };
      const numbers = { mean, aleatoric, epistemic, pit };
      return { ...scores, paperCalibrationError: paperCoverageError(coverage), pointwise, usable, numbers };
    },
  };
}

function classes({ preprocessing, spec }: LoadedRun, y: Float64Array): Scoring {
  const { length: count } = (preprocessing.target as { classes: readonly string[] }).classes;
  const accumulator = classificationAccumulator(y.length, count, y);
  const paper = paperCalibration(y, count, stream(rootKey(spec.seed), 'predict'));
  return {
    add({ logProbability }) {
      accumulator.add(logProbability);
      paper.add(logProbability);
    },
    result() {
      const { members, nonFiniteMembers, leftOut, lppd, accuracy, brier, ece, accuracyVote, ...each } =
        accumulator.result();
      const { pointwise, usable, confidence, correct, epistemic, bins } = each;
      return {
        ...{ rows: y.length, members, nonFiniteMembers, leftOut, lppd, accuracy, brier, ece, accuracyVote },
        ...(kindOf(preprocessing) === 'text' && { perplexity: Math.exp(-lppd) }),
        ...{ paperCalibrationError: paper.result(), pointwise, usable },
        classes: { confidence, correct, epistemic, bins },
      };
    },
  };
}

/** Mean of the scores that members have alone, over those that predict every row; NaN without any. */
export function meanScores(each: readonly Omit<Scores, 'leftOut'>[]): Scores {
  const whole = each.filter(({ nonFiniteMembers }) => nonFiniteMembers === 0);
  const mean = (pick: (scores: Scores) => number | undefined) =>
    whole.reduce((sum, scores) => sum + (pick(scores) ?? Number.NaN), 0) / whole.length;
  const averaged = Object.keys(each[0]).map((name) => [name, mean((s) => s[name as keyof Scores] as number)]);
  const coverage = each[0].coverage?.map(({ level }, k) => ({
    level,
    observed: mean((s) => s.coverage?.[k].observed),
  }));
  return { ...Object.fromEntries(averaged), rows: each[0].rows, ...(coverage && { coverage }), members: 1 };
}

/** The numbers that are shown. */
export const shown = ({ pointwise: _p, usable: _u, numbers: _n, classes: _c, ...scores }: PointwiseScores): Scores =>
  scores;
