/** Scores, calibrates and judges the predictions of any ensemble, made anywhere, a member at a time. */
import { type ColumnFile, openColumns } from '../data/columns.ts';
import { dataError } from '../errors.ts';
import { reliability } from '../infer/calibration.ts';
import { type ClassificationScores, classificationAccumulator } from '../infer/classification.ts';
import { APS, conformalThreshold, predictionSet, scaledScores, setScore } from '../infer/conformal.ts';
import { binomialInterval } from '../infer/intervals.ts';
import { type RegressionScores, regressionAccumulator } from '../infer/regression.ts';
import { temperature, varianceScale } from '../infer/scaling.ts';
import { permutation } from '../math/random.ts';
import { rootKey, stream } from '../math/threefry.ts';
import type { Verdict } from './trust.ts';

export interface AssessOptions {
  /** Conformal level, in (0, 1). */
  readonly level: number;
  /** Part of the rows that calibrates; the others test. */
  readonly calibration: number;
  readonly seed: number;
  readonly onMember?: (done: number, total: number) => void;
}

/** What recalibration on part of the rows does to the others. */
export interface Recalibration {
  readonly calibrationRows: number;
  readonly testRows: number;
  /** Conformal threshold at `level`, the share of test rows inside, and the mean width or size. */
  readonly level: number;
  readonly threshold: number;
  readonly coverage: number;
  readonly size: number;
  /** Factor of all standard deviations, or temperature of the logits, that suits the calibration rows best. */
  readonly scale: number;
}

export type Assessment = {
  readonly source: string;
  readonly rows: number;
  readonly members: number;
  readonly verdict: Verdict;
  readonly recalibration: Recalibration;
} & (
  | { readonly task: 'regression'; readonly y: Float64Array; readonly scores: RegressionScores }
  | { readonly task: 'classification'; readonly classes: readonly string[]; readonly scores: ClassificationScores }
);

/**
 * Columns: `y`, and for a regression `mean_<k>` with `sd_<k>` (or one `sd` for all members), for a classification
 * `p_<k>_<class>` with all classes of `y`. Throws a `DataError` for what is missing.
 */
export async function assess(path: string, options: AssessOptions): Promise<Assessment> {
  const file = await openColumns(path);
  if (!file.names.includes('y')) {
    throw dataError(
      `${path}: expected a column y with the observations, got ${file.names.slice(0, 5).join(', ')} …. Add it.`,
    );
  }
  const members = numbered(file.names, /^mean_(.+)$/);
  if (members.length > 0) return regression(file, members, options);
  const keys = [...new Set(numbered(file.names, /^p_([^_]+)_.+$/))];
  if (keys.length > 0) return classification(file, keys, options);
  throw dataError(
    `${path}: expected columns mean_<k> and sd_<k>, or p_<k>_<class>, got ${file.names.slice(0, 5).join(', ')} …. Rename them.`,
  );
}

const numbered = (names: readonly string[], pattern: RegExp) => names.flatMap((name) => pattern.exec(name)?.[1] ?? []);

async function regression(file: ColumnFile, members: readonly string[], options: AssessOptions): Promise<Assessment> {
  const shared = file.names.includes('sd');
  const missing = shared ? undefined : members.find((k) => !file.names.includes(`sd_${k}`));
  if (missing !== undefined) {
    throw dataError(
      `${file.path}: expected a column sd_${missing} beside mean_${missing}, got none. Add it, or one sd for all.`,
    );
  }
  const y = await file.numbers('y');
  const common = shared ? await file.numbers('sd') : undefined;
  const accumulator = regressionAccumulator(file.rows, y);
  for (const [done, k] of members.entries()) {
    accumulator.add(await file.numbers(`mean_${k}`), common ?? (await file.numbers(`sd_${k}`)));
    options.onMember?.(done + 1, members.length);
  }
  const scores = accumulator.result();
  const total = scores.aleatoric.map((a, i) => Math.hypot(a, scores.epistemic[i]));
  const { own, fresh } = halves(file.rows, options);
  const at = (v: Float64Array, rows: Int32Array) => Float64Array.from(rows, (i) => v[i]);
  const scored = scaledScores(y, scores.mean, total);
  const threshold = conformalThreshold(at(scored, own), options.level);
  const reasons = nonFinite(scores.nonFiniteMembers);
  for (const { level, inside } of scores.coverage) {
    const [low, high] = binomialInterval(inside, file.rows, CERTAIN);
    const share = `${(100 * inside) / file.rows} %`.replace(/(\.\d)\d*/, '$1');
    if (high < level - TOLERATED)
      reasons.push(`its ${100 * level} % intervals hold only ${share} of the rows: too narrow`);
    if (low > level + TOLERATED) reasons.push(`its ${100 * level} % intervals hold ${share} of the rows: too wide`);
  }
  return {
    source: file.path,
    task: 'regression',
    rows: file.rows,
    members: scores.members,
    y,
    scores,
    verdict: { trusted: reasons.length === 0, reasons },
    recalibration: {
      ...tested(own, fresh, options.level, threshold, at(scored, fresh)),
      size: fresh.reduce((sum, i) => sum + 2 * threshold * total[i], 0) / fresh.length,
      scale: varianceScale(at(y, own), at(scores.mean, own), at(total, own)),
    },
  };
}

