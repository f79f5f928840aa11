/** Predictions for new rows from a stored run. */

import { kindOf, ofTable } from '../data/learned.ts';
import { lacksRanges } from '../data/table/outside.ts';
import { specError } from '../errors.ts';
import { meanOf } from '../math/moments.ts';
import { type Ensemble, predictingEnsemble } from '../spec/ensemble.ts';
import type { LoadedRun } from '../spec/loaded-run.ts';
import { type OpenedRun, withRun } from '../spec/opened-run.ts';
import {
  type Calibration,
  type ConformalMethod,
  calibrate,
  conformalColumns,
  conformalMethod,
  outerQuantiles,
  type RowPredictor,
} from './conformal.ts';
import { newRows } from './new-rows.ts';
import { columnNames, type PredictedRow, predictEncoded, QUANTILES } from './predict-rows.ts';
import { type RecalibratedRun, recalibrate, recalibrated } from './recalibrate.ts';

export interface PredictOptions {
  readonly run: string;
  /** Path of a table, of images or of a text, as the run was trained on; or rows as objects, with the columns of the training data. */
  readonly data: string | readonly Readonly<Record<string, unknown>>[];
  /** Probabilities of the quantiles of a regression, each in (0, 1). */
  readonly quantiles?: readonly number[];
  /** Adds a conformal interval or set that holds the truth with this probability, in (0, 1). */
  readonly conformal?: number;
  /** Default: cqr for regression, aps for classification. */
  readonly conformalMethod?: ConformalMethod;
  /** Input column whose groups get thresholds, and so coverage, of their own (Mondrian). */
  readonly conformalGroup?: string | undefined;
  /**
   * Scales deviations, or tempers probabilities, as suits the validation rows best, where that helps on rows it was not learned from.
   * Conformal columns are those without it.
   */
  readonly recalibrate?: boolean | undefined;
  /** Bytes that a gzipped file may unpack to. Default 1e9. */
  readonly maxUnpacked?: number | undefined;
  /** Whose predictions: the draws', or the deep ensemble's. Default: the draws', where they predict at all. */
  readonly ensemble?: Ensemble['name'] | undefined;
  /** Columns of `data` to pass through, as text, before the predictions. */
  readonly ids?: readonly string[] | undefined;
  /** Hears of progress, as a share in [0, 1]. */
  readonly onShare?: ((share: number) => void) | undefined;
}

export interface Predictions {
  readonly task: 'regression' | 'classification';
  readonly target: string;
  /** Whose predictions they are: the draws', or the deep ensemble's where no draw predicts anything. */
  readonly ensemble: Ensemble['name'];
  readonly rows: readonly PredictedRow[];
  /** Text: exp of minus the mean log probability of a token. */
  readonly perplexity?: number;
  readonly warnings: readonly string[];
  /** The calibration behind the conformal columns. */
  readonly calibration?: Calibration;
  /** The scale behind recalibrated columns; where it does not help, they are as they were. */
  readonly recalibration?: RecalibratedRun;
}

/**
 * Predicts with every draw of a run. Regression: mean, aleatoric and epistemic standard deviation and quantiles, in
 * the units of the target. Classification: class probabilities, and aleatoric and epistemic entropy in nats. Every row of `data` has
 * one; what a draw does not predict is left out of that row only, and said.
 */
export const predict = (options: PredictOptions): Promise<Predictions> =>
  withRun(options.run, (run) => predictFile(run, options));

