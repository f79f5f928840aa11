/**
 * Conformal intervals and sets of a stored run: calibrated on its validation rows, checked on its test rows, kept in the run
 * and replayed for new rows.
 */
import type { Asked } from '../data/asked.ts';
import { ofTable } from '../data/learned.ts';
import type { Rows } from '../data/rows.ts';
import { firstInput, widthOf } from '../data/table/preprocess.ts';
import { isTable } from '../data/table/rows.ts';
import { specError } from '../errors.ts';
import {
  APS,
  conformalThreshold,
  fewestRows,
  groupThresholds,
  predictionSet,
  quantileScores,
  RAPS,
  scaledScores,
  setScore,
} from '../infer/conformal.ts';
import { meanOf } from '../math/moments.ts';
import type { Ensemble } from '../spec/ensemble.ts';
import type { LoadedRun } from '../spec/loaded-run.ts';
import type { OpenedRun } from '../spec/opened-run.ts';
import { runPaths } from '../store/rundir.ts';
import { basisOf, keptFor } from './basis.ts';

export const CONFORMAL_METHODS = ['cqr', 'scaled', 'aps', 'raps'] as const;
export type ConformalMethod = (typeof CONFORMAL_METHODS)[number];

/** The threshold of one group of rows. */
interface GroupCalibration {
  readonly group: string;
  readonly calibrationRows: number;
  /** Its own threshold, or the common one where it has too few rows for the level. */
  readonly threshold: number;
  readonly own: boolean;
  readonly testRows: number;
  /** Share of them that their intervals or sets hold; NaN, null in JSON, without any. */
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
  /** Share of the test rows, which took no part in the calibration, that the intervals or sets handed out hold. */
  readonly testCoverage: number;
  /** Mean width of those intervals, in units of the target, or mean number of classes of the sets. */
  readonly testSize: number;
}

/** What a prediction must hold for its conformal part: numbers by column, as `predict` makes them. */
export type NamedRow = Readonly<Record<string, number | string>>;
/** Predicts what is asked, with these quantiles. */
export type RowPredictor = (asked: Asked, quantiles: readonly number[]) => Promise<NamedRow[]>;

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

/** What is asked of a calibration. */
export interface ConformalOptions {
  readonly level: number;
  readonly method: ConformalMethod;
  /** Column whose groups get thresholds of their own. */
  readonly groupColumn?: string | undefined;
}

/** Calibrates on the validation rows, or reads what was calibrated before from the same networks, and stores it; `onRenewed` as of `keptFor`. */
export const calibrate = (
  run: OpenedRun,
  asked: ConformalOptions,
  ensemble: Ensemble,
  predictRows: RowPredictor,
  onRenewed?: () => void,
): Promise<Calibration> =>
  keptFor(
    runPaths(run.dir).conformal(asked.method, asked.level, asked.groupColumn),
    basisOf(run, ensemble),
    () => calibrated(run, asked, predictRows),
    onRenewed,
  );

const NONE = new Float32Array(0);

async function calibrated(
  run: OpenedRun,
  { level, method, groupColumn }: ConformalOptions,
  predictRows: RowPredictor,
): Promise<Calibration> {
  const { data } = run;
  const predicted = (rows: Rows) => predictRows(rows.asked(), outerQuantiles(level));
  const own = scores(run, await predicted(data.valid), data.valid.y, level, method);
  const threshold = conformalThreshold(own, level);
  if (threshold === Number.POSITIVE_INFINITY) {
    throw specError(
      `conformal: expected more than ${own.length} validation rows for a level of ${level}, which needs ${fewestRows(level)}. ` +
        'Lower the level, or fit with more validation rows.',
    );
  }
  const names = (rows: Rows) =>
    groupColumn === undefined ? [] : groupsOf(run, isTable(rows) ? rows.x : NONE, groupColumn);
  const groups = groupColumn === undefined ? undefined : calibrateGroups(own, names(data.valid), level, threshold);
  const thresholds = { method, level, threshold, groups };
  const testGroups = names(data.test);
  const given = (await predicted(data.test)).map((row, i) =>
    handedOut(run, row, data.test.y[i], thresholds, testGroups[i]),
  );
  const of = (rows: typeof given) => ({
    testCoverage: meanOf(rows.map(({ holds }) => Number(holds))),
    testSize: meanOf(rows.map(({ size }) => size).filter(Number.isFinite)),
  });
  return {
    ...{ method, level, threshold, calibrationRows: own.length },
    ...of(given),
    ...(groups !== undefined &&
      groupColumn !== undefined && {
        groupColumn,
        groups: [...new Set([...groups.map(({ group }) => group), ...testGroups])].sort().map((group) => {
          const rows = given.filter((_, i) => testGroups[i] === group);
          const { testCoverage } = of(rows);
          const common = { group, calibrationRows: 0, threshold, own: false };
          return { ...(groups.find((entry) => entry.group === group) ?? common), testRows: rows.length, testCoverage };
        }),
      }),
  };
}

/** The `u` of the set scores: any fixed number keeps the coverage, and ½ is the mean of the random one. */
const HALF = 0.5;

