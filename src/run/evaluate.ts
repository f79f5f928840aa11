/** Scores a run: deep ensemble beside Bayesian ensemble, on validation and test rows. */
import type { BatchSource } from '../data/batches.ts';
import { classificationAccumulator } from '../infer/classification.ts';
import { type FunctionSpace, functionSpace } from '../infer/function-space.ts';
import { regressionAccumulator } from '../infer/regression.ts';
import { readJson, writeJson } from '../store/files.ts';
import { runPaths } from '../store/rundir.ts';
import type { ChainSummary } from './events.ts';
import { type LoadedRun, loadData, loadRun } from './load.ts';
import { predictMembers, readEnsemble, readMembers, type Thetas } from './members.ts';
import { judge, type Verdict } from './trust.ts';

/** Scores of one ensemble on one split. LPPD is in nats per row; for regression, of the standardised target. */
export interface Scores {
  readonly rows: number;
  readonly members: number;
  readonly nonFiniteMembers: number;
  readonly lppd: number;
  /** Regression: root mean squared error of the mean, in the units of the target. */
  readonly rmse?: number;
  /** Regression: share of rows inside the equal-tailed 50, 80, 90 and 95 % intervals. */
  readonly coverage?: readonly { readonly level: number; readonly observed: number }[];
  readonly accuracy?: number;
  readonly brier?: number;
  readonly ece?: number;
}

/** Scores with what the comparison of two ensembles needs. */
export interface PointwiseScores extends Scores {
  /** log predictive density of every row. */
  readonly pointwise: Float64Array;
  /** Mean log likelihood of every usable member. */
  readonly memberLogLikelihood: readonly number[];
}

export interface Evaluation {
  readonly run: string;
  readonly task: 'regression' | 'classification';
  readonly target: string;
  readonly sampler: string;
  readonly mode: string;
  readonly deepEnsemble: Readonly<Record<'valid' | 'test', Scores>>;
  /** Absent when the run stopped before its first draw. */
  readonly bayesianEnsemble?: Readonly<Record<'valid' | 'test', Scores>>;
  readonly chains: readonly ChainSummary[];
  /** Convergence of the validation log likelihood; absent for fewer than four draws, or non-finite ones. */
  readonly convergence?: FunctionSpace;
  readonly verdict: Verdict;
}

/** Scores the run in `dir`, stores the result there and returns it. Throws a `StoreError` for what is no run. */
export async function evaluate(dir: string): Promise<Evaluation> {
  const run = loadRun(dir);
  const data = loadData(run);
  const { spec, preprocessing } = run;
  const deepMembers = await deepEnsemble(run, data.valid);
  const scoreBoth = async (thetas: () => Thetas) => ({
    valid: await score(run, data.valid, thetas()),
    test: await score(run, data.test, thetas()),
  });
  const deep = await scoreBoth(() => deepMembers);
  const chains = readSummaries(run);
  const drawn = chains.some(({ draws }) => draws > 0);
  const bayes = drawn ? await scoreBoth(() => readEnsemble(run)) : undefined;
  const convergence = bayes && functionSpace(byChain(chains, bayes.valid));
  const evaluation: Evaluation = {
    run: dir,
    task: preprocessing.task,
    target: preprocessing.target.name,
    sampler: spec.sampler.name,
    mode: spec.sampler.mode,
    deepEnsemble: plain(deep),
    ...(bayes && { bayesianEnsemble: plain(bayes) }),
    chains,
    ...(convergence && { convergence }),
    verdict: judge({ spec, chains, deep: deep.valid, bayes: bayes?.valid, convergence }),
  };
  writeJson(runPaths(dir).result, evaluation);
  return evaluation;
}

/**
 * The warm-started members with an honest σ: where one σ is learned for all rows, the root mean square residual of
 * the member on the validation rows, which it was not trained on.
 */
export async function deepEnsemble(run: LoadedRun, valid: BatchSource): Promise<Float32Array[]> {
  const thetas = readMembers(run).map((theta) => Float32Array.from(theta));
  if (run.network.likelihood.name !== 'gaussian') return thetas;
  let k = 0;
  for await (const { mean } of predictMembers(run, valid.x, thetas)) {
    const square = mean.reduce((sum, mu, i) => sum + (valid.y[i] - mu) ** 2, 0);
    thetas[k++][run.network.dim - 1] = 0.5 * Math.log(square / mean.length);
  }
  return thetas;
}

async function score(run: LoadedRun, { x, y }: BatchSource, thetas: Thetas): Promise<PointwiseScores> {
  const { target } = run.preprocessing;
  if ('classes' in target) {
    const accumulator = classificationAccumulator(y.length, target.classes.length, y);
    for await (const { logProbability } of predictMembers(run, x, thetas)) accumulator.add(logProbability);
    const { members, nonFiniteMembers, lppd, accuracy, brier, ece, ...each } = accumulator.result();
    const { pointwise, memberLogLikelihood } = each;
    return { rows: y.length, members, nonFiniteMembers, lppd, accuracy, brier, ece, pointwise, memberLogLikelihood };
  }
  const accumulator = regressionAccumulator(y.length, y);
  for await (const { mean, sd } of predictMembers(run, x, thetas)) accumulator.add(mean, sd);
  const { members, nonFiniteMembers, lppd, rmse, coverage, pointwise, memberLogLikelihood } = accumulator.result();
  const scores = { rows: y.length, members, nonFiniteMembers, lppd, rmse: rmse * target.sd, coverage };
  return { ...scores, pointwise, memberLogLikelihood };
}

/** The members' log likelihoods, chain by chain; none where members were left out and the order is lost. */
function byChain(chains: readonly ChainSummary[], scores: PointwiseScores): Float64Array[] {
  if (scores.nonFiniteMembers > 0) return [];
  let at = 0;
  return chains.map(({ draws }) => {
    at += draws;
    return Float64Array.from(scores.memberLogLikelihood.slice(at - draws, at));
  });
}

const readSummaries = ({ dir, spec }: LoadedRun): ChainSummary[] =>
  Array.from({ length: spec.chains }, (_, k) => readJson(runPaths(dir).summary(k)) as ChainSummary);

const plain = (both: Record<'valid' | 'test', PointwiseScores>): Record<'valid' | 'test', Scores> => {
  const strip = ({ pointwise: _rows, memberLogLikelihood: _members, ...scores }: PointwiseScores): Scores => scores;
  return { valid: strip(both.valid), test: strip(both.test) };
};
