/**
 * The learned preprocessing: what the training rows taught, as a JSON record that is stored with the run and replayed
 * on new data. Numbers are imputed by the median and standardised; categories become one column per level.
 */
import { dataError } from '../../errors.ts';
import { few } from '../names.ts';
import type { CategoricalColumn, NumericColumn } from './column.ts';
import { ordered } from './levels.ts';
import type { MissingOptions } from './missing.ts';
import { type Notation, PLAIN } from './numbers.ts';
import { type Column, type Schema, type Task, valueAt } from './schema.ts';
import type { Dialect, Table } from './table.ts';

/** What the training rows held of a numeric column, in its own units. */
interface Seen {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
}

export interface NumericCode {
  readonly kind: 'numeric';
  readonly name: string;
  /** Index in the training file; the place that counts when files have no header. */
  readonly index: number;
  readonly mean: number;
  readonly sd: number;
  /** Stands in for missing values: the median of the training rows. */
  readonly impute: number;
  /** Whether a 0/1 input says that the value was missing. */
  readonly mask: boolean;
  /** Absent in runs of earlier versions. */
  readonly seen?: Seen;
  /** How the training file wrote the column's numbers; absent for the plain way. */
  readonly notation?: Notation;
  /** Words that stood for a missing value in this column. */
  readonly missing?: readonly string[];
}
export interface CategoricalCode {
  readonly kind: 'categorical';
  readonly name: string;
  readonly index: number;
  /** Levels of the training rows, sorted. */
  readonly levels: readonly string[];
  /** Whether missing is a level of its own. */
  readonly missing: boolean;
}
type TargetCode =
  | {
      readonly name: string;
      readonly index: number;
      readonly mean: number;
      readonly sd: number;
      readonly notation?: Notation;
      readonly missing?: readonly string[];
      /** Of the logarithm; there where every row of the table has a positive target. */
      readonly log?: { readonly mean: number; readonly sd: number };
    }
  | { readonly name: string; readonly index: number; readonly classes: readonly string[] };

export interface Preprocessing {
  readonly task: Task;
  readonly headed: boolean;
  /** Columns of the training file, target included. */
  readonly width: number;
  readonly target: TargetCode;
  readonly columns: readonly (NumericCode | CategoricalCode)[];
  /** Names of the network's inputs, in order. */
  readonly inputNames: readonly string[];
  /** How the training file was laid out: other files are tried this way first. */
  readonly dialect?: Dialect;
  /** What was told about missing values. */
  readonly missing?: MissingOptions;
}

/** Inputs that a column makes. */
export const widthOf = (code: NumericCode | CategoricalCode): number =>
  code.kind === 'numeric' ? 1 + Number(code.mask) : code.levels.length + Number(code.missing);

/** Place of a column's first input. */
export const firstInput = (columns: Preprocessing['columns'], code: NumericCode | CategoricalCode): number =>
  columns.slice(0, columns.indexOf(code)).reduce((sum, before) => sum + widthOf(before), 0);

const MOST_LEVELS = 100;

/** Mean and population deviation in two passes, NaN left out. */
function moments(values: readonly number[]): { mean: number; sd: number } {
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  return { mean, sd: Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length) };
}

/** Of numbers that are all there. */
function seenOf(values: readonly number[] | Float64Array): Seen {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) [min, max] = [Math.min(min, value), Math.max(max, value)];
  return { min, max, mean: moments([...values]).mean };
}

/**
 * Learns the preprocessing from the rows `train`; `all` takes mean and deviation from every row with a target, as the
 * paper does, `none` leaves the features as they are (only the target is standardised). Returns the notes on dropped
 * columns beside it. Throws when no feature is left.
 */
export function learnPreprocessing(
  table: Table,
  schema: Schema,
  train: Int32Array,
  standardise: 'train' | 'all' | 'none',
): { preprocessing: Preprocessing; notes: string[] } {
  const rows = [...train];
  const basis = standardise === 'all' ? schema.rows : rows;
  const notes: string[] = [];
  const columns = schema.features.flatMap((column) => {
    const index = table.names.indexOf(column.name);
    const code =
      standardise === 'none'
        ? rawNumbers(column, index, rows, table.source)
        : column.kind === 'numeric'
          ? learnNumbers(column, index, rows, basis)
          : learnLevels(column, index, rows);
    if (typeof code !== 'string') return [code];
    notes.push(`column '${column.name}' was left out: ${code}`);
    return [];
  });
  if (columns.length === 0) {
    throw dataError(`${table.source}: expected a feature that varies, got none. ${notes.join('; ')}.`);
  }
  const target = learnTarget(schema, rows, basis, table.source);
  const inputNames = columns.flatMap((code) =>
    code.kind === 'numeric'
      ? [code.name, ...(code.mask ? [`${code.name} missing`] : [])]
      : [...code.levels.map((level) => `${code.name}=${level}`), ...(code.missing ? [`${code.name} missing`] : [])],
  );
  const { task, missing } = schema;
  const { headed, dialect } = table;
  return {
    preprocessing: { task, headed, width: table.names.length, target, columns, inputNames, dialect, missing },
    notes,
  };
}