async function classification(file: ColumnFile, keys: readonly string[], options: AssessOptions): Promise<Assessment> {
  const classes = [...new Set(file.names.flatMap((name) => /^p_[^_]+_(.+)$/.exec(name)?.[1] ?? []))];
  const observed = await file.texts('y');
  const labels = Float64Array.from(observed, (name) => classes.indexOf(name));
  const stranger = labels.indexOf(-1);
  if (stranger >= 0) {
    throw dataError(
      `${file.path}: expected y to be one of ${classes.join(', ')}, got '${observed[stranger]}' in row ${stranger + 1}. Name a column p_<k>_<class> for each class.`,
    );
  }
  const accumulator = classificationAccumulator(file.rows, classes.length, labels);
  const member = new Float64Array(file.rows * classes.length);
  for (const [done, k] of keys.entries()) {
    for (const [c, name] of classes.entries()) {
      if (!file.names.includes(`p_${k}_${name}`)) {
        throw dataError(`${file.path}: expected a column p_${k}_${name}, got none. Every member needs every class.`);
      }
      const column = await file.numbers(`p_${k}_${name}`);
      for (let i = 0; i < file.rows; i++) member[i * classes.length + c] = Math.log(column[i]);
    }
    accumulator.add(member);
    options.onMember?.(done + 1, keys.length);
  }
  const scores = accumulator.result();
  const row = (i: number) => scores.probability.subarray(i * classes.length, (i + 1) * classes.length);
  const { own, fresh } = halves(file.rows, options);
  const scored = (rows: Int32Array) => Float64Array.from(rows, (i) => setScore(row(i), labels[i], HALF, APS));
  const threshold = conformalThreshold(scored(own), options.level);
  const logs = Float64Array.from(
    [...own].flatMap((i) => [...row(i)]),
    Math.log,
  );
  const reasons = nonFinite(scores.nonFiniteMembers);
  const confidence = Float64Array.from(scores.predicted, (c, i) => row(i)[c]);
  const correct = Float64Array.from(scores.predicted, (c, i) => (c === labels[i] ? 1 : 0));
  for (const bin of reliability(confidence, correct, 5).bins) {
    const [low, high] = binomialInterval(Math.round(bin.accuracy * bin.count), bin.count, CERTAIN);
    const said = `of ${bin.count} rows predicted with probability ${bin.confidence.toFixed(2)}, ${(100 * bin.accuracy).toFixed(1)} % are right`;
    if (high < bin.confidence - TOLERATED) reasons.push(`${said}: over-confident`);
    if (low > bin.confidence + TOLERATED) reasons.push(`${said}: under-confident`);
  }
  return {
    source: file.path,
    task: 'classification',
    classes,
    rows: file.rows,
    members: scores.members,
    scores,
    verdict: { trusted: reasons.length === 0, reasons },
    recalibration: {
      ...tested(own, fresh, options.level, threshold, scored(fresh)),
      size: fresh.reduce((sum, i) => sum + predictionSet(row(i), threshold, HALF, APS).length, 0) / fresh.length,
      scale: temperature(
        logs,
        Float64Array.from(own, (i) => labels[i]),
      ),
    },
  };
}

const HALF = 0.5;
/** Confidence with which a miscalibration must be seen, and how large it must be, before it is called one. */
const CERTAIN = 0.999;
const TOLERATED = 0.02;

const nonFinite = (count: number): string[] =>
  count > 0 ? [`${count} members hold non-finite numbers and were left out`] : [];

/** How the threshold of the calibration rows does on the scores of the test rows. */
const tested = (own: Int32Array, fresh: Int32Array, level: number, threshold: number, scores: Float64Array) => ({
  calibrationRows: own.length,
  testRows: fresh.length,
  level,
  threshold,
  coverage: scores.filter((score) => score <= threshold).length / fresh.length,
});

function halves(rows: number, { calibration, seed }: AssessOptions): { own: Int32Array; fresh: Int32Array } {
  const order = permutation(stream(rootKey(seed), 'split'), rows);
  const cut = Math.min(rows - 1, Math.max(1, Math.round(calibration * rows)));
  return { own: order.slice(0, cut), fresh: order.slice(cut) };
}
