/**
 * Recalibration of a stored run: one factor for all deviations, or one temperature of all logits, that suits the validation rows
 * best; judged on rows it was not learned from, kept in the run and replayed for new rows.
 */
import { kindOf } from '../data/learned.ts';
import type { Rows } from '../data/rows.ts';
import { specError } from '../errors.ts';
import { reliability } from '../infer/calibration.ts';
import { classificationAccumulator } from '../infer/classification.ts';
import { regressionAccumulator } from '../infer/regression.ts';
import { studentScale, temperature, tempered, temperedLogs, varianceScale } from '../infer/scaling.ts';
import { logAxis, OWN_AXIS } from '../infer/stretch.ts';
import { meanOf, pairedMean } from '../math/moments.ts';
import { permutation } from '../math/random.ts';
import { rootKey, stream } from '../math/threefry.ts';
import { type Ensemble, predictingEnsemble } from '../spec/ensemble.ts';
import type { LoadedRun } from '../spec/loaded-run.ts';
import type { OpenedRun } from '../spec/opened-run.ts';
import { axisOf, lawOf } from '../spec/target-law.ts';
import { runPaths } from '../store/rundir.ts';
import { basisOf, keptFor } from './basis.ts';
import type { NamedRow } from './conformal.ts';

/** Scores of rows: LPPD, and the share inside the 90 % interval or the expected calibration error. */
export interface RecalibrationScores {
  readonly lppd: number;
  readonly coverage90?: number;
  readonly ece?: number;
}

/** A recalibration as it lies in the run. */
export interface RecalibratedRun {
  /** Factor of all deviations (of the logarithm, where that has the law), or divisor of all log probabilities. */
  readonly scale: number;
  readonly calibrationRows: number;
  /**
   * The validation rows in parts, each scaled as the others teach: so none is scored by a scale that it taught. `gain` is the LPPD
   * gained per row, and its standard error.
   */
  readonly crossFitted: Compared & { readonly folds: number; readonly gain: number; readonly error: number };
  /** Whether that gain exceeds its error. Where it does not, predictions are left as they are. */
  readonly helps: boolean;
  readonly testRows: number;
  /** Of the test rows. */
  readonly before: RecalibrationScores;
  readonly after: RecalibrationScores;
}

interface Compared {
  readonly before: RecalibrationScores;
  readonly after: RecalibrationScores;
}

/** Rows scored one by one: log densities, and what is told beside their mean. */
interface Scored {
  readonly pointwise: Float64Array;
  readonly beside: Omit<RecalibrationScores, 'lppd'>;
}

/** How a task scales: what the rows `own` of the validation rows teach, and scores of rows each under a scale of its own. */
interface Scaling {
  learn(own: readonly number[]): number;
  valid(scales: Float64Array): Promise<Scored>;
  test(scale: number): Promise<Scored>;
}

const FOLDS = 5;
/** Fewer validation rows teach no scale. */
export const FEWEST_ROWS = 10;

/**
 * Learns the scale from the validation rows, or reads what was learned before from the same draws, and stores it. Throws a `SpecError`
 * for fewer than ten validation rows. `onRenewed` as of `keptFor`.
 */
export async function recalibrate(run: OpenedRun, given?: Ensemble, onRenewed?: () => void): Promise<RecalibratedRun> {
  if (kindOf(run.preprocessing) === 'text')
    throw specError('recalibrate: expected a run of a table or of images, got one of a text. Leave it out.');
  const { valid, test } = run.data;
  if (valid.y.length < FEWEST_ROWS) {
    throw specError(
      `recalibrate: expected at least ${FEWEST_ROWS} validation rows, got ${valid.y.length}. Fit with more of them.`,
    );
  }
  const ensemble = given ?? (await predictingEnsemble(run));
  const learned = async () => {
    const scaling =
      run.preprocessing.task === 'regression'
        ? await deviations(run, ensemble, valid, test)
        : await logits(run, ensemble, valid, test);
    return judged(scaling, run.spec.seed, valid.y.length, test.y.length);
  };
  return keptFor(runPaths(run.dir).recalibration, basisOf(run, ensemble), learned, onRenewed);
}

async function judged(scaling: Scaling, seed: number, rows: number, testRows: number): Promise<RecalibratedRun> {
  const order = permutation(stream(rootKey(seed), 'predict'), rows);
  const foldOf = new Uint8Array(rows);
  order.forEach((row, k) => {
    foldOf[row] = k % FOLDS;
  });
  const all = [...foldOf.keys()];
  const taught = Array.from({ length: FOLDS }, (_, fold) => scaling.learn(all.filter((i) => foldOf[i] !== fold)));
  const plain = await scaling.valid(new Float64Array(rows).fill(1));
  const fitted = await scaling.valid(Float64Array.from(foldOf, (fold) => taught[fold]));
  // A density of 0 stays one under every scale.
  const gains = plain.pointwise.map((log, i) => fitted.pointwise[i] - log).filter(Number.isFinite);
  const { mean: gain, error } = pairedMean(gains);
  const scale = scaling.learn(all);
  const scores = ({ pointwise, beside }: Scored): RecalibrationScores => ({ lppd: meanOf(pointwise), ...beside });
  return {
    scale,
    calibrationRows: rows,
    crossFitted: { folds: FOLDS, gain, error, before: scores(plain), after: scores(fitted) },
    helps: gain > error,
    testRows,
    before: scores(await scaling.test(1)),
    after: scores(await scaling.test(scale)),
  };
}

