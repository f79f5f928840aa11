/** Everything a report shows of a run, as numbers. */
import { existsSync } from 'node:fs';
import { type Evaluation, evaluate } from '../answers/evaluate.ts';
import { type OutOfDistribution, outOfDistribution } from '../answers/ood.ts';
import { FEWEST_ROWS, isRecalibrable, type RecalibratedRun, recalibrate } from '../answers/recalibrate.ts';
import type { LikelihoodChoice } from '../control/likelihood-pilot.ts';
import type { TableRows } from '../data/table/rows.ts';
import type { Reliability } from '../infer/calibration.ts';
import { classificationAccumulator } from '../infer/classification.ts';
import { mixtureCrps } from '../infer/crps.ts';
import { type EnergyDistribution, energyDistribution } from '../infer/energy.ts';
import { type Difference, pairedDifference } from '../infer/intervals.ts';
import { logSums } from '../infer/logsum.ts';
import { mixtureQuantiles } from '../infer/mixture.ts';
import { regressionAccumulator } from '../infer/regression.ts';
import { usableNormal } from '../infer/usable.ts';
import { meanOf } from '../math/autocorrelation.ts';
import { rootKey, stream } from '../math/threefry.ts';
import { deepEnsemble } from '../spec/deep-ensemble.ts';
import { type LoadedRun, loadData, loadRun } from '../spec/opened.ts';
import { type MemberPrediction, predictMembers, readEnsemble, rowDensities } from '../spec/predictor.ts';
import { describePrior } from '../spec/prior.ts';
import type { ChainTrace } from '../spec/records.ts';
import { lawOf } from '../spec/target-law.ts';
import { readJson } from '../store/files.ts';
import { runPaths } from '../store/rundir.ts';

/** A point of a running score. */
export interface Running {
  readonly count: number;
  readonly lppd: number;
}

interface PredictedTest {
  readonly mean: number;
  readonly lower: number;
  readonly upper: number;
  readonly observed: number;
}

