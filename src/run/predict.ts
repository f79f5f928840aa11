/** Predictions for new rows from a stored run. */
import { encode } from '../data/preprocess.ts';
import { readTable, type Table, tableFromRows } from '../data/table.ts';
import { specError, storeError } from '../errors.ts';
import { classificationAccumulator } from '../infer/classification.ts';
import { mixtureQuantiles } from '../infer/mixture.ts';
import { regressionAccumulator } from '../infer/regression.ts';
import { readJson } from '../store/files.ts';
import { runPaths } from '../store/rundir.ts';
import {
  type Calibration,
  type ConformalMethod,
  calibrate,
  conformalColumns,
  conformalMethod,
  groupsOf,
  outerQuantiles,
} from './conformal.ts';
import type { ChainSummary } from './events.ts';
import { type LoadedRun, loadData, loadRun } from './load.ts';
import { predictMembers, readEnsemble } from './members.ts';
import { type RecalibratedRun, recalibrate, recalibrated } from './recalibrate.ts';

export interface PredictOptions {
  readonly run: string;
  /** Path of a delimited file, or rows as objects, with the columns of the training data. */
  readonly data: string | readonly Readonly<Record<string, unknown>>[];
  /** Probabilities of the quantiles of a regression, each in (0, 1). */
  readonly quantiles?: readonly number[];
  /** Adds a conformal interval or set that holds the truth with this probability, in (0, 1). */
  readonly conformal?: number;
  /** Default: cqr for regression, aps for classification. */
  readonly conformalMethod?: ConformalMethod;
  /** Input column whose groups get thresholds, and so coverage, of their own (Mondrian). */
  readonly conformalGroup?: string | undefined;
  /** Scales deviations, or tempers probabilities, as suits the validation rows best. Conformal columns are those without it. */
  readonly recalibrate?: boolean | undefined;
  /** Bytes that a gzipped file may unpack to. Default 1e9. */
  readonly maxUnpacked?: number | undefined;
}

/** A prediction per input row: named numbers and, for classes, the most probable class. */
export type PredictedRow = Readonly<Record<string, number | string>>;

export interface Predictions {
  readonly task: 'regression' | 'classification';
  readonly target: string;
  readonly rows: readonly PredictedRow[];
  readonly warnings: readonly string[];
  /** The calibration behind the conformal columns. */
  readonly calibration?: Calibration;
  /** The scale behind recalibrated columns. */
  readonly recalibration?: RecalibratedRun;
}

const QUANTILES = [0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975];
/** Rows predicted at a time. */
const CHUNK = 1024;
/** Quantiles are those of at most about this many members, spread evenly over all draws. */
const QUANTILE_MEMBERS = 1000;

/**
 * Predicts with every draw of a run. Regression: mean, aleatoric and epistemic standard deviation and quantiles, in
 * the units of the target. Classification: class probabilities, and aleatoric and epistemic entropy in nats.
 */
export async function predict(options: PredictOptions): Promise<Predictions> {
  const { run: dir, data, quantiles = QUANTILES, conformal: level, maxUnpacked } = options;
  const outside = quantiles.find((q) => !(q > 0 && q < 1));
  if (outside !== undefined)
    throw specError(`quantiles: expected numbers between 0 and 1, got ${outside}. Correct it.`);
  const run = loadRun(dir);
  const { preprocessing } = run;
  const table: Table =
    typeof data === 'string'
      ? await readTable(data, { header: preprocessing.headed, maxUnpacked })
      : tableFromRows(data);
  const { x, warnings } = encode(preprocessing, table, [...Array(table.rows).keys()], false);
  const predictRows = (part: Float32Array, wanted: readonly number[]) => predictEncoded(run, part, wanted);
  const recalibration = options.recalibrate ? await recalibrate(run) : undefined;
  const shown = (row: PredictedRow) => (recalibration ? recalibrated(run, row, recalibration.scale) : row);
  const about = {
    task: preprocessing.task,
    target: preprocessing.target.name,
    warnings,
    ...(recalibration && { recalibration }),
  };
  if (level === undefined) return { ...about, rows: (await predictRows(x, quantiles)).map(shown) };
  const method = conformalMethod(preprocessing.task, options.conformalMethod);
  const { conformalGroup } = options;
  const calibration = await calibrate(run, loadData(run), level, method, predictRows, conformalGroup);
  const groups = conformalGroup === undefined ? [] : groupsOf(run, x, conformalGroup);
  const rows = await predictRows(
    x,
    [...new Set([...quantiles, ...outerQuantiles(level)])].sort((a, b) => a - b),
  );
  const unasked = outerQuantiles(level).filter((q) => !quantiles.includes(q));
  return {
    ...about,
    calibration,
    rows: rows.map((row, i) => {
      const asked = Object.entries(shown(row)).filter(([name]) => !unasked.some((q) => name === `q${q}`));
      return { ...Object.fromEntries(asked), ...conformalColumns(run, row, calibration, groups[i]) };
    }),
  };
}

