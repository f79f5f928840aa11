/** Everything a report shows of a run, as numbers. */
import { existsSync } from 'node:fs';
import { type Evaluation, evaluateRows } from '../answers/evaluate.ts';
import { type OutOfDistribution, outOfDistribution } from '../answers/ood.ts';
import { FEWEST_ROWS, type RecalibratedRun, recalibrate } from '../answers/recalibrate.ts';
import type { LikelihoodChoice } from '../control/likelihood-pilot.ts';
import { kindOf } from '../data/learned.ts';
import { type EnergyDistribution, energyDistribution } from '../infer/energy.ts';
import { type Difference, pairedDifference } from '../infer/intervals.ts';
import { meanOf } from '../math/moments.ts';
import { rootKey, stream } from '../math/threefry.ts';
import type { LoadedRun } from '../spec/loaded-run.ts';
import { type OpenedRun, withRun } from '../spec/opened-run.ts';
import type { MemberPrediction } from '../spec/prediction.ts';
import { describePrior } from '../spec/prior.ts';
import type { ChainTrace } from '../spec/records.ts';
import { readJson } from '../store/files.ts';
import { runPaths } from '../store/rundir.ts';
import { inTurns, lppdOf, type Running, running } from './running.ts';
import { type TaskPart, taskPart } from './task-part.ts';

export interface Report extends TaskPart {
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
  readonly recalibration?: RecalibratedRun;
  /** Present where rows from elsewhere were given. */
  readonly ood?: OutOfDistribution;
}

/** Members kept for quantiles, running scores and CRPS, spread evenly over the draws of each chain. */
const KEPT = 400;

/** `ood` is a file of rows from elsewhere, with the input columns of the run. A run without draws has the parts that need none. */
export const collectReport = (dir: string, { ood }: { ood?: string | undefined } = {}): Promise<Report> =>
  withRun(dir, async (run) => {
    const { valid, test } = run.data;
    const { y } = test;
    const kept: MemberPrediction[][] = run.summaries.map(() => []);
    const every = Math.max(1, Math.ceil(run.drawCount / KEPT));
    const singles: Float64Array[] = [];
    const { evaluation, deep, bayes } = await evaluateRows(run, {
      start: (member) => singles.push(member.densities(y)),
      draw: (member) => {
        if (member.draw % every === 0) kept[member.chain].push(member);
      },
    });
    const densities = kept.map((chain) => chain.map((member) => member.densities(y)));
    const traces = run.summaries.map(({ chain }) => readJson(runPaths(dir).trace(chain)) as ChainTrace);
    const drawn = bayes !== undefined && bayes.test.members > 0 ? bayes.test : undefined;
    return {
      evaluation,
      facts: factsOf(run),
      overDraws: running(inTurns(densities)),
      overChains: densities.map((_, k) => ({ count: k + 1, lppd: lppdOf(densities.slice(0, k + 1).flat(), y.length) })),
      chainLppd: densities.map((chain) => lppdOf(chain, y.length)),
      singleLppd: singles.map((single) => lppdOf([single], y.length)),
      traces,
      energy: traces.map(({ energyErrors }) => energyDistribution(energyErrors, run.network.dim)),
      warmup: run.spec.sampler.warmup,
      ...(drawn && gains(run, drawn.pointwise, deep.test.pointwise, singles)),
      ...(drawn && (await recalibration(run, valid.y.length))),
      ...(drawn && ood !== undefined && { ood: await outOfDistribution(run, ood) }),
      ...(drawn && taskPart(run, drawn, kept)),
    };
  });

async function recalibration(run: OpenedRun, rows: number): Promise<Pick<Report, 'recalibration'>> {
  return kindOf(run.preprocessing) !== 'text' && rows >= FEWEST_ROWS ? { recalibration: await recalibrate(run) } : {};
}

/** What the Bayesian ensemble gains over the deep ensemble and its single networks; nothing where a row is impossible to one of them. */
function gains(
  { spec }: LoadedRun,
  bayes: Float64Array,
  deep: Float64Array,
  singles: readonly Float64Array[],
): Pick<Report, 'gain' | 'gainOverSingle'> {
  if (![bayes, deep].every((rows) => rows.every(Number.isFinite))) return {};
  const key = stream(rootKey(spec.seed), 'predict');
  const single = bayes.map((_, i) =>
    meanOf(Float64Array.from(singles, (densities) => densities[i]).filter(Number.isFinite)),
  );
  return { gain: pairedDifference(bayes, deep, key), gainOverSingle: pairedDifference(bayes, single, key) };
}

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
