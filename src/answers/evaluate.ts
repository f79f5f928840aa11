/** Scores a run: single network, deep ensemble and Bayesian ensemble side by side, on validation and test rows. */

import { type Monitored, monitor } from '../chains/monitor.ts';
import type { TableRows } from '../data/table/rows.ts';
import { classificationAccumulator } from '../infer/classification.ts';
import {
  type Agreement,
  agreement,
  type FunctionSpace,
  functionSpace,
  medianAgreement,
} from '../infer/function-space.ts';
import { paperCalibration, paperCoverageError } from '../infer/paper-scores.ts';
import { regressionAccumulator } from '../infer/regression.ts';
import { meanOf } from '../math/autocorrelation.ts';
import { rootKey, stream } from '../math/threefry.ts';
import { deepEnsemble } from '../spec/deep-ensemble.ts';
import { type LoadedRun, loadData, loadRun } from '../spec/opened.ts';
import { type MemberPrediction, predictMembers, readEnsemble, type Thetas } from '../spec/predictor.ts';
import type { ChainSummary } from '../spec/records.ts';
import { lawOf } from '../spec/target-law.ts';
import { keepJson, readJson } from '../store/files.ts';
import { runPaths } from '../store/rundir.ts';
import { type Repair, readRepairs } from './repaired.ts';
import type { PointwiseScores, Scores } from './scores.ts';
import { judge } from './verdict/judge.ts';
import type { Verdict } from './verdict/types.ts';

/** Function space (the validation log likelihood), and other quantities of the draws beside it. */
export interface Convergence extends FunctionSpace {
  /** Predictions at probe rows, the median row. */
  readonly probes: Agreement;
  /** Root mean square of each parameter tensor, its mean per chain. */
  readonly layers: readonly (Agreement & { readonly name: string; readonly chainNorms: readonly number[] })[];
}

export interface Evaluation {
  readonly run: string;
  readonly task: 'regression' | 'classification';
  readonly target: string;
  readonly sampler: string;
  readonly mode: string;
  /** Mean scores of the single warm-started networks. */
  readonly singleNetwork: Readonly<Record<'valid' | 'test', Scores>>;
  readonly deepEnsemble: Readonly<Record<'valid' | 'test', Scores>>;
  /** Absent when the run stopped before its first draw. */
  readonly bayesianEnsemble?: Readonly<Record<'valid' | 'test', Scores>>;
  readonly chains: readonly ChainSummary[];
  /** Chains that were begun again before the run was scored. */
  readonly repairs: readonly Repair[];
  /** Absent for fewer than four draws of a chain. */
  readonly convergence?: Convergence;
  readonly verdict: Verdict;
}

/** Scores the run in `dir`, stores the result there and returns it. Throws a `StoreError` for what is no run. */
export async function evaluate(dir: string): Promise<Evaluation> {
  const run = loadRun(dir);
  const data = loadData(run);
  const { spec, preprocessing } = run;
  const thetas = await deepEnsemble(run, data.valid);
  const both = async <T>(one: (rows: TableRows) => Promise<T>) => ({
    valid: await one(data.valid),
    test: await one(data.test),
  });
  const single = await both((rows) => singleScores(run, rows, thetas));
  const deep = await both((rows) => score(run, rows, thetas));
  const chains = readSummaries(run);
  const drawn = chains.some(({ draws }) => draws > 0);
  const watch = monitor(run, chains);
  const bayes = drawn
    ? {
        valid: await score(run, data.valid, readEnsemble(run), watch.add),
        test: await score(run, data.test, readEnsemble(run)),
      }
    : undefined;
  const convergence = drawn ? convergenceOf(watch.result()) : undefined;
  const repairs = readRepairs(dir);
  const evaluation: Evaluation = {
    run: dir,
    task: preprocessing.task,
    target: preprocessing.target.name,
    sampler: spec.sampler.name,
    mode: spec.sampler.mode,
    singleNetwork: single,
    deepEnsemble: plain(deep),
    ...(bayes && { bayesianEnsemble: plain(bayes) }),
    chains,
    repairs,
    ...(convergence && { convergence }),
    verdict: judge(run, { data, deep, bayes, chains, repairs, convergence }),
  };
  keepJson(runPaths(dir).result, evaluation);
  return evaluation;
}

