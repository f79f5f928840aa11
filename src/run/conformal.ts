/**
 * Conformal intervals and sets of a stored run: calibrated on its validation rows, checked on its test rows, kept in the run
 * and replayed for new rows.
 */
import { existsSync } from 'node:fs';
import { specError } from '../errors.ts';
import {
  APS,
  conformalThreshold,
  groupThresholds,
  predictionSet,
  quantileScores,
  RAPS,
  scaledScores,
  setScore,
} from '../infer/conformal.ts';
import { keepJson, readJson } from '../store/files.ts';
import { runPaths } from '../store/rundir.ts';
import type { LoadedRun } from './load.ts';

export const CONFORMAL_METHODS = ['cqr', 'scaled', 'aps', 'raps'] as const;
export type ConformalMethod = (typeof CONFORMAL_METHODS)[number];

/** The threshold of one group of rows. */
export interface GroupCalibration {
  readonly group: string;
  readonly calibrationRows: number;
  /** Its own threshold, or the common one where it has too few rows for the level. */
  readonly threshold: number;
  readonly own: boolean;
  readonly testRows: number;
  readonly testCoverage: number;
}

/** A calibration as it lies in the run. */
export interface Calibration {
  readonly method: ConformalMethod;
  readonly level: number;
  /** Column whose groups have thresholds of their own (Mondrian). */
  readonly groupColumn?: string;
  readonly groups?: readonly GroupCalibration[];
  /** Intervals widen by it (cqr, in units of the target, or of its logarithm for log-normal), are it times the deviation (scaled), or sets hold scores up to it. */
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
  groupColumn?: string,
): Promise<Calibration> {
  const path = runPaths(run.dir).conformal(method, level, groupColumn);
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
  const fresh = await score(data.test);
  const groups =
    groupColumn === undefined
      ? undefined
      : calibrateGroups(
          { scores: own, groups: groupsOf(run, data.valid.x, groupColumn) },
          { scores: fresh, groups: groupsOf(run, data.test.x, groupColumn) },
          level,
          threshold,
        );
  const limit = (i: number, of: readonly string[]) => thresholdOf({ threshold, groups }, of[i]);
  const testGroups = groupColumn === undefined ? [] : groupsOf(run, data.test.x, groupColumn);
  const calibration: Calibration = {
    method,
    level,
    threshold,
    calibrationRows: own.length,
    testCoverage: fresh.filter((value, i) => value <= limit(i, testGroups)).length / data.test.y.length,
    ...(groups && groupColumn !== undefined && { groupColumn, groups }),
  };
  keepJson(path, calibration);
  return calibration;
}

/** The `u` of the set scores: any fixed number keeps the coverage, and ½ is the mean of the random one. */
const HALF = 0.5;

export interface EncodedRows {
  readonly x: Float32Array;
  readonly y: Float64Array;
}

function scores(
  run: LoadedRun,
  rows: readonly NamedRow[],
  y: Float64Array,
  level: number,
  method: ConformalMethod,
): Float64Array {
  const { target } = run.preprocessing;
  if ('classes' in target) {
    const options = method === 'raps' ? RAPS : APS;
    return y.map((label, i) => setScore(probabilities(rows[i], target.classes), label, HALF, options));
  }
  const column = (name: string) => rows.map((row) => row[name] as number);
  const observed = y.map((value) => target.mean + target.sd * value);
  if (method === 'scaled') return scaledScores(observed, column('mean'), rows.map(deviation));
  const [lower, upper] = outerQuantiles(level);
  const { to } = widening(run);
  return quantileScores(observed.map(to), column(`q${lower}`).map(to), column(`q${upper}`).map(to));
}

interface Scored {
  readonly scores: Float64Array;
  readonly groups: readonly string[];
}

function calibrateGroups(own: Scored, fresh: Scored, level: number, common: number): GroupCalibration[] {
  const thresholds = groupThresholds(own.scores, own.groups, level);
  return [...new Set([...own.groups, ...fresh.groups])].sort().map((group) => {
    const found = thresholds.get(group) ?? Number.POSITIVE_INFINITY;
    const enough = found < Number.POSITIVE_INFINITY;
    const threshold = enough ? found : common;
    const tested = fresh.scores.filter((_, i) => fresh.groups[i] === group);
    return {
      group,
      calibrationRows: own.groups.filter((name) => name === group).length,
      threshold,
      own: enough,
      testRows: tested.length,
      testCoverage: tested.length > 0 ? tested.filter((score) => score <= threshold).length / tested.length : 0,
    };
  });
}

const thresholdOf = (
  { threshold, groups }: { threshold: number; groups?: readonly GroupCalibration[] | undefined },
  group: string | undefined,
): number => groups?.find((entry) => entry.group === group)?.threshold ?? threshold;

/**
 * The group of every encoded row: the category of a categorical column, below or above the training mean of a numeric one.
 * Throws a `SpecError` for a column that the model does not use.
 */
export function groupsOf(
  { preprocessing: { inputNames, columns } }: LoadedRun,
  x: Float32Array,
  column: string,
): string[] {
  const code = columns.find(({ name }) => name === column);
  if (!code) {
    const names = columns.map(({ name }) => name).join(', ');
    throw specError(`conformal: expected a group column of the model (${names}), got '${column}'. Choose one of them.`);
  }
  const p = inputNames.length;
  const rows = Array.from({ length: x.length / p }, (_, i) => x.subarray(i * p, (i + 1) * p));
  const at = inputNames.indexOf(column);
  if (code.kind === 'numeric') return rows.map((row) => `${column} ${row[at] < 0 ? 'below' : 'above'} its mean`);
  const block = inputNames.flatMap((name, j) =>
    name.startsWith(`${column}=`) || name === `${column} missing` ? [j] : [],
  );
  return rows.map((row) => inputNames[block.find((j) => row[j] === Math.max(...block.map((k) => row[k]))) ?? block[0]]);
}

/** The conformal columns of one predicted row, which belongs to this group if the calibration has groups. */
export function conformalColumns(run: LoadedRun, row: NamedRow, calibration: Calibration, group?: string): NamedRow {
  const { target } = run.preprocessing;
  const { method, level } = calibration;
  const threshold = thresholdOf(calibration, group);
  if ('classes' in target) {
    const set = predictionSet(probabilities(row, target.classes), threshold, HALF, method === 'raps' ? RAPS : APS);
    return { conformal: set.map((k) => target.classes[k]).join('|') };
  }
  const [lower, upper] = outerQuantiles(level);
  if (method === 'scaled') {
    const [mean, half] = [row.mean as number, threshold * deviation(row)];
    return { conformalLower: mean - half, conformalUpper: mean + half };
  }
  const { to, back } = widening(run);
  const moved = (quantile: number, by: number) => back(to(row[`q${quantile}`] as number) + by);
  return { conformalLower: moved(lower, -threshold), conformalUpper: moved(upper, threshold) };
}

/** The scale on which cqr widens: the target's, or that of its logarithm, where intervals stay above zero and widen by a factor. */
const widening = ({ network }: LoadedRun) => {
  const same = (value: number) => value;
  return network.likelihood.scale === 'log' ? { to: Math.log, back: Math.exp } : { to: same, back: same };
};

const deviation = (row: NamedRow) => Math.hypot(row.aleatoric as number, row.epistemic as number);
const probabilities = (row: NamedRow, classes: readonly string[]) => classes.map((name) => row[`p(${name})`] as number);