/** Predictions of encoded rows `[n × p]`, as `predict` makes them. Throws a `StoreError` for a run without draws. */
export async function predictEncoded(
  run: LoadedRun,
  x: Float32Array,
  quantiles: readonly number[] = QUANTILES,
): Promise<PredictedRow[]> {
  const draws = countDraws(run);
  const size = CHUNK * run.network.inputs;
  const rows: PredictedRow[] = [];
  for (let at = 0; at < x.length; at += size) {
    rows.push(...(await predictChunk(run, x.subarray(at, at + size), draws, quantiles)));
  }
  return rows;
}

function countDraws(run: LoadedRun): number {
  const summaries = Array.from({ length: run.spec.chains }, (_, k) => readJson(runPaths(run.dir).summary(k)));
  const draws = (summaries as ChainSummary[]).reduce((sum, chain) => sum + chain.draws, 0);
  if (draws > 0) return draws;
  throw storeError(
    `${run.dir}: expected draws to predict with, got none: the run stopped before its first. Run the fit again.`,
  );
}

async function predictChunk(
  run: LoadedRun,
  x: Float32Array,
  draws: number,
  quantiles: readonly number[],
): Promise<PredictedRow[]> {
  const n = x.length / run.network.inputs;
  const { target } = run.preprocessing;
  if ('classes' in target) {
    const { classes } = target;
    const ensemble = classificationAccumulator(n, classes.length);
    for await (const { logProbability } of predictMembers(run, x, readEnsemble(run))) ensemble.add(logProbability);
    const { probability, predicted, aleatoric, epistemic } = ensemble.result();
    return Array.from({ length: n }, (_, i) => ({
      predicted: classes[predicted[i]],
      ...Object.fromEntries(classes.map((name, k) => [`p(${name})`, probability[i * classes.length + k]])),
      aleatoric: aleatoric[i],
      epistemic: epistemic[i],
    }));
  }
  const every = Math.ceil(draws / QUANTILE_MEMBERS);
  const kept: { mean: Float64Array; sd: Float64Array }[] = [];
  const ensemble = regressionAccumulator(n);
  let m = 0;
  for await (const { mean, sd } of predictMembers(run, x, readEnsemble(run))) {
    ensemble.add(mean, sd);
    if (m++ % every === 0 && mean.every(Number.isFinite)) kept.push({ mean, sd });
  }
  const { mean, aleatoric, epistemic } = ensemble.result();
  return Array.from({ length: n }, (_, i) => {
    const levels = mixtureQuantiles(
      kept.map((member) => member.mean[i]),
      kept.map((member) => member.sd[i]),
      quantiles,
    );
    return {
      mean: target.mean + target.sd * mean[i],
      aleatoric: target.sd * aleatoric[i],
      epistemic: target.sd * epistemic[i],
      ...Object.fromEntries(quantiles.map((q, k) => [`q${q}`, target.mean + target.sd * levels[k]])),
    };
  });
}