async function deviations(run: OpenedRun, ensemble: Ensemble, valid: Rows, test: Rows): Promise<Scaling> {
  const summary = async (rows: Rows, y = rows.y) => {
    const accumulator = regressionAccumulator(y.length, y, lawOf(run));
    for await (const { mean, sd } of run.predict(rows.asked(), ensemble.members())) accumulator.add(mean, sd);
    return accumulator.result();
  };
  const axis = axisOf(run);
  // On the axis, a density stretched by s about its centre is, at u, that of before at centre + (u − centre)/s, divided by s.
  const stretched = async (rows: Rows, centre: Float64Array, scales: Float64Array): Promise<Scored> => {
    const { y } = rows;
    const shrunk = y.map((value, i) =>
      usable(centre[i]) ? axis.back(centre[i] + (axis.of(value) - centre[i]) / scales[i]) : value,
    );
    const { pointwise, coverage } = await summary(rows, shrunk);
    return {
      pointwise: pointwise.map((log, i) => log - Math.log(scales[i]) + axis.logSlope(y[i]) - axis.logSlope(shrunk[i])),
      beside: { coverage90: coverage.find(({ level }) => level === 0.9)?.observed ?? Number.NaN },
    };
  };
  const centred = async (rows: Rows) => {
    const { mean, aleatoric, epistemic } = await summary(rows);
    const each = Array.from(mean, (m, i) => axis.centred(m, Math.hypot(aleatoric[i], epistemic[i])));
    return { centre: Float64Array.from(each, ({ centre }) => centre), spread: each.map(({ spread }) => spread) };
  };
  const own = await centred(valid);
  const fresh = await centred(test);
  const scaleOf = lawOf(run).name === 'student-t' ? studentScale : varianceScale;
  const at = (values: ArrayLike<number>, rows: readonly number[]) => rows.map((i) => values[i]);
  const u = valid.y.map(axis.of);
  return {
    learn: (rows) => scaleOf(at(u, rows), at(own.centre, rows), at(own.spread, rows)),
    valid: (scales) => stretched(valid, own.centre, scales),
    test: (scale) => stretched(test, fresh.centre, new Float64Array(test.y.length).fill(scale)),
  };
}

const usable = Number.isFinite;

async function logits(run: OpenedRun, ensemble: Ensemble, valid: Rows, test: Rows): Promise<Scaling> {
  const classes = run.network.likelihood.outputs;
  const logsOf = async (rows: Rows) => {
    const accumulator = classificationAccumulator(rows.y.length, classes);
    for await (const { logProbability } of run.predict(rows.asked(), ensemble.members()))
      accumulator.add(logProbability);
    return accumulator.result().logProbability;
  };
  const row = (logs: Float64Array, i: number) => logs.subarray(i * classes, (i + 1) * classes);
  const scored = (logs: Float64Array, y: Float64Array, scaleOf: (i: number) => number): Scored => {
    const rows = Array.from(y, (_, i) => temperedLogs(row(logs, i), scaleOf(i)));
    const seen = [...rows.keys()].filter((i) => !rows[i].some(Number.isNaN));
    const best = rows.map((p) => p.indexOf(Math.max(...p)));
    return {
      pointwise: y.map((label, i) => (rows[i].some(Number.isNaN) ? Number.NEGATIVE_INFINITY : rows[i][label])),
      beside: {
        ece: reliability(
          seen.map((i) => Math.exp(rows[i][best[i]])),
          seen.map((i) => Number(best[i] === y[i])),
        ).ece,
      },
    };
  };
  const [own, fresh] = [await logsOf(valid), await logsOf(test)];
  return {
    learn: (rows) =>
      temperature(
        rows.flatMap((i) => [...row(own, i)]),
        rows.map((i) => valid.y[i]),
      ),
    valid: async (scales) => scored(own, valid.y, (i) => scales[i]),
    test: async (scale) => scored(fresh, test.y, () => scale),
  };
}

/**
 * A predicted row after recalibration. Regression: quantiles stretched about the centre, deviations (and on a logarithmic axis
 * the mean) as that says. Classification:
 * tempered probabilities; their entropy keeps the former shares of noise and disagreement.
 */
export function recalibrated(run: LoadedRun, row: NamedRow, scale: number): NamedRow {
  const { target } = run.preprocessing;
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
  // In the units of the target, whose logarithm needs no shift.
  const axis = run.network.likelihood.scale === 'log' ? logAxis({ mean: 0, sd: 1 }) : OWN_AXIS;
  const deviation = Math.hypot(number('aleatoric'), number('epistemic'));
  const { centre } = axis.centred(number('mean'), deviation);
  const { mean, factor } = axis.stretched(number('mean'), deviation, scale);
  const stretched = Object.keys(row).map((name) => {
    if (name === 'mean') return [name, mean];
    if (name === 'aleatoric' || name === 'epistemic') return [name, factor * number(name)];
    return [name, /^q[\d.]/.test(name) ? axis.back(centre + scale * (axis.of(number(name)) - centre)) : row[name]];
  });
  return Object.fromEntries(stretched);
}