export interface Report {
  readonly evaluation: Evaluation;
  readonly facts: readonly (readonly [string, string])[];
  /** Test LPPD after so many draws, taken in turns from all chains; and after so many chains with all their draws. */
  readonly overDraws: readonly Running[];
  readonly overChains: readonly Running[];
  /** Test LPPD of each chain alone. */
  readonly chainLppd: readonly number[];
  /** Test LPPD of the single warm-started networks. */
  readonly singleLppd: readonly number[];
  readonly traces: readonly ChainTrace[];
  /** Steps of warm-up. */
  readonly warmup: number;
  /** Energy errors of the sampling steps, chain by chain; undefined where too few were measured. */
  readonly energy: readonly (EnergyDistribution | undefined)[];
  /** Bayesian less deep ensemble, and less the single networks on average, per test row; absent where no draw predicts all rows. */
  readonly gain?: Difference;
  readonly gainOverSingle?: Difference;
  /** Of every test row that some draw predicts: uncertainty, and loss (squared error, or 1 where the class is wrong). */
  readonly rejection?: { readonly uncertainty: readonly number[]; readonly loss: readonly number[] };
  readonly recalibration?: RecalibratedRun;
  /** Present where rows from elsewhere were given. */
  readonly ood?: OutOfDistribution;
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

/** Members kept for quantiles, running scores and CRPS, spread evenly over all draws. */
const KEPT = 400;
/** Rows in the figure of predictions. */
const SHOWN = 60;

/** `ood` is a file of rows from elsewhere, with the input columns of the run. A run without draws has the parts that need none. */
export async function collectReport(dir: string, { ood }: { ood?: string | undefined } = {}): Promise<Report> {
  const evaluation = await evaluate(dir);
  const run = loadRun(dir);
  const { valid, test } = loadData(run);
  const { y } = test;
  const draws = evaluation.chains.map((chain) => chain.draws);
  const drawn = (evaluation.bayesianEnsemble?.test.members ?? 0) > 0;
  const { kept, summary } = await drawnMembers(run, test, draws);
  const density = kept.map((chain) => chain.map((member) => rowDensities(run, member, y)));
  const singles: Float64Array[] = [];
  for await (const member of predictMembers(run, test.x, await deepEnsemble(run, valid)))
    singles.push(rowDensities(run, member, y));
  const all = inTurns(density);
  const traces = evaluation.chains.map(({ chain }) => readJson(runPaths(dir).trace(chain)) as ChainTrace);
  return {
    evaluation,
    facts: factsOf(run),
    overDraws: running(all),
    overChains: density.map((_, k) => ({ count: k + 1, lppd: lppdOf(density.slice(0, k + 1).flat(), y.length) })),
    chainLppd: density.map((chain) => lppdOf(chain, y.length)),
    singleLppd: singles.map((single) => lppdOf([single], y.length)),
    traces,
    energy: traces.map(({ energyErrors }) => energyDistribution(energyErrors, run.network.dim)),
    warmup: run.spec.sampler.warmup,
    ...(drawn && gains(run, pointwise(all, y.length), singles)),
    ...(drawn && isRecalibrable(run) && valid.y.length >= FEWEST_ROWS && { recalibration: await recalibrate(run) }),
    ...(drawn && ood !== undefined && { ood: await outOfDistribution(dir, ood) }),
    ...(drawn && summary.task(kept)),
  };
}

/** What the Bayesian ensemble gains over the deep ensemble and its single networks; nothing where a row is impossible to one of them. */
function gains({ spec }: LoadedRun, bayes: Float64Array, singles: readonly Float64Array[]) {
  const deep = pointwise(singles, bayes.length);
  if (![bayes, deep].every((rows) => rows.every(Number.isFinite))) return {};
  const key = stream(rootKey(spec.seed), 'predict');
  const single = bayes.map((_, i) => average(singles.map((densities) => densities[i]).filter(Number.isFinite)));
  return { gain: pairedDifference(bayes, deep, key), gainOverSingle: pairedDifference(bayes, single, key) };
}

/** Members kept of each chain, spread evenly over its draws, and the summary of all draws. */
async function drawnMembers(run: LoadedRun, { x, y }: TableRows, draws: readonly number[]) {
  const kept: MemberPrediction[][] = draws.map(() => []);
  const every = Math.max(1, Math.ceil(draws.reduce((sum, n) => sum + n, 0) / KEPT));
  const summary = run.preprocessing.task === 'regression' ? numbers(run, y) : classes(run, y);
  let chain = 0;
  let seen = 0;
  for await (const member of predictMembers(run, x, readEnsemble(run))) {
    while (seen >= draws[chain]) {
      chain++;
      seen = 0;
    }
    if (seen++ % every === 0) kept[chain].push(member);
    summary.add(member);
  }
  return { kept, summary };
}

/** log of the mean density of every row `[n]` over the members that predict it; −∞ where none does. */
function pointwise(members: readonly Float64Array[], rows: number): Float64Array {
  const sums = logSums(rows);
  const counts = new Uint32Array(rows);
  for (const member of members) {
    member.forEach((log, i) => {
      if (Number.isNaN(log)) return;
      sums.add(i, log);
      counts[i]++;
    });
  }
  return sums.means(counts);
}

const lppdOf = (members: readonly Float64Array[], rows: number): number => meanOf(pointwise(members, rows));

/** First draws of all chains, then second ones, and so on. */
function inTurns<T>(chains: readonly (readonly T[])[]): T[] {
  const longest = Math.max(...chains.map((chain) => chain.length));
  return Array.from({ length: longest }, (_, k) =>
    chains.flatMap((chain) => (k < chain.length ? [chain[k]] : [])),
  ).flat();
}

function running(members: readonly Float64Array[]): Running[] {
  if (members.length === 0) return [];
  const points = 16;
  const counts = new Set(
    Array.from({ length: points }, (_, k) => Math.max(1, Math.round(members.length ** (k / (points - 1))))),
  );
  return [...counts].map((count) => ({ count, lppd: lppdOf(members.slice(0, count), members[0].length) }));
}

type Chains = readonly (readonly MemberPrediction[])[];

/** The parts of a regression: coverage and transforms of all draws, the rest of the kept ones. */
function numbers(run: LoadedRun, y: Float64Array) {
  const { mean: shift, sd: scale } = run.preprocessing.target as { mean: number; sd: number };
  const original = (v: number) => shift + scale * v;
  const law = lawOf(run);
  const summary = regressionAccumulator(y.length, y, law);
  return {
    add: ({ mean, sd }: MemberPrediction) => summary.add(mean, sd),
    task(chains: Chains): Pick<Report, 'regression' | 'rejection'> {
      const rows: PredictedTest[] = [];
      let crps = 0;
      const variance: [number, number, number] = [0, 0, 0];
      y.forEach((value, i) => {
        const usable = chains.map((chain) => chain.filter(({ mean, sd }) => usableNormal(mean[i], sd[i])));
        const members = usable.flat();
        if (members.length === 0) return;
        const means = members.map(({ mean }) => mean[i]);
        const sds = members.map(({ sd }) => sd[i]);
        const [lower, upper] = mixtureQuantiles(means, sds, [0.05, 0.95], law);
        const mean = average(means);
        rows.push({ mean: original(mean), lower: original(lower), upper: original(upper), observed: original(value) });
        crps += scale * mixtureCrps(means.slice(0, CRPS_MEMBERS), sds.slice(0, CRPS_MEMBERS), value, law);
        const drawn = usable.filter((chain) => chain.length > 0);
        const centres = drawn.map((chain) => average(chain.map((member) => member.mean[i])));
        variance[0] += average(sds.map((sd) => sd * sd));
        variance[1] += average(drawn.map((chain, c) => average(chain.map((m) => (m.mean[i] - centres[c]) ** 2))));
        variance[2] += average(centres.map((centre) => (centre - mean) ** 2));
      });
      const every = Math.max(1, Math.ceil(rows.length / SHOWN));
      return {
        regression: {
          rows: rows.toSorted((a, b) => a.mean - b.mean).filter((_, i) => i % every === 0),
          pit: [...summary.result().pit].filter(Number.isFinite),
          crps: crps / rows.length,
          sharpness: average(rows.map(({ lower, upper }) => upper - lower)),
          variance: [variance[0] / rows.length, variance[1] / rows.length, variance[2] / rows.length],
        },
        rejection: {
          uncertainty: rows.map(({ lower, upper }) => upper - lower),
          loss: rows.map(({ mean, observed }) => (observed - mean) ** 2),
        },
      };
    },
  };
}

/** CRPS costs the square of the members. */
const CRPS_MEMBERS = 100;

/** The parts of a classification, of all draws. */
function classes({ preprocessing }: LoadedRun, y: Float64Array) {
  const summary = classificationAccumulator(
    y.length,
    (preprocessing.target as { classes: readonly string[] }).classes.length,
    y,
  );
  return {
    add: ({ logProbability }: MemberPrediction) => summary.add(logProbability),
    task(): Pick<Report, 'classification' | 'rejection'> {
      const { usable, ece, bins, ...scores } = summary.result();
      const predicted = (_: number, i: number) => usable[i] > 0;
      const confidence = [...scores.confidence].filter(predicted);
      const correct = [...scores.correct].filter(predicted);
      return {
        classification: { confidence, correct, reliability: { ece, bins } },
        rejection: { uncertainty: confidence.map((p) => 1 - p), loss: correct.map((c) => 1 - c) },
      };
    },
  };
}

const average = (v: readonly number[]) => v.reduce((sum, x) => sum + x, 0) / v.length;

function factsOf({ dir, manifest, spec, preprocessing, network }: LoadedRun): [string, string][] {
  const choice = runPaths(dir).likelihood;
  const { sampler, model } = spec;
  return [
    ['data', `${manifest.source} (sha256 ${manifest.dataHash.slice(0, 12)}…)`],
    ['target', `${preprocessing.target.name}, ${preprocessing.task}`],
    ['network', `${network.model.name}, ${network.dim} parameters, ${network.likelihood.name} likelihood`],
    ...(existsSync(choice) ? [['choice', (readJson(choice) as LikelihoodChoice).said] as [string, string]] : []),
    ['prior', describePrior(model)],
    [
      'sampler',
      `${sampler.name} (${sampler.mode}), ${sampler.warmup} + ${sampler.steps} steps, thinned by ${sampler.thin}, batch ${sampler.batchSize}`,
    ],
    ['seed', String(spec.seed)],
    ['software', manifest.software],
    ['fitted', manifest.created],
  ];
}
