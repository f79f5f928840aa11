/** What the columns of a table are for: features or target, regression or classification, identifiers. */
import { dataError } from '../../errors.ts';
import { few } from '../names.ts';
import { rowOfText } from './cells.ts';
import { type Column, notationNotes, type Reading, readCategories, readColumn } from './column.ts';
import { countsRows, identifierReason } from './identifiers.ts';
import { equalPairs } from './levels.ts';
import type { MissingOptions } from './missing.ts';
import type { Table } from './table.ts';

export type { Column } from './column.ts';

export type Task = 'regression' | 'classification';

export interface SchemaOptions extends MissingOptions {
  /** Name, or index from 0 (negative from the end); an integer is looked for among the names first. */
  readonly target: string | number;
  readonly task: Task | 'auto';
  /** Columns to read as categories although they look numeric. */
  readonly categorical: readonly string[];
  readonly exclude: readonly string[];
  /** Columns to use although they look like identifiers. */
  readonly keep?: readonly string[];
}

export interface Schema {
  readonly task: Task;
  /** Index of the target in the file. */
  readonly targetIndex: number;
  /** Categorical for a classification. */
  readonly target: Column;
  readonly features: readonly Column[];
  /** Rows whose target is there. */
  readonly rows: readonly number[];
  readonly missing: MissingOptions;
  readonly notes: readonly string[];
}

const MOST_CLASSES = 10;
const FEWEST_ROWS = 10;
/** Notes on single columns, before the rest is only counted. */
const MOST_NOTES = 40;

/** Reads the columns' kinds and the task. Throws a `DataError` that names line and column. */
export function readSchema(table: Table, options: SchemaOptions): Schema {
  const { categorical, exclude, keep = [], missing = [], notMissing = [] } = options;
  const targetIndex = findColumn(table, options.target);
  for (const name of [...categorical, ...exclude, ...keep]) findColumn(table, name);
  const kinds = { categorical, missing, notMissing };
  const read = readColumn(table, targetIndex, kinds);
  const { task, target, rows, notes } = readTarget(table, targetIndex, read, options);
  const readings = table.names.flatMap((name, j) =>
    j === targetIndex || exclude.includes(name) ? [] : [readColumn(table, j, kinds)],
  );
  const features = withoutIdentifiers(table, readings, keep, notes);
  const about = [
    ...(task === 'classification' && read.column.kind === 'numeric' ? [] : read.notes),
    ...features.flatMap((reading) => reading.notes),
  ];
  notes.push(...about.slice(0, MOST_NOTES));
  if (about.length > MOST_NOTES) notes.push(`… and ${about.length - MOST_NOTES} more notes of this kind`);
  const columns = features.map(({ column }) => column);
  notes.push(...notationNotes([...columns, target]));
  return { task, targetIndex, target, features: columns, rows, missing: { missing, notMissing }, notes };
}

function readTarget(table: Table, j: number, { column }: Reading, options: SchemaOptions) {
  const notes: string[] = [];
  const where = `${table.source}: target '${column.name}'`;
  const there = (target: Column) => [...table.lines.keys()].filter((i) => !isMissing(target, i));
  const found = there(column);
  const words = column.kind === 'categorical' ? missingWords(table, j, options) : [];
  const held =
    words.length > 0 ? ` '${words[0]}' was read as missing: --not-missing ${words[0]} makes it a class.` : '';
  if (found.length === 0)
    throw dataError(`${where}: expected values, got none: all are missing.${held} Choose another --target.`);
  const distinct = new Set(found.map((i) => valueAt(column, i)));
  if (distinct.size < 2) {
    throw dataError(
      `${where}: expected different values, got ${[...distinct][0]} in every row.${held} Choose another --target.`,
    );
  }
  if (found.length < FEWEST_ROWS) {
    throw dataError(
      `${table.source}: expected at least ${FEWEST_ROWS} rows with a target, got ${found.length}. Add data.`,
    );
  }
  const chosen = chooseTask(table, j, column, distinct, found, options.task, where);
  const target = chosen.task === 'classification' ? readCategories(table, j, options) : column;
  const rows = column.kind === target.kind ? found : found.filter((i) => !isMissing(target, i));
  if (rows.length < table.rows) notes.push(missingTargets(table, j, target, rows.length, options));
  notes.push(...chosen.notes);
  if (target.kind === 'categorical') {
    const pairs = equalPairs(target.levels);
    if (pairs.length > 0)
      notes.push(
        `classes that are equal as numbers are kept apart, as written: ${few(pairs.map(([a, b]) => `'${a}' and '${b}'`))}`,
      );
  }
  return { task: chosen.task, target, rows, notes };
}

/** Words in column j that were read as missing, though they may be categories. */
const missingWords = (table: Table, j: number, { notMissing = [] }: MissingOptions): string[] =>
  ['NA', 'N/A', 'null', 'NULL', 'NaN', 'nan', '?'].filter(
    (word) => !notMissing.includes(word) && rowOfText(table.columns[j], word) >= 0,
  );

