/** Scores a run: single network, deep ensemble and Bayesian ensemble side by side, on validation and test rows. */
import type { Kind } from '../data/kinds.ts';
import { kindOf } from '../data/learned.ts';
import type { Rows } from '../data/rows.ts';
import type { Members } from '../spec/members.ts';
import { type OpenedRun, withRun } from '../spec/opened-run.ts';
import type { MemberPrediction } from '../spec/prediction.ts';
import type { ChainSummary } from '../spec/records.ts';
import { keepJson } from '../store/files.ts';
import { runPaths } from '../store/rundir.ts';
import { type Convergence, convergenceWatch } from './convergence.ts';
import { type Repair, readRepairs } from './repaired.ts';
import type { PointwiseScores, Scores } from './scores.ts';
import { meanScores, scoring, shown } from './scoring.ts';
import { judge } from './verdict/judge.ts';
import type { Verdict } from './verdict/types.ts';

export interface Evaluation {
  readonly run: string;
  /** What the data are. */
  readonly kind: Kind;
  readonly task: 'regression' | 'classification';
  readonly target: string;
  readonly sampler: string;
  readonly mode: string;
  /** Mean scores of the single warm-started networks. */
  readonly singleNetwork: BothSplits<Scores>;
  readonly deepEnsemble: BothSplits<Scores>;
  /** Absent when the run stopped before its first draw. */
  readonly bayesianEnsemble?: BothSplits<Scores>;
  readonly chains: readonly ChainSummary[];
  /** Chains that were begun again before the run was scored. */
  readonly repairs: readonly Repair[];
  /** Absent for fewer than four draws of a chain. */
  readonly convergence?: Convergence;
  readonly verdict: Verdict;
}

/** One of each split that is not trained on. */
type BothSplits<T> = Readonly<Record<'valid' | 'test', T>>;

/** An evaluation with the numbers of every row behind it. */
export interface RowsEvaluation {
  readonly evaluation: Evaluation;
  readonly deep: BothSplits<PointwiseScores>;
  /** Undefined without draws. */
  readonly bayes: BothSplits<PointwiseScores> | undefined;
}

/** Hear of the members' predictions of the test rows on the way. */
export interface TestWatch {
  start?(member: MemberPrediction): void;
  draw?(member: MemberPrediction): void;
}

/** Scores the run in `dir`, stores the result there and returns it. Throws a `StoreError` for what is no run. */
export const evaluate = async (dir: string): Promise<Evaluation> =>
  withRun(dir, async (run) => (await evaluateRows(run)).evaluation);

/** Scores an opened run, and stores the result in its directory. */
export async function evaluateRows(run: OpenedRun, watch: TestWatch = {}): Promise<RowsEvaluation> {
  const { dir, spec, preprocessing, data } = run;
  const starts = await run.deepEnsemble();
  const chains = run.summaries;
  const valid = await startScores(run, data.valid, starts);
  const test = await startScores(run, data.test, starts, watch.start);
  const deep = { valid: valid.together, test: test.together };
  const convergence = convergenceWatch(run);
  const bayes =
    run.drawCount > 0
      ? {
          valid: await score(run, data.valid, run.draws(), convergence.add),
          test: await score(run, data.test, run.draws(), watch.draw),
        }
      : undefined;
  const converged = bayes && convergence.result();
  const repairs = readRepairs(dir);
  const evaluation: Evaluation = {
    run: dir,
    kind: kindOf(preprocessing),
    task: preprocessing.task,
    target: preprocessing.target.name,
    sampler: spec.sampler.name,
    mode: spec.sampler.mode,
    singleNetwork: { valid: valid.single, test: test.single },
    deepEnsemble: shownBoth(deep),
    ...(bayes && { bayesianEnsemble: shownBoth(bayes) }),
    chains,
    repairs,
    ...(converged && { convergence: converged }),
    verdict: judge(run, { data, deep, bayes, chains, repairs, convergence: converged }),
  };
  keepJson(runPaths(dir).result, evaluation);
  return { evaluation, deep, bayes };
}

/** Scores an ensemble on encoded rows; `watch` hears of each member. */
export async function score(
  run: OpenedRun,
  rows: Rows,
  members: Members,
  watch?: (member: MemberPrediction) => void,
): Promise<PointwiseScores> {
  const scores = scoring(run, rows.y);
  for await (const member of run.predict(rows.asked(), members)) {
    scores.add(member);
    watch?.(member);
  }
  return scores.result();
}

/** The scores of the deep ensemble, and the mean of those that its networks have alone. */
async function startScores(run: OpenedRun, rows: Rows, starts: Members, watch?: TestWatch['start']) {
  const each: Omit<Scores, 'leftOut'>[] = [];
  const together = await score(run, rows, starts, (member) => {
    const alone = scoring(run, rows.y);
    alone.add(member);
    const { leftOut: _none, ...scores } = shown(alone.result());
    each.push(scores);
    watch?.(member);
  });
  return { together, single: meanScores(each) };
}

const shownBoth = ({ valid, test }: BothSplits<PointwiseScores>) => ({ valid: shown(valid), test: shown(test) });
