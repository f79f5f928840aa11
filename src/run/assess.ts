/** Scores, calibrates and judges the predictions of any ensemble, made anywhere, a member at a time. */
import { type ColumnFile, openColumns } from '../data/columns.ts';
import { dataError } from '../errors.ts';
import { type ClassificationScores, classificationAccumulator } from '../infer/classification.ts';
import { APS, conformalThreshold, predictionSet, scaledScores, setScore } from '../infer/conformal.ts';
import { type RegressionScores, regressionAccumulator } from '../infer/regression.ts';
import { type StrangerAuroc, strangerAuroc, type Uncertainty } from '../infer/rejection.ts';
import { temperature, varianceScale } from '../infer/scaling.ts';
import { permutation } from '../math/random.ts';
import { rootKey, stream } from '../math/threefry.ts';
import { type MemberLayout, memberLayout, readClassification, readRegression } from './member-file.ts';
import { type HeldOut, judgePredictions } from './verdict/predictions.ts';
import type { Verdict } from './verdict/types.ts';

export interface AssessOptions {
  /** Conformal level, in (0, 1). */
  readonly level: number;
  /** Part of the rows that calibrates; the others test. */
  readonly calibration: number;
  readonly seed: number;
  /** Predictions of the same members for rows from elsewhere, without `y`. */
  readonly ood?: string | undefined;
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
  readonly outOfDistribution?: { readonly source: string; readonly rows: number; readonly auroc: StrangerAuroc };
} & (
  | { readonly task: 'regression'; readonly y: Float64Array; readonly scores: RegressionScores }
  | { readonly task: 'classification'; readonly classes: readonly string[]; readonly scores: ClassificationScores }
);

/**
 * Columns: `y`, and those of `memberLayout`, for a classification of every class of `y`. Throws a `DataError` for what is missing.
 */
export async function assess(path: string, options: AssessOptions): Promise<Assessment> {
  const file = await openColumns(path);
  if (!file.names.includes('y')) {
    throw dataError(
      `${path}: expected a column y with the observations, got ${file.names.slice(0, 5).join(', ')} …. Add it.`,
    );
  }
  const layout = memberLayout(file);
  return layout.task === 'regression' ? regression(file, layout, options) : classification(file, layout, options);
}

async function regression(file: ColumnFile, layout: MemberLayout, options: AssessOptions): Promise<Assessment> {
  const y = await file.numbers('y');
  const accumulator = regressionAccumulator(file.rows, y);
  await readRegression(file, layout, accumulator.add, options.onMember);
  const scores = accumulator.result();
  const total = scores.aleatoric.map((a, i) => Math.hypot(a, scores.epistemic[i]));
  const { own, fresh } = halves(file.rows, options);
  const at = (v: Float64Array, rows: Int32Array) => Float64Array.from(rows, (i) => v[i]);
  const scored = scaledScores(y, scores.mean, total);
  const threshold = conformalThreshold(at(scored, own), options.level);
  return {
    source: file.path,
    task: 'regression',
    rows: file.rows,
    members: scores.members,
    y,
    scores,
    ...(options.ood !== undefined && { outOfDistribution: await strangers(options.ood, layout, scores) }),
    verdict: verdict(scores, { regression: { ...scores, y } }),
    recalibration: {
      ...tested(own, fresh, options.level, threshold, at(scored, fresh)),
      size: fresh.reduce((sum, i) => sum + 2 * threshold * total[i], 0) / fresh.length,
      scale: varianceScale(at(y, own), at(scores.mean, own), at(total, own)),
    },
  };
}

async function classification(
  file: ColumnFile,
  layout: Extract<MemberLayout, { task: 'classification' }>,
  options: AssessOptions,
): Promise<Assessment> {
  const { classes } = layout;
  const observed = await file.texts('y');
  const labels = Float64Array.from(observed, (name) => classes.indexOf(name));
  const stranger = labels.indexOf(-1);
  if (stranger >= 0) {
    throw dataError(
      `${file.path}: expected y to be one of ${classes.join(', ')}, got '${observed[stranger]}' in row ${stranger + 1}. Name a column p_<k>_<class> for each class.`,
    );
  }
  const accumulator = classificationAccumulator(file.rows, classes.length, labels);
  await readClassification(file, layout, classes, accumulator.add, options.onMember);
  const scores = accumulator.result();
  const row = (i: number) => scores.probability.subarray(i * classes.length, (i + 1) * classes.length);
  const { own, fresh } = halves(file.rows, options);
  const scored = (rows: Int32Array) => Float64Array.from(rows, (i) => setScore(row(i), labels[i], HALF, APS));
  const threshold = conformalThreshold(scored(own), options.level);
  const logs = Float64Array.from(
    [...own].flatMap((i) => [...row(i)]),
    Math.log,
  );
  const confidence = Float64Array.from(scores.predicted, (c, i) => row(i)[c]);
  return {
    source: file.path,
    task: 'classification',
    classes,
    rows: file.rows,
    members: scores.members,
    scores,
    ...(options.ood !== undefined && { outOfDistribution: await strangers(options.ood, layout, scores) }),
    verdict: verdict(scores, { classes: { ...scores, confidence } }),
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

/** The uncertainty of rows from elsewhere against that of the assessed ones. */
async function strangers(path: string, layout: MemberLayout, own: Uncertainty) {
  const file = await openColumns(path);
  const { task } = memberLayout(file);
  if (task !== layout.task)
    throw dataError(`${path}: expected a ${layout.task} as in the first file, got a ${task}. Pass one.`);
  if (layout.task === 'regression') {
    const accumulator = regressionAccumulator(file.rows);
    await readRegression(file, layout, accumulator.add);
    return { source: path, rows: file.rows, auroc: strangerAuroc(own, accumulator.result(), Math.hypot) };
  }
  const accumulator = classificationAccumulator(file.rows, layout.classes.length);
  await readClassification(file, layout, layout.classes, accumulator.add);
  return { source: path, rows: file.rows, auroc: strangerAuroc(own, accumulator.result(), (a, e) => a + e) };
}

/** Only the predictions can be judged. */
function verdict(
  { members, nonFiniteMembers, pointwise }: RegressionScores | ClassificationScores,
  said: Pick<HeldOut, 'regression' | 'classes'>,
): Verdict {
  const predictions = judgePredictions({
    ...said,
    rows: pointwise.length,
    pointwise,
    unusable: nonFiniteMembers / (members + nonFiniteMembers),
    draws: members,
    where: (i) => `row ${i + 1}`,
  });
  return { predictions, trusted: predictions.answer === 'yes' };
}

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