/** The note on rows left out, with the words that stood for a missing target. */
function missingTargets(table: Table, j: number, target: Column, rows: number, options: SchemaOptions): string {
  const left = `${table.rows - rows} rows without a target were left out`;
  const words = target.kind === 'numeric' ? [] : missingWords(table, j, options);
  if (words.length === 0) return left;
  return `${left} ('${words.join("', '")}'; if that is a class, --not-missing ${words[0]})`;
}

function chooseTask(
  table: Table,
  j: number,
  target: Column,
  distinct: Set<unknown>,
  rows: readonly number[],
  asked: Task | 'auto',
  where: string,
) {
  const numeric = target.kind === 'numeric';
  const integers = numeric && [...distinct].every(Number.isInteger);
  const few = integers && distinct.size <= MOST_CLASSES && rows.length >= 5 * distinct.size;
  const guess: Task = !numeric || few ? 'classification' : 'regression';
  const task = asked === 'auto' ? guess : asked;
  const repeated = distinct.size <= 1000 && rows.length >= 2 * distinct.size;
  if (task === 'regression' && !numeric)
    throw dataError(
      `${where}: expected numbers for regression, got words: ${wordsOf(table, j, target)}. ${repeated ? 'Mend the cells, name them with --missing, or leave --task out: they can be classes.' : 'Mend the cells, name them with --missing, or choose another --target.'}`,
    );
  if (task === 'classification' && !repeated) {
    const got = `${where}: expected repeated classes, got ${distinct.size} in ${rows.length} rows`;
    if (numeric) throw dataError(`${got}. They are numbers: use --task regression.`);
    throw dataError(
      `${got}, such as ${wordsOf(table, j, target)}. If they should be numbers, mend the cells or name the words with --missing; else choose another --target.`,
    );
  }
  const notes = [`${task}: '${target.name}' has ${distinct.size} distinct ${numeric ? 'numbers' : 'words'}`];
  if (task === 'classification' && few && distinct.size > 2)
    notes.push(orderNote(target, distinct as Set<number>, rows, asked));
  return { task, notes };
}

/** The first words of a target, each with its line. */
function wordsOf(table: Table, j: number, target: Column): string {
  if (target.kind !== 'categorical') return '';
  const words = target.levels.filter((level) => !/^[+-]?\d+(?:\.\d+)?$/.test(level)).slice(0, 3);
  return words.map((word) => `'${word}' (line ${table.lines[rowOfText(table.columns[j], word)]})`).join(', ');
}

/** Integers taken for classes lose their order: said, with what they look like. */
function orderNote(target: Column, distinct: Set<number>, rows: readonly number[], asked: Task | 'auto'): string {
  const values = [...distinct].sort((a, b) => a - b);
  const frequency = values.map((value) => rows.filter((i) => valueAt(target, i) === value).length);
  const top = frequency.indexOf(Math.max(...frequency));
  const falling = frequency.slice(top).every((n, k, all) => k === 0 || n <= all[k - 1]);
  const counts =
    values.length > 3 &&
    values[0] === 0 &&
    top < values.length / 2 &&
    falling &&
    values.every((value, k) => value === k);
  const like = counts ? ' and look like counts' : '';
  const said = `the classes ${values[0]} to ${values.at(-1)} are integers${like}: their order is not used`;
  if (asked === 'classification') return said;
  return `EACH NUMBER OF THE TARGET IS A CLASS OF ITS OWN, ${said}; --task regression uses it`;
}

function withoutIdentifiers(
  table: Table,
  readings: readonly Reading[],
  keep: readonly string[],
  notes: string[],
): readonly Reading[] {
  const left: string[] = [];
  const kept = readings.filter(({ column }) => {
    if (keep.includes(column.name)) return true;
    const reason = identifierReason(column, table.nameless.has(column.name));
    if (reason === undefined) {
      if (countsRows(column)) left.push(`column '${column.name}' counts the rows; if it is a row number, --exclude it`);
      return true;
    }
    left.push(`column '${column.name}' was left out: ${reason}; --keep '${column.name}' uses it`);
    return false;
  });
  if (kept.length === 0) return readings;
  notes.push(...left);
  return kept;
}

/** The index of a column given by name or index. An integer that is a column's name means that column. */
export function findColumn(table: Table, column: string | number): number {
  const { names, source } = table;
  const named = names.indexOf(String(column));
  const index = typeof column === 'string' || named >= 0 ? named : column < 0 ? names.length + column : column;
  if (index in names) return index;
  throw dataError(`${source}: expected one of the columns ${few(names)}, got '${column}'. Correct the name.`);
}

const isMissing = (column: Column, i: number): boolean =>
  column.kind === 'numeric' ? Number.isNaN(column.values[i]) : column.codes[i] < 0;

/** The number or level in row i. */
export const valueAt = (column: Column, i: number): number | string =>
  column.kind === 'numeric' ? column.values[i] : column.levels[column.codes[i]];
