/** Everything a report shows of a run, as numbers. */
import { existsSync } from 'node:fs';
import { mixtureCrps } from '../infer/crps.ts';
import { type EnergyDistribution, energyDistribution } from '../infer/energy.ts';
import { type Difference, pairedDifference } from '../infer/intervals.ts';
import { mixtureQuantiles } from '../infer/mixture.ts';
import { rootKey, stream } from '../math/threefry.ts';
import { deepEnsemble } from '../run/deep-ensemble.ts';
import { type Evaluation, evaluate } from '../run/evaluate.ts';
import type { ChainTrace } from '../run/events.ts';
import type { LikelihoodChoice } from '../run/likelihood-pilot.ts';
import { type LoadedRun, loadData, loadRun } from '../run/load.ts';
import { type MemberPrediction, predictMembers, readEnsemble, rowDensities } from '../run/members.ts';
import { type OutOfDistribution, outOfDistribution } from '../run/ood.ts';
import { describePrior } from '../run/prior.ts';
import { isRecalibrable, type RecalibratedRun, recalibrate } from '../run/recalibrate.ts';
import { lawOf } from '../run/target-law.ts';
import { readJson } from '../store/files.ts';
import { runPaths } from '../store/rundir.ts';

/** A point of a running score. */
export interface Running {
  readonly count: number;
  readonly lppd: number;
}

export interface PredictedTest {
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
  /** Bayesian less deep ensemble, and less the single networks on average, per test row. */
  readonly gain: Difference;
  readonly gainOverSingle: Difference;
  /** Of every test row: uncertainty, and loss (squared error, or 1 where the class is wrong). */
  readonly rejection: { readonly uncertainty: readonly number[]; readonly loss: readonly number[] };
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
    /** Confidence and correctness of every test row. */
    readonly confidence: readonly number[];
    readonly correct: readonly number[];
  };
}

/** Members kept for quantiles, running scores and CRPS, spread evenly over all draws. */
const KEPT = 400;
/** Rows in the figure of predictions. */
const SHOWN = 60;

/** `ood` is a file of rows from elsewhere, with the input columns of the run. */
export async function collectReport(dir: string, { ood }: { ood?: string | undefined } = {}): Promise<Report> {
  const evaluation = await evaluate(dir);
  const run = loadRun(dir);
  const { valid, test } = loadData(run);
  const { y } = test;
  const draws = evaluation.chains.map((chain) => chain.draws);
  const every = Math.max(1, Math.ceil(draws.reduce((sum, n) => sum + n, 0) / KEPT));
  const kept = await keptMembers(run, test.x, draws, every);
  const density = kept.map((chain) => chain.map((member) => rowDensities(run, member, y)));
  const singles: Float64Array[] = [];
  for await (const member of predictMembers(run, test.x, await deepEnsemble(run, valid)))
    singles.push(rowDensities(run, member, y));
  const all = inTurns(density);
  const key = stream(rootKey(run.spec.seed), 'predict');
  const bayes = pointwise(all);
  const single = bayes.map((_, i) => average(singles.map((densities) => densities[i])));
  const traces = evaluation.chains.map(({ chain }) => readJson(runPaths(dir).trace(chain)) as ChainTrace);
  const task = run.preprocessing.task === 'regression' ? regressionOf(run, kept, y) : classificationOf(kept.flat(), y);
  return {
    evaluation,
    facts: factsOf(run),
    overDraws: running(all),
    overChains: density.map((_, k) => ({ count: k + 1, lppd: lppdOf(density.slice(0, k + 1).flat()) })),
    chainLppd: density.map(lppdOf),
    singleLppd: singles.map((single) => lppdOf([single])),
    traces,
    energy: traces.map(({ energyErrors }) => energyDistribution(energyErrors, run.network.dim)),
    warmup: run.spec.sampler.warmup,
    gain: pairedDifference(bayes, pointwise(singles), key),
    gainOverSingle: pairedDifference(bayes, single, key),
    ...(isRecalibrable(run) && { recalibration: await recalibrate(run) }),
    ...(ood !== undefined && { ood: await outOfDistribution(dir, ood) }),
    ...task,
  };
}

