/**
 * Conformal intervals and sets of a stored run: calibrated on its validation rows, checked on its test rows, kept in the run
 * and replayed for new rows.
 */
import { existsSync } from 'node:fs';
import { specError } from '../errors.ts';
import {
  APS,
  conformalThreshold,
  predictionSet,
  quantileScores,
  RAPS,
  scaledScores,
  setScore,
} from '../infer/conformal.ts';
import { readJson, writeJson } from '../store/files.ts';
import { runPaths } from '../store/rundir.ts';
import type { LoadedRun } from './load.ts';

export const CONFORMAL_METHODS = ['cqr', 'scaled', 'aps', 'raps'] as const;
export type ConformalMethod = (typeof CONFORMAL_METHODS)[number];

/** A calibration as it lies in the run. */
export interface Calibration {
  readonly method: ConformalMethod;
  readonly level: number;
  /** Intervals widen by it (cqr, in units of the target), are it times the deviation (scaled), or sets hold scores up to it. */
  readonly threshold: number;
  readonly calibrationRows: number;
  /** Share of the test rows inside, which took no part in the calibration. */
  readonly testCoverage: number;
}

/** What a prediction must hold for its conformal part: numbers by column, as `predict` makes them. */
export type NamedRow = Readonly<Record<string, number | string>>;
/** Predicts encoded rows, with these quantiles. */
export type RowPredictor = (x: Float32Array, quantiles: readonly number[]) => Promise<NamedRow[]>;

/** The method for this task: the one asked for, else cqr or aps. Throws a `SpecError` for one of the other task. */
export function conformalMethod(task: 'regression' | 'classification', asked?: ConformalMethod): ConformalMethod {
  const own: readonly ConformalMethod[] = task === 'regression' ? ['cqr', 'scaled'] : ['aps', 'raps'];
  if (asked !== undefined && !own.includes(asked)) {
    throw specError(`conformal: expected ${own.join(' or ')} for ${task}, got ${asked}. Leave the method out.`);
  }
  return asked ?? own[0];
}

/** The two quantiles that cqr starts from. */
export const outerQuantiles = (level: number): [number, number] => {
  const tail = Number(((1 - level) / 2).toPrecision(12));
  return [tail, 1 - tail];
};

/** Calibrates on the validation rows, or reads what was calibrated before, and stores it. */
export async function calibrate(
  run: LoadedRun,
  data: { readonly valid: EncodedRows; readonly test: EncodedRows },
  level: number,
  method: ConformalMethod,
  predictRows: RowPredictor,
): Promise<Calibration> {
  const path = runPaths(run.dir).conformal(method, level);
  if (existsSync(path)) return readJson(path) as Calibration;
  const score = async ({ x, y }: EncodedRows) =>
    scores(run, await predictRows(x, outerQuantiles(level)), y, level, method);
  const own = await score(data.valid);
  const threshold = conformalThreshold(own, level);
  if (threshold === Number.POSITIVE_INFINITY) {
    throw specError(
      `conformal: expected more than ${own.length} validation rows for a level of ${level}, which needs ${Math.ceil(level / (1 - level))}. ` +
        'Lower the level, or fit with more validation rows.',
    );
  }
  const held = (await score(data.test)).filter((value) => value <= threshold);
  const calibration: Calibration = {
    method,
    level,
    threshold,
    calibrationRows: own.length,
    testCoverage: held.length / data.test.y.length,
  };
  writeJson(path, calibration);
  return calibration;
}

/** The `u` of the set scores: any fixed number keeps the coverage, and ½ is the mean of the random one. */
const HALF = 0.5;

export interface EncodedRows {
  readonly x: Float32Array;
  readonly y: Float64Array;
}

function scores(
  { preprocessing: { target } }: LoadedRun,
  rows: readonly NamedRow[],
  y: Float64Array,
  level: number,
  method: ConformalMethod,
): Float64Array {
  if ('classes' in target) {
    const options = method === 'raps' ? RAPS : APS;
    return y.map((label, i) => setScore(probabilities(rows[i], target.classes), label, HALF, options));
  }
  const column = (name: string) => rows.map((row) => row[name] as number);
  const observed = y.map((value) => target.mean + target.sd * value);
  if (method === 'scaled') return scaledScores(observed, column('mean'), rows.map(deviation));
  const [lower, upper] = outerQuantiles(level);
  return quantileScores(observed, column(`q${lower}`), column(`q${upper}`));
}

/** The conformal columns of one predicted row. */
export function conformalColumns(
  { preprocessing: { target } }: LoadedRun,
  row: NamedRow,
  { method, level, threshold }: Calibration,
): NamedRow {
  if ('classes' in target) {
    const set = predictionSet(probabilities(row, target.classes), threshold, HALF, method === 'raps' ? RAPS : APS);
    return { conformal: set.map((k) => target.classes[k]).join('|') };
  }
  const [lower, upper] = outerQuantiles(level);
  const [from, to] =
    method === 'scaled'
      ? [(row.mean as number) - threshold * deviation(row), (row.mean as number) + threshold * deviation(row)]
      : [(row[`q${lower}`] as number) - threshold, (row[`q${upper}`] as number) + threshold];
  return { conformalLower: from, conformalUpper: to };
}

const deviation = (row: NamedRow) => Math.hypot(row.aleatoric as number, row.epistemic as number);
const probabilities = (row: NamedRow, classes: readonly string[]) => classes.map((name) => row[`p(${name})`] as number);