function convergenceOf({ logLikelihood, probes, layers }: Monitored): Convergence | undefined {
  const space = functionSpace(logLikelihood);
  const seen = medianAgreement(probes.flatMap((probe) => agreement(probe) ?? []));
  if (!space || !seen) return undefined;
  return {
    ...space,
    probes: seen,
    layers: layers.flatMap(({ name, norm }) => {
      const agreed = agreement(norm);
      return agreed ? [{ name, chainNorms: norm.map(meanOf), ...agreed }] : [];
    }),
  };
}

/** Scores the ensemble `thetas` on encoded rows. */
export async function score(
  run: LoadedRun,
  { x, y }: TableRows,
  thetas: Thetas,
  watch?: (member: MemberPrediction) => void,
): Promise<PointwiseScores> {
  const scores = scoring(run, y);
  for await (const member of predictMembers(run, x, thetas)) {
    scores.add(member);
    watch?.(member);
  }
  return scores.result();
}

/** Mean over the members that predict every row of the scores that each has alone; NaN without any. */
async function singleScores(run: LoadedRun, { x, y }: TableRows, thetas: readonly Float32Array[]): Promise<Scores> {
  const each: Scores[] = [];
  for await (const member of predictMembers(run, x, thetas)) {
    const scores = scoring(run, y);
    scores.add(member);
    const { leftOut: _none, ...own } = stripped(scores.result());
    each.push(own);
  }
  return meanScores(each);
}

function meanScores(each: readonly Omit<Scores, 'leftOut'>[]): Scores {
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

/** Collects the members of one ensemble; the scores are in the units that users see. */
function scoring(run: LoadedRun, y: Float64Array) {
  const { target } = run.preprocessing;
  const { spec } = run;
  const rows = y.length;
  if ('classes' in target) {
    const classes = target.classes.length;
    const accumulator = classificationAccumulator(rows, classes, y);
    const paper = paperCalibration(y, classes, stream(rootKey(spec.seed), 'predict'));
    return {
      add({ logProbability }: MemberPrediction): void {
        accumulator.add(logProbability);
        paper.add(logProbability);
      },
      result(): PointwiseScores {
        const { members, nonFiniteMembers, leftOut, lppd, accuracy, brier, ece, accuracyVote, ...each } =
          accumulator.result();
        const { pointwise, usable, confidence, correct, epistemic } = each;
        return {
          ...{ rows, members, nonFiniteMembers, leftOut, lppd, accuracy, brier, ece, accuracyVote },
          ...{ paperCalibrationError: paper.result(), pointwise, usable },
          classes: { confidence, correct, epistemic },
        };
      },
    };
  }
  const accumulator = regressionAccumulator(rows, y, lawOf(run));
  return {
    add: ({ mean, sd }: MemberPrediction): void => accumulator.add(mean, sd),
    result(): PointwiseScores {
      const { members, nonFiniteMembers, leftOut, lppd, rmse, coverage, ...each } = accumulator.result();
      const { pointwise, usable, mean, aleatoric, epistemic, pit } = each;
      const scores = { rows, members, nonFiniteMembers, leftOut, lppd, rmse: rmse * target.sd, coverage };
      const numbers = { mean, aleatoric, epistemic, pit };
      return { ...scores, paperCalibrationError: paperCoverageError(coverage), pointwise, usable, numbers };
    },
  };
}

export const readSummaries = ({ dir, spec }: LoadedRun): ChainSummary[] =>
  Array.from({ length: spec.chains }, (_, k) => readJson(runPaths(dir).summary(k)) as ChainSummary);

const stripped = ({ pointwise: _p, usable: _u, numbers: _n, classes: _c, ...scores }: PointwiseScores): Scores =>
  scores;

const plain = ({ valid, test }: Record<'valid' | 'test', PointwiseScores>) => ({
  valid: stripped(valid),
  test: stripped(test),
});
