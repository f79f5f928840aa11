/** Scores, calibrates and judges the predictions of any ensemble, made anywhere, a member at a time. */
import { type ColumnFile, openColumns } from '../data/table/column-file.ts';
import { levelMatcher } from '../data/table/levels.ts';
import { dataError } from '../errors.ts';
import { type ClassificationScores, classificationAccumulator } from '../infer/classification.ts';
import { APS, conformalThreshold, fewestRows, predictionSet, scaledScores, setScore } from '../infer/conformal.ts';
import { type RegressionScores, regressionAccumulator } from '../infer/regression.ts';
import { type StrangerAuroc, strangerAuroc, type Uncertainty } from '../infer/rejection.ts';
import { temperature, varianceScale } from '../infer/scaling.ts';
import { permutation } from '../math/random.ts';
import { rootKey, stream } from '../math/threefry.ts';
import { type MemberLayout, memberLayout, readClassification, readRegression } from './member-file.ts';
import type { HeldOutFacts } from './verdict/held-out.ts';
import { judgePredictions } from './verdict/predictions.ts';
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
interface Recalibration {
  readonly calibrationRows: number;
  readonly testRows: number;
  /** Conformal threshold at `level`, the share of test rows that the intervals or sets hold, and their mean width or size. */
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
  /** What was left out or changed on the way. */
  readonly notes: readonly string[];
  readonly verdict: Verdict;
  /** Absent for too few rows. */
  readonly recalibration?: Recalibration;
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
  const infinite = y.findIndex((value) => !Number.isFinite(value));
  if (infinite >= 0) {
    throw dataError(
      `${file.path}: expected a finite number in column y, row ${infinite + 1}, got ${y[infinite]}. Drop it.`,
    );
  }
  const accumulator = regressionAccumulator(file.rows, y);
  const notes = await readRegression(file, layout, accumulator.add, options.onMember);
  const scores = accumulator.result();
  const total = scores.aleatoric.map((a, i) => Math.hypot(a, scores.epistemic[i]));
  const { own, fresh } = halves(scores.usable, options);
  const at = (v: Float64Array, rows: readonly number[]) => rows.map((i) => v[i]);
  const scored = scaledScores(y, scores.mean, total);
  const threshold = conformalThreshold(at(scored, own), options.level);
  const told = (v: Float64Array) => v.filter((_, i) => scores.usable[i] > 0);
  const { mean, aleatoric, epistemic, pit } = scores;
  return {
    source: file.path,
    task: 'regression',
    rows: file.rows,
    members: scores.members,
    y,
    scores,
    ...(options.ood !== undefined && { outOfDistribution: await strangers(options.ood, layout, scores) }),
    verdict: verdict(scores, {
      regression: {
        ...{ y: told(y), mean: told(mean), aleatoric: told(aleatoric), epistemic: told(epistemic), pit: told(pit) },
      },
    }),
    ...tested(notes, own, fresh, options.level, threshold, () => ({
      held: fresh.map((i) => scored[i] <= threshold),
      sizes: fresh.map((i) => 2 * threshold * total[i]),
      scale: varianceScale(at(y, own), at(scores.mean, own), at(total, own)),
    })),
  };
}

async function classification(
  file: ColumnFile,
  layout: Extract<MemberLayout, { task: 'classification' }>,
  options: AssessOptions,
): Promise<Assessment> {
  const { classes } = layout;
  const observed = await file.texts('y');
  const classOf = levelMatcher(classes);
  const labels = Float64Array.from(observed, classOf);
  const stranger = labels.indexOf(-1);
  if (stranger >= 0) {
    throw dataError(
      `${file.path}: expected y to be one of ${classes.join(', ')}, got '${observed[stranger]}' in row ${stranger + 1}. Name a column p_<k>_<class> for each class.`,
    );
  }
  const accumulator = classificationAccumulator(file.rows, classes.length, labels);
  const notes = await readClassification(file, layout, classes, accumulator.add, options.onMember);
  const scores = accumulator.result();
  const row = (of: Float64Array, i: number) => of.subarray(i * classes.length, (i + 1) * classes.length);
  const { own, fresh } = halves(scores.usable, options);
  const scored = own.map((i) => setScore(row(scores.probability, i), labels[i], HALF, APS));
  const threshold = conformalThreshold(scored, options.level);
  const told = <T extends Float64Array | Uint8Array>(v: T) => v.filter((_, i) => scores.usable[i] > 0) as T;
  const { confidence, correct, epistemic } = scores;
  return {
    source: file.path,
    task: 'classification',
    classes,
    rows: file.rows,
    members: scores.members,
    scores,
    ...(options.ood !== undefined && { outOfDistribution: await strangers(options.ood, layout, scores) }),
    verdict: verdict(scores, {
      classes: { confidence: told(confidence), correct: told(correct), epistemic: told(epistemic) },
    }),
    ...tested(notes, own, fresh, options.level, threshold, () => {
      const sets = fresh.map((i) => predictionSet(row(scores.probability, i), threshold, HALF, APS));
      return {
        held: sets.map((set, k) => set.includes(labels[fresh[k]])),
        sizes: sets.map((set) => set.length),
        scale: temperature(
          own.flatMap((i) => [...row(scores.logProbability, i)]),
          own.map((i) => labels[i]),
        ),
      };
    }),
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

/** Only the predictions can be judged; `said` is of the rows that some member predicts. */
function verdict(
  { members, usable, leftOut, pointwise }: RegressionScores | ClassificationScores,
  said: Pick<HeldOutFacts, 'regression' | 'classes'>,
): Verdict {
  const rows = [...usable.keys()].filter((i) => usable[i] > 0);
  const predictions = judgePredictions({
    ...said,
    rows: rows.length,
    pointwise: pointwise.filter((_, i) => usable[i] > 0),
    unusable: leftOut.predictions / (usable.length * (members + leftOut.emptyMembers)),
    unpredicted: leftOut.emptyRows,
    draws: members,
    where: (i) => `row ${rows[i] + 1}`,
  });
  return { predictions, trusted: predictions.answer === 'yes' };
}

/** How the threshold of the calibration rows does on the test rows; a note where there are too few rows for one. */
function tested(
  notes: readonly string[],
  own: readonly number[],
  fresh: readonly number[],
  level: number,
  threshold: number,
  measure: () => { held: readonly boolean[]; sizes: readonly number[]; scale: number },
): Pick<Assessment, 'notes' | 'recalibration'> {
  if (threshold === Number.POSITIVE_INFINITY || fresh.length === 0) {
    const few = `no conformal threshold: a level of ${level} needs ${fewestRows(level)} calibration rows and a test row, and there are ${own.length} and ${fresh.length}`;
    return { notes: [...notes, few] };
  }
  const { held, sizes, scale } = measure();
  const recalibration = {
    ...{ calibrationRows: own.length, testRows: fresh.length, level, threshold, scale },
    coverage: held.filter(Boolean).length / fresh.length,
    size: sizes.reduce((sum, size) => sum + size, 0) / fresh.length,
  };
  return { notes, recalibration };
}

/** The rows that some member predicts, cut in two by seed. */
function halves(usable: Uint32Array, { calibration, seed }: AssessOptions): { own: number[]; fresh: number[] } {
  const rows = usable.length;
  const order = [...permutation(stream(rootKey(seed), 'split'), rows)];
  const cut = Math.min(rows - 1, Math.max(1, Math.round(calibration * rows)));
  const predicted = (part: readonly number[]) => part.filter((i) => usable[i] > 0);
  return { own: predicted(order.slice(0, cut)), fresh: predicted(order.slice(cut)) };
}
