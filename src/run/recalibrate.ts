/**
 * Recalibration of a stored run: one factor for all deviations, or one temperature of all logits, that suits the validation rows
 * best; judged on the test rows, kept in the run and replayed for new rows.
 */
import { existsSync } from 'node:fs';
import type { BatchSource } from '../data/batches.ts';
import { specError } from '../errors.ts';
import { reliability } from '../infer/calibration.ts';
import { classificationAccumulator } from '../infer/classification.ts';
import { regressionAccumulator } from '../infer/regression.ts';
import { temperature, tempered, varianceScale } from '../infer/scaling.ts';
import { meanOf } from '../math/autocorrelation.ts';
import { keepJson, readJson } from '../store/files.ts';
import { runPaths } from '../store/rundir.ts';
import type { NamedRow } from './conformal.ts';
import { type LoadedRun, loadData } from './load.ts';
import { predictMembers, readEnsemble } from './members.ts';
import { lawOf } from './target-law.ts';

/** Scores of the test rows: LPPD, and the share inside the 90 % interval or the expected calibration error. */
export interface RecalibrationScores {
  readonly lppd: number;
  readonly coverage90?: number;
  readonly ece?: number;
}

/** A recalibration as it lies in the run. */
export interface RecalibratedRun {
  /** Factor of all deviations around the mean, or divisor of all log probabilities. */
  readonly scale: number;
  readonly calibrationRows: number;
  readonly testRows: number;
  readonly before: RecalibrationScores;
  readonly after: RecalibrationScores;
}

/** Whether one factor of all deviations is a recalibration: stretched about its mean, a positive target would reach below zero. */
export const isRecalibrable = ({ network }: LoadedRun): boolean => network.likelihood.scale !== 'log';

/**
 * Learns the scale from the validation rows, or reads what was learned before, and stores it. Throws a `SpecError` for a log-normal
 * run.
 */
export async function recalibrate(run: LoadedRun): Promise<RecalibratedRun> {
  const path = runPaths(run.dir).recalibration;
  if (existsSync(path)) return readJson(path) as RecalibratedRun;
  if (!isRecalibrable(run)) {
    throw specError(
      'recalibrate: expected a likelihood whose deviations can be scaled about the mean, got log-normal, whose intervals would reach ' +
        'below zero. Use --conformal, or fit with another --likelihood.',
    );
  }
  const { valid, test } = loadData(run);
  const found =
    run.preprocessing.task === 'regression'
      ? await scaleDeviations(run, valid, test)
      : await scaleLogits(run, valid, test);
  const result = { ...found, calibrationRows: valid.y.length, testRows: test.y.length };
  keepJson(path, result);
  return result;
}

type Found = Pick<RecalibratedRun, 'scale' | 'before' | 'after'>;

async function scaleDeviations(run: LoadedRun, valid: BatchSource, test: BatchSource): Promise<Found> {
  const summary = async (x: Float32Array, y: Float64Array) => {
    const ensemble = regressionAccumulator(y.length, y, lawOf(run));
    for await (const { mean, sd } of predictMembers(run, x, readEnsemble(run))) ensemble.add(mean, sd);
    return ensemble.result();
  };
  const own = await summary(valid.x, valid.y);
  const deviation = own.aleatoric.map((a, i) => Math.hypot(a, own.epistemic[i]));
  const scale = varianceScale(valid.y, own.mean, deviation);
  const fresh = await summary(test.x, test.y);
  // A density stretched by s about its mean is, at y, that of before at mean + (y − mean)/s, divided by s.
  const shrunk = test.y.map((y, i) => fresh.mean[i] + (y - fresh.mean[i]) / scale);
  const stretched = await summary(test.x, shrunk);
  const scores = (of: typeof fresh, lppd: number): RecalibrationScores => ({
    lppd,
    coverage90: of.coverage.find(({ level }) => level === 0.9)?.observed ?? Number.NaN,
  });
  return { scale, before: scores(fresh, fresh.lppd), after: scores(stretched, stretched.lppd - Math.log(scale)) };
}

async function scaleLogits(run: LoadedRun, valid: BatchSource, test: BatchSource): Promise<Found> {
  const classes = valid.targets;
  const probabilities = async ({ x, y }: BatchSource) => {
    const ensemble = classificationAccumulator(y.length, classes);
    for await (const { logProbability } of predictMembers(run, x, readEnsemble(run))) ensemble.add(logProbability);
    return ensemble.result().probability;
  };
  const scale = temperature((await probabilities(valid)).map(Math.log), valid.y);
  const fresh = await probabilities(test);
  const scores = (t: number): RecalibrationScores => {
    const rows = Array.from(test.y, (_, i) => tempered(fresh.subarray(i * classes, (i + 1) * classes), t));
    const best = rows.map((p) => p.indexOf(Math.max(...p)));
    return {
      lppd: meanOf(test.y.map((label, i) => Math.log(rows[i][label]))),
      ece: reliability(
        best.map((c, i) => rows[i][c]),
        best.map((c, i) => (c === test.y[i] ? 1 : 0)),
      ).ece,
    };
  };
  return { scale, before: scores(1), after: scores(scale) };
}

/**
 * A predicted row after recalibration. Regression: deviations times the scale, quantiles stretched about the mean. Classification:
 * tempered probabilities; their entropy keeps the former shares of noise and disagreement.
 */
export function recalibrated({ preprocessing: { target } }: LoadedRun, row: NamedRow, scale: number): NamedRow {
  const number = (name: string) => row[name] as number;
  if ('classes' in target) {
    const names = target.classes.map((name) => `p(${name})`);
    const p = tempered(names.map(number), scale);
    const entropy = p.reduce((sum, q) => (q > 0 ? sum - q * Math.log(q) : sum), 0);
    const total = number('aleatoric') + number('epistemic');
    const share = total > 0 ? entropy / total : 0;
    return {
      ...row,
      ...Object.fromEntries(names.map((name, k) => [name, p[k]])),
      aleatoric: share * number('aleatoric'),
      epistemic: share * number('epistemic'),
    };
  }
  const mean = number('mean');
  const stretched = Object.keys(row).map((name) => {
    if (name === 'aleatoric' || name === 'epistemic') return [name, scale * number(name)];
    return [name, /^q[\d.]/.test(name) ? mean + scale * (number(name) - mean) : row[name]];
  });
  return Object.fromEntries(stretched);
}