/** What `encode` needs to read the column's numbers again. */
const written = ({ notation, missing }: NumericColumn) => ({
  ...((notation.decimal !== PLAIN.decimal || notation.grouped || notation.percent) && { notation }),
  ...(missing.length > 0 && { missing }),
});

function learnNumbers(column: NumericColumn, index: number, rows: number[], basis: readonly number[]) {
  const { name, values } = column;
  const present = rows.map((i) => values[i]).filter((v) => !Number.isNaN(v));
  if (present.length === 0) return 'all its training values are missing';
  const { mean, sd } = moments(basis.map((i) => values[i]).filter((v) => !Number.isNaN(v)));
  if (!(sd > 1e-12 * Math.abs(mean)) || present.every((v) => v === present[0]))
    return `it is ${present[0]} in all training rows`;
  const sorted = Float64Array.from(present).sort();
  const impute = sorted[sorted.length >> 1];
  const mask = present.length < rows.length;
  return { kind: 'numeric' as const, name, index, mean, sd, impute, mask, seen: seenOf(present), ...written(column) };
}

/** A column that goes into the network as it is. */
function rawNumbers(column: Column, index: number, rows: number[], source: string): NumericCode {
  const { name } = column;
  if (column.kind !== 'numeric') {
    throw dataError(
      `${source}: column '${name}': expected numbers, since features go into the network as they are, got categories. ` +
        'Encode the column as the network learned it, or --exclude it.',
    );
  }
  const sorted = Float64Array.from(rows.map((i) => column.values[i]).filter((v) => !Number.isNaN(v))).sort();
  if (sorted.length === 0) throw dataError(`${source}: column '${name}': expected numbers, got none. --exclude it.`);
  const impute = sorted[sorted.length >> 1];
  return {
    kind: 'numeric',
    name,
    index,
    mean: 0,
    sd: 1,
    impute,
    mask: false,
    seen: seenOf(sorted),
    ...written(column),
  };
}

function learnLevels({ name, levels, codes }: CategoricalColumn, index: number, rows: number[]) {
  const seen = new Set(rows.map((i) => codes[i]));
  const missing = seen.delete(-1);
  const known = [...seen].map((code) => levels[code]);
  if (known.length + Number(missing) < 2) return `it has one category in the training rows, '${known[0] ?? 'missing'}'`;
  if (known.length > MOST_LEVELS)
    return `it has ${known.length} categories, more than ${MOST_LEVELS}; group them to use it`;
  return { kind: 'categorical' as const, name, index, levels: known.sort(), missing };
}

function learnTarget(schema: Schema, rows: number[], basis: readonly number[], source: string): TargetCode {
  const { target, targetIndex: index } = schema;
  const { name } = target;
  if (target.kind === 'numeric') {
    const first = target.values[rows[0]];
    if (rows.every((i) => target.values[i] === first)) {
      throw dataError(
        `${source}: target '${name}': expected different values in the training rows, got ${first} in all ${rows.length}. ` +
          'Use another --seed, or add rows.',
      );
    }
    const values = basis.map((i) => target.values[i]);
    const positive = schema.rows.every((i) => target.values[i] > 0);
    const log = positive && { log: moments(values.map(Math.log)) };
    return { name, index, ...moments(values), ...log, ...written(target) };
  }
  const levelsIn = (which: readonly number[]) => new Set(which.map((i) => valueAt(target, i) as string));
  const classes = ordered([...levelsIn(schema.rows)]);
  const trained = levelsIn(rows);
  const absent = classes.filter((level) => !trained.has(level));
  if (absent.length > 0) {
    throw dataError(
      `${source}: target '${name}': expected every class in the training rows, got none of ${few(absent)}. ` +
        'Leave the rare classes out, or use another --seed.',
    );
  }
  return { name, index, classes };
}
