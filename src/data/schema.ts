/** What the columns of a table are: numbers or categories, features or target, regression or classification. */
import { dataError } from '../errors.ts';
import { MISSING, type Table } from './table.ts';

export type Task = 'regression' | 'classification';

export interface SchemaOptions {
  /** Name, or index from 0 (negative from the end). */
  readonly target: string | number;
  readonly task: Task | 'auto';
  /** Columns to read as categories although they look numeric. */
  readonly categorical: readonly string[];
  readonly exclude: readonly string[];
}

export interface NumericColumn {
  readonly kind: 'numeric';
  readonly name: string;
  /** One number per row, NaN where missing. */
  readonly values: Float64Array;
}
export interface CategoricalColumn {
  readonly kind: 'categorical';
  readonly name: string;
  /** One level per row, undefined where missing. */
  readonly values: readonly (string | undefined)[];
}
export type Column = NumericColumn | CategoricalColumn;

export interface Schema {
  readonly task: Task;
  /** Index of the target in the file. */
  readonly targetIndex: number;
  readonly target: Column;
  readonly features: readonly Column[];
  /** Rows whose target is there. */
  readonly rows: readonly number[];
  readonly notes: readonly string[];
}

/** Beyond this the square of a value no longer fits a double with room to sum. */
const LARGEST = 1e100;
/** A column with fewer non-numbers than this share is numeric with mistakes in it, not categorical. */
const MISTAKES = 0.05;
const MOST_CLASSES = 10;
const FEWEST_ROWS = 10;

/** Reads the columns' kinds and the task. Throws a `DataError` that names line and column. */
export function readSchema(table: Table, options: SchemaOptions): Schema {
  const targetIndex = findColumn(table, options.target);
  for (const name of [...options.categorical, ...options.exclude]) findColumn(table, name);
  const target = readColumn(table, targetIndex, options.categorical);
  const rows = [...table.lines.keys()].filter((i) => !isMissing(target, i));
  const where = `${table.source}: target '${target.name}'`;
  const notes: string[] = [];
  if (rows.length === 0)
    throw dataError(`${where}: expected values, got none: all are missing. Choose another --target.`);
  if (rows.length < table.rows) notes.push(`${table.rows - rows.length} rows without a target were left out`);
  const distinct = new Set(rows.map((i) => target.values[i]));
  if (distinct.size < 2) {
    throw dataError(
      `${where}: expected different values, got ${[...distinct][0]} in every row. Choose another --target.`,
    );
  }
  if (rows.length < FEWEST_ROWS) {
    throw dataError(
      `${table.source}: expected at least ${FEWEST_ROWS} rows with a target, got ${rows.length}. Add data.`,
    );
  }
  const { task, reason } = chooseTask(target, distinct, rows.length, options.task, where);
  notes.push(reason);
  const features = table.names.flatMap((name, j) =>
    j === targetIndex || options.exclude.includes(name) ? [] : [readColumn(table, j, options.categorical)],
  );
  return { task, targetIndex, target, features, rows, notes };
}

function chooseTask(target: Column, distinct: Set<unknown>, rows: number, asked: Task | 'auto', where: string) {
  const kinds = `'${target.name}' has ${distinct.size} distinct ${target.kind === 'numeric' ? 'numbers' : 'words'}`;
  const integers = target.kind === 'numeric' && [...distinct].every(Number.isInteger);
  const few = integers && distinct.size <= MOST_CLASSES && rows >= 5 * distinct.size;
  const guess: Task = target.kind === 'categorical' || few ? 'classification' : 'regression';
  const task = asked === 'auto' ? guess : asked;
  if (task === 'regression' && target.kind === 'categorical') {
    throw dataError(`${where}: expected numbers for regression, got words. Use --task classification.`);
  }
  if (task === 'classification' && (distinct.size > 1000 || rows < 2 * distinct.size)) {
    throw dataError(
      `${where}: expected repeated classes, got ${distinct.size} in ${rows} rows. Use --task regression.`,
    );
  }
  return { task, reason: `${task}: ${kinds}` };
}

/** The index of a column given by name or index. */
export function findColumn(table: Table, column: string | number): number {
  const { names, source } = table;
  const index = typeof column === 'string' ? names.indexOf(column) : column < 0 ? names.length + column : column;
  if (index in names) return index;
  throw dataError(`${source}: expected one of the columns ${names.join(', ')}, got '${column}'. Correct the name.`);
}

export const isMissing = (column: Column, i: number): boolean =>
  column.kind === 'numeric' ? Number.isNaN(column.values[i]) : column.values[i] === undefined;

/** Column j as numbers if its cells are, else as categories. */
export function readColumn(table: Table, j: number, categorical: readonly string[]): Column {
  const name = table.names[j];
  const cells = table.columns[j];
  const present = cells.filter((cell) => !MISSING.has(cell));
  const words = present.filter((cell) => Number.isNaN(Number(cell)) && !/^[+-]?inf(inity)?$/i.test(cell));
  if (categorical.includes(name) || words.length > MISTAKES * present.length) {
    return { kind: 'categorical', name, values: cells.map((cell) => (MISSING.has(cell) ? undefined : cell)) };
  }
  return { kind: 'numeric', name, values: readNumbers(table, j) };
}

/** Column j as numbers, NaN where missing. Throws on the first cell that is neither. */
export function readNumbers(table: Table, j: number): Float64Array {
  return Float64Array.from(table.columns[j], (cell, i) => {
    if (MISSING.has(cell)) return Number.NaN;
    const value = Number(cell);
    const where = `${table.source}:${table.lines[i]}: column '${table.names[j]}'`;
    if (!Number.isFinite(value)) {
      throw dataError(`${where}: expected a finite number, got '${cell}'. Mend the cell, or pass --categorical.`);
    }
    if (Math.abs(value) > LARGEST) {
      throw dataError(`${where}: expected a number of size at most 1e100, got ${cell}. Change the column's unit.`);
    }
    return value;
  });
}