/** A row that no member predicts fits its prediction as badly as can be. */
const scores = (...[run, rows, y, level, method]: Parameters<typeof plainScores>): Float64Array =>
  plainScores(run, rows, y, level, method).map((score) => (Number.isNaN(score) ? Number.POSITIVE_INFINITY : score));

function plainScores(
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

type GroupThreshold = Pick<GroupCalibration, 'group' | 'calibrationRows' | 'threshold' | 'own'>;

function calibrateGroups(
  scored: Float64Array,
  groups: readonly string[],
  level: number,
  common: number,
): GroupThreshold[] {
  return [...groupThresholds(scored, groups, level)].map(([group, threshold]) => {
    const own = threshold < Number.POSITIVE_INFINITY;
    const calibrationRows = groups.filter((name) => name === group).length;
    return { group, calibrationRows, threshold: own ? threshold : common, own };
  });
}

/** What is needed of a calibration to hand out intervals and sets. */
type Thresholds = Pick<Calibration, 'method' | 'level' | 'threshold'> & {
  readonly groups?: readonly GroupThreshold[] | undefined;
};

const thresholdOf = ({ threshold, groups }: Thresholds, group: string | undefined): number =>
  groups?.find((entry) => entry.group === group)?.threshold ?? threshold;

/** Whether the interval or set of a row holds its observation `y`, and how large it is. */
function handedOut(run: LoadedRun, row: NamedRow, y: number, thresholds: Thresholds, group: string | undefined) {
  const { target } = run.preprocessing;
  if ('classes' in target) {
    const set = setOf(target.classes, row, thresholds, group);
    return { holds: set.includes(y), size: set.length > 0 ? set.length : Number.NaN };
  }
  const [lower, upper] = intervalOf(run, row, thresholds, group);
  const observed = target.mean + target.sd * y;
  return { holds: lower <= observed && observed <= upper, size: upper - lower };
}

/**
 * The group of every encoded row: the category of a categorical column (one that training did not show is a group of its own), below or
 * above the training mean of a numeric one, or missing. Throws a `SpecError` for a column that the model does not use.
 */
export function groupsOf({ preprocessing }: LoadedRun, x: Float32Array, column: string): string[] {
  if (!ofTable(preprocessing)) {
    throw specError(`conformal: expected no group column, since the data are no table, got '${column}'. Leave it out.`);
  }
  const { inputNames, columns } = preprocessing;
  const code = columns.find(({ name }) => name === column);
  if (!code) {
    const names = columns.map(({ name }) => name).join(', ');
    throw specError(`conformal: expected a group column of the model (${names}), got '${column}'. Choose one of them.`);
  }
  const p = inputNames.length;
  const from = firstInput(columns, code);
  const rows = Array.from({ length: x.length / p }, (_, i) => x.subarray(i * p + from, i * p + from + widthOf(code)));
  if (code.kind === 'numeric') {
    const centre = ((code.seen?.mean ?? code.mean) - code.mean) / code.sd;
    return rows.map(([value, missing = 0]) =>
      missing === 1 ? `${column} missing` : `${column} ${value < centre ? 'below' : 'above'} its mean`,
    );
  }
  return rows.map((row) => {
    const level = row.indexOf(1);
    return level < 0 ? `${column} not seen in training` : inputNames[from + level];
  });
}

/**
 * The conformal columns of one predicted row, which belongs to this group if the calibration has groups: NaN, or an empty word, where
 * no member predicts the row.
 */
export function conformalColumns(run: LoadedRun, row: NamedRow, calibration: Calibration, group?: string): NamedRow {
  const { target } = run.preprocessing;
  if ('classes' in target) {
    const set = setOf(target.classes, row, calibration, group);
    return { conformal: set.map((k) => target.classes[k]).join('|') };
  }
  const [conformalLower, conformalUpper] = intervalOf(run, row, calibration, group);
  return { conformalLower, conformalUpper };
}

function setOf(classes: readonly string[], row: NamedRow, thresholds: Thresholds, group: string | undefined): number[] {
  const p = probabilities(row, classes);
  if (p.some(Number.isNaN)) return [];
  return predictionSet(p, thresholdOf(thresholds, group), HALF, thresholds.method === 'raps' ? RAPS : APS);
}

function intervalOf(
  run: LoadedRun,
  row: NamedRow,
  thresholds: Thresholds,
  group: string | undefined,
): [number, number] {
  const threshold = thresholdOf(thresholds, group);
  const number = (name: string) => row[name] as number;
  if (thresholds.method === 'scaled') {
    const half = threshold * deviation(row);
    return [number('mean') - half, number('mean') + half];
  }
  const [lower, upper] = outerQuantiles(thresholds.level);
  const { to, back } = widening(run);
  return [back(to(number(`q${lower}`)) - threshold), back(to(number(`q${upper}`)) + threshold)];
}

/** The scale on which cqr widens: the target's, or that of its logarithm, where intervals stay above zero and widen by a factor. */
const widening = ({ network }: LoadedRun) => {
  const same = (value: number) => value;
  return network.likelihood.scale === 'log' ? { to: Math.log, back: Math.exp } : { to: same, back: same };
};

const deviation = (row: NamedRow) => Math.hypot(row.aleatoric as number, row.epistemic as number);
const probabilities = (row: NamedRow, classes: readonly string[]) => classes.map((name) => row[`p(${name})`] as number);