/** The same for a run that is open already. */
export async function predictFile(run: OpenedRun, options: Omit<PredictOptions, 'run'>): Promise<Predictions> {
  const { data, quantiles = QUANTILES, conformal: level, ids = [], onShare, maxUnpacked } = options;
  const beyond = quantiles.find((q) => !(q > 0 && q < 1));
  if (beyond !== undefined) throw specError(`quantiles: expected numbers between 0 and 1, got ${beyond}. Correct it.`);
  const { preprocessing } = run;
  if (kindOf(preprocessing) === 'text' && (level !== undefined || options.recalibrate)) {
    const option = options.recalibrate ? 'recalibrate' : 'conformal';
    throw specError(`${option}: expected a run of a table or of images, got one of a text. Leave it out.`);
  }
  const {
    asked,
    outside,
    groups,
    passed,
    warnings: found,
  } = await newRows(run, data, {
    ids,
    maxUnpacked,
    group: options.conformalGroup,
    taken: columnNames(preprocessing, quantiles),
  });
  const warnings = [...found];
  const ensemble = await predictingEnsemble(run, options.ensemble);
  const renewed = (what: string) => () =>
    warnings.push(`the ${what} learned again: the run has other draws than those it was learned from before`);
  const predictRows: RowPredictor = (part, wanted) => predictEncoded(run, ensemble, part, wanted);
  const recalibration = options.recalibrate ? await recalibrate(run, ensemble, renewed('recalibration is')) : undefined;
  const shown = (row: PredictedRow) => (recalibration?.helps ? recalibrated(run, row, recalibration.scale) : row);
  const method = level === undefined ? undefined : conformalMethod(preprocessing.task, options.conformalMethod);
  const { conformalGroup } = options;
  const calibration =
    method && level !== undefined
      ? await calibrate(
          run,
          { level, method, groupColumn: conformalGroup },
          ensemble,
          predictRows,
          renewed('conformal calibration is'),
        )
      : undefined;
  const outer = level === undefined ? [] : outerQuantiles(level);
  const unasked = outer.filter((q) => !quantiles.includes(q)).map((q) => `q${q}`);
  const wanted = [...new Set([...quantiles, ...outer])].sort((a, b) => a - b);
  const predicted = await predictEncoded(run, ensemble, asked, wanted, onShare);
  const rows = predicted.map((row, i) => ({ ...row, outside: outside(i) }));
  return {
    task: preprocessing.task,
    target: preprocessing.target.name,
    ensemble: ensemble.name,
    ...(kindOf(preprocessing) === 'text' && { perplexity: perplexityOf(rows) }),
    warnings: [...ensembleWarnings(ensemble), ...warnings, ...rowWarnings(run, rows, ensemble.size)],
    ...(calibration && { calibration }),
    ...(recalibration && { recalibration }),
    rows: rows.map((row, i) => {
      const { outside, unusable, ...numbers } = shown(row);
      const wantedNumbers = Object.entries(numbers).filter(([name]) => !unasked.includes(name));
      const conformal = calibration ? conformalColumns(run, row, calibration, groups[i]) : {};
      const own = Object.fromEntries(passed.map(({ name, cells }) => [name, cells[i]]));
      return { ...own, ...Object.fromEntries(wantedNumbers), ...conformal, outside, unusable };
    }),
  };
}

const perplexityOf = (rows: readonly PredictedRow[]): number =>
  Math.exp(-meanOf(Float64Array.from(rows, ({ logProbability }) => Number(logProbability))));

function ensembleWarnings({ name, asked }: Ensemble): string[] {
  if (name === 'bayesian') return [];
  const reason = asked
    ? 'as --ensemble asks'
    : 'no draw of the run predicts finite numbers, the sampler diverged. Fit again with a lower --step-size';
  return [`THESE ARE PREDICTIONS OF THE DEEP ENSEMBLE, not of the posterior: ${reason}`];
}

/** What to know of rows that lack draws, or lie outside. */
function rowWarnings({ preprocessing }: LoadedRun, rows: readonly PredictedRow[], members: number): string[] {
  const warnings: string[] = [];
  const numbers = (found: readonly number[]) => {
    const first = found.slice(0, EXAMPLES).map((i) => i + 1);
    return `${found.length} of ${rows.length} rows (row${found.length > 1 ? 's' : ''} ${first.join(', ')}${found.length > EXAMPLES ? ', …' : ''})`;
  };
  const where = (holds: (row: PredictedRow) => boolean) => rows.flatMap((row, i) => (holds(row) ? [i] : []));
  const empty = where((row) => row.unusable === members);
  if (empty.length > 0) warnings.push(`${numbers(empty)}: no draw predicts finite numbers, their cells are empty`);
  const partial = where((row) => Number(row.unusable) > 0 && row.unusable !== members);
  if (partial.length > 0) {
    const most = Math.max(...partial.map((i) => Number(rows[i].unusable)));
    warnings.push(`${numbers(partial)}: up to ${most} of ${members} draws predict nothing finite and were left out`);
  }
  const outside = where((row) => row.outside !== '');
  if (outside.length > 0) {
    const counts = new Map<string, number>();
    for (const i of outside)
      for (const name of String(rows[i].outside).split('|')) counts.set(name, (counts.get(name) ?? 0) + 1);
    const most = [...counts].sort(([, a], [, b]) => b - a).slice(0, EXAMPLES);
    const by = most.map(([name, count]) => `${name} (${count})`).join(', ');
    warnings.push(
      `${numbers(outside)} lie outside what the training rows showed, by ${by}${counts.size > EXAMPLES ? ', …' : ''}`,
    );
  }
  if (ofTable(preprocessing) && lacksRanges(preprocessing))
    warnings.push(
      'the run was made by an earlier version and knows no ranges: numbers outside of them are not flagged',
    );
  return warnings;
}

/** Rows or columns named in a warning. */
const EXAMPLES = 3;
