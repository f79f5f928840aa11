/** Replays the learned preprocessing on the rows of a table: inputs `[rows × p]` as the network takes them, targets, and what was odd. */
import { dataError } from '../../errors.ts';
import { few } from '../names.ts';
import { readAsTrained } from './as-trained.ts';
import { allTexts, cellText } from './cells.ts';
import { type Column, readCategories } from './column.ts';
import { levelMatcher } from './levels.ts';
import { missingRule } from './missing.ts';
import type { CategoricalCode, NumericCode, Preprocessing } from './preprocess.ts';
import { findColumn } from './schema.ts';
import type { Table } from './table.ts';

export interface Encoded {
  /** `[rows × p]` row-major. */
  readonly x: Float32Array;
  /** Standardised target or class index `[rows]`; empty when not asked for. */
  readonly y: Float64Array;
  readonly warnings: readonly string[];
  /** Names of the columns in which a row has a word for a number, by the place of the row in `rows`. */
  readonly unread: ReadonlyMap<number, readonly string[]>;
}

/**
 * Replays the preprocessing on the rows of a table. A word where training had numbers, or a number of unworkable size, is refused in rows
 * `withTarget`, which are to be learned from or scored; else it is the matter of its row: the word counts as missing, the number as
 * infinite. Throws a `DataError` for a column that is not there.
 */
export function encode(pre: Preprocessing, table: Table, rows: readonly number[], withTarget: boolean): Encoded {
  const p = pre.inputNames.length;
  const x = new Float32Array(rows.length * p);
  const warnings: string[] = [];
  const unread = new Map<number, readonly string[]>();
  const place = locator(pre, table, withTarget, warnings);
  let at = 0;
  for (const code of pre.columns) {
    const j = place(code.name, code.index);
    const column =
      code.kind === 'categorical'
        ? readCategories(table, j, pre.missing ?? {})
        : readAsTrained(pre, table, j, code, warnings, withTarget ? 'refused' : 'kept');
    if ('words' in column) {
      rows.forEach((row, i) => {
        if (column.words.has(row)) unread.set(i, [...(unread.get(i) ?? []), code.name]);
      });
    }
    const width = encodeColumn(code, column, rows, x, at, p, warnings);
    at += width;
  }
  const y = withTarget
    ? encodeTarget(pre, table, place(pre.target.name, pre.target.index), rows, warnings)
    : new Float64Array(0);
  return { x, y, warnings, unread };
}

/** The rows of a table whose target is there. Throws a `DataError` where the column is not. */
export function rowsWithTarget(pre: Preprocessing, table: Table): number[] {
  const j = locator(pre, table, true, [])(pre.target.name, pre.target.index);
  const rule = missingRule(pre.missing);
  const own = 'classes' in pre.target ? [] : (pre.target.missing ?? []);
  const missing = 'classes' in pre.target ? rule.category : (text: string) => rule.number(text) || own.includes(text);
  const texts = allTexts(table.columns[j]);
  return [...texts.keys()].filter((i) => !missing(texts[i]));
}

/** Where a training column stands in the new table: by name with a header, by place without. */
function locator(pre: Preprocessing, table: Table, withTarget: boolean, warnings: string[]) {
  const { names, source } = table;
  if (pre.headed) {
    const known = new Set([...pre.columns, pre.target].map(({ name }) => name).concat(pre.dialect?.names ?? []));
    const unused = names.filter((name) => !known.has(name));
    if (unused.length > 0) warnings.push(`columns the model does not use were ignored: ${few(unused)}`);
    return (name: string) => {
      if (names.includes(name)) return findColumn(table, name);
      throw dataError(`${source}: expected a column '${name}', got ${few(names)}. Add it under that name.`);
    };
  }
  const without = names.length === pre.width - 1 && !withTarget;
  if (names.length !== pre.width && !without) {
    throw dataError(
      `${source}: expected ${pre.width} columns as in training${withTarget ? '' : ` (or ${pre.width - 1} without the target)`}, got ${names.length}.` +
        ' Give the same columns in the same order.',
    );
  }
  return (_name: string, index: number) => (without && index > pre.target.index ? index - 1 : index);
}

/** Writes one column's inputs at `at` of every row and returns how many it wrote. */
function encodeColumn(
  code: NumericCode | CategoricalCode,
  column: Column,
  rows: readonly number[],
  x: Float32Array,
  at: number,
  p: number,
  warnings: string[],
): number {
  if (code.kind === 'numeric' && column.kind === 'numeric') {
    let imputed = 0;
    rows.forEach((row, i) => {
      const value = column.values[row];
      const missing = Number.isNaN(value);
      x[i * p + at] = ((missing ? code.impute : value) - code.mean) / code.sd;
      if (code.mask) x[i * p + at + 1] = missing ? 1 : 0;
      else if (missing) imputed++;
    });
    if (imputed > 0)
      warnings.push(`column '${code.name}': ${imputed} missing values, none in training, were set to the median`);
    return code.mask ? 2 : 1;
  }
  if (code.kind === 'categorical' && column.kind === 'categorical') {
    const match = levelMatcher(code.levels);
    const inputs = column.levels.map(match);
    const unseen = new Map<number, number>();
    rows.forEach((row, i) => {
      const level = column.codes[row];
      const k = level < 0 ? (code.missing ? code.levels.length : -1) : inputs[level];
      if (k >= 0) x[i * p + at + k] = 1;
      else unseen.set(level, (unseen.get(level) ?? 0) + 1);
    });
    if (unseen.size > 0) warnings.push(unseenWarning(code.name, column.levels, unseen));
    return code.levels.length + Number(code.missing);
  }
  return 0;
}

/** Levels shown of those that were not in training. */
const EXAMPLES = 3;

function unseenWarning(name: string, levels: readonly string[], unseen: ReadonlyMap<number, number>): string {
  const rows = [...unseen.values()].reduce((sum, count) => sum + count, 0);
  const most = [...unseen].sort(([, a], [, b]) => b - a).slice(0, EXAMPLES);
  const examples = most.map(([code, count]) => `'${levels[code] ?? 'missing'}' (${count} rows)`).join(', ');
  const what = unseen.size === 1 ? `category ${examples}` : `${unseen.size} categories in ${rows} rows, ${examples} …,`;
  const verb = unseen.size === 1 ? 'was' : 'were';
  return `column '${name}': ${what} ${verb} not in training; no level is set`;
}

function encodeTarget(
  pre: Preprocessing,
  table: Table,
  j: number,
  rows: readonly number[],
  warnings: string[],
): Float64Array {
  const { target } = pre;
  if (!('classes' in target)) {
    const { values } = readAsTrained(pre, table, j, target, warnings, 'refused');
    return Float64Array.from(rows, (row) => (values[row] - target.mean) / target.sd);
  }
  const { levels, codes } = readCategories(table, j, pre.missing ?? {});
  const match = levelMatcher(target.classes);
  const classes = levels.map(match);
  return Float64Array.from(rows, (row) => {
    const k = codes[row] < 0 ? -1 : classes[codes[row]];
    if (k >= 0) return k;
    throw dataError(
      `${table.source}:${table.lines[row]}: target '${target.name}': expected one of ${few(target.classes)}, got '${cellText(table.columns[j], row)}'. Mend the cell.`,
    );
  });
}