/** The members kept of each chain. */
async function keptMembers(run: LoadedRun, x: Float32Array, draws: readonly number[], every: number) {
  const kept: MemberPrediction[][] = draws.map(() => []);
  let chain = 0;
  let seen = 0;
  for await (const member of predictMembers(run, x, readEnsemble(run))) {
    while (seen >= draws[chain]) {
      chain++;
      seen = 0;
    }
    if (seen++ % every === 0) kept[chain].push(member);
  }
  return kept;
}

/** log of the mean density of every row. */
function pointwise(members: readonly Float64Array[]): Float64Array {
  return members[0].map((_, i) => {
    const most = members.reduce((high, member) => Math.max(high, member[i]), Number.NEGATIVE_INFINITY);
    return most + Math.log(members.reduce((sum, member) => sum + Math.exp(member[i] - most), 0) / members.length);
  });
}

function lppdOf(members: readonly Float64Array[]): number {
  const each = pointwise(members);
  return each.reduce((sum, v) => sum + v, 0) / each.length;
}

/** First draws of all chains, then second ones, and so on. */
function inTurns<T>(chains: readonly (readonly T[])[]): T[] {
  const longest = Math.max(...chains.map((chain) => chain.length));
  return Array.from({ length: longest }, (_, k) =>
    chains.flatMap((chain) => (k < chain.length ? [chain[k]] : [])),
  ).flat();
}

function running(members: readonly Float64Array[]): Running[] {
  const points = 16;
  const counts = new Set(
    Array.from({ length: points }, (_, k) => Math.max(1, Math.round(members.length ** (k / (points - 1))))),
  );
  return [...counts].map((count) => ({ count, lppd: lppdOf(members.slice(0, count)) }));
}

function regressionOf(run: LoadedRun, chains: readonly (readonly MemberPrediction[])[], y: Float64Array) {
  const { target } = run.preprocessing;
  const { mean: shift, sd: scale } = target as { mean: number; sd: number };
  const law = lawOf(run);
  const members = chains.flat();
  const original = (v: number) => shift + scale * v;
  const rows: PredictedTest[] = [];
  const pit: number[] = [];
  let crps = 0;
  const variance: [number, number, number] = [0, 0, 0];
  y.forEach((value, i) => {
    const means = members.map(({ mean }) => mean[i]);
    const sds = members.map(({ sd }) => sd[i]);
    const [lower, upper] = mixtureQuantiles(means, sds, [0.05, 0.95], law);
    const mean = average(means);
    rows.push({ mean: original(mean), lower: original(lower), upper: original(upper), observed: original(value) });
    pit.push(average(means.map((m, k) => law.below(value, m, sds[k]))));
    crps += (scale * mixtureCrps(means.slice(0, CRPS_MEMBERS), sds.slice(0, CRPS_MEMBERS), value, law)) / y.length;
    const centres = chains.map((chain) => average(chain.map((member) => member.mean[i])));
    variance[0] += average(sds.map((sd) => sd * sd)) / y.length;
    variance[1] +=
      average(chains.map((chain, c) => average(chain.map((m) => (m.mean[i] - centres[c]) ** 2)))) / y.length;
    variance[2] += average(centres.map((centre) => (centre - mean) ** 2)) / y.length;
  });
  const every = Math.max(1, Math.ceil(rows.length / SHOWN));
  const rejection = {
    uncertainty: rows.map(({ lower, upper }) => upper - lower),
    loss: rows.map(({ mean, observed }) => (observed - mean) ** 2),
  };
  const regression = {
    rows: rows.toSorted((a, b) => a.mean - b.mean).filter((_, i) => i % every === 0),
    pit,
    crps,
    sharpness: average(rows.map(({ lower, upper }) => upper - lower)),
    variance,
  };
  return { regression, rejection };
}

/** CRPS costs the square of the members. */
const CRPS_MEMBERS = 100;

function classificationOf(members: readonly MemberPrediction[], y: Float64Array) {
  const classes = members[0].logProbability.length / y.length;
  const confidence: number[] = [];
  const correct: number[] = [];
  y.forEach((label, i) => {
    const p = Array.from({ length: classes }, (_, k) =>
      average(members.map(({ logProbability }) => Math.exp(logProbability[i * classes + k]))),
    );
    const best = p.indexOf(Math.max(...p));
    confidence.push(p[best]);
    correct.push(best === label ? 1 : 0);
  });
  const rejection = { uncertainty: confidence.map((p) => 1 - p), loss: correct.map((c) => 1 - c) };
  return { classification: { confidence, correct }, rejection };
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
