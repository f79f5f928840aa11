/** What a column is: numbers or categories, decided by all its cells together, and the words that say so. */
import { dataError } from '../../errors.ts';
import { few } from '../names.ts';
import { type Cells, rowOfText, tally } from './cells.ts';
import { DOUBTFUL, type MissingOptions, missingRule } from './missing.ts';
import { dressed, losesDigits, type Notation, notationOf, parseNumber, shownDecimal } from './numbers.ts';
import type { Table } from './table.ts';

export interface NumericColumn {
  readonly kind: 'numeric';
  readonly name: string;
  /** One number per row, NaN where missing. */
  readonly values: Float64Array;
  readonly notation: Notation;
  /** Words that stand for a missing value in this column alone. */
  readonly missing: readonly string[];
}
export interface CategoricalColumn {
  readonly kind: 'categorical';
  readonly name: string;
  /** Distinct texts, in the order of the file. */
  readonly levels: readonly string[];
  /** Index of the level per row, −1 where missing. */
  readonly codes: Int32Array;
}
export type Column = NumericColumn | CategoricalColumn;

export interface KindOptions extends MissingOptions {
  /** Columns to read as categories although they look numeric. */
  readonly categorical?: readonly string[];
}

/** Beyond this the square of a value no longer fits a double with room to sum. */
const LARGEST = 1e100;
/** A column with fewer words than this share is numeric with mistakes in it, not categorical. */
const MISTAKES = 0.05;
/** At most so many different words, each repeated, among more than so many different numbers stand for a missing value. */
const STANDINGS = { words: 3, numbers: 20 };

/** What the distinct texts of a column say. */
interface Survey {
  readonly notation: Notation;
  /** Distinct texts that are no numbers, and the cells that hold them. */
  readonly words: readonly string[];
  readonly wordCells: number;
  readonly cells: number;
  readonly standIns: boolean;
  /** Different codes that are the same number. */
  readonly merge: boolean;
}

function survey(table: Table, j: number, isMissing: (text: string) => boolean): Survey {
  const cells = table.columns[j];
  const { texts, counts, numbers } = tally(cells);
  const present = texts.flatMap((text, k) => (isMissing(text) || counts[k] === 0 ? [] : [k]));
  const shown = present.map((k) => texts[k]);
  const notation = shownNotation(table, j, shown);
  const words = present.filter((k) => Number.isNaN(parseNumber(texts[k], notation)));
  const sum = (which: readonly number[]) => which.reduce((total, k) => total + counts[k], 0);
  const distinct = present.length - words.length + (numbers > 0 ? STANDINGS.numbers : 0);
  return {
    notation,
    words: words.map((k) => texts[k]),
    wordCells: sum(words),
    cells: sum(present) + numbers,
    standIns: words.length <= STANDINGS.words && words.every((k) => counts[k] > 1) && distinct > STANDINGS.numbers,
    merge: codesMerge(shown),
  };
}

/** The notation that the texts of column j show, where the file's own decimal mark says what they leave open. */
export function shownNotation(table: Table, j: number, texts: readonly string[]): Notation {
  const cells = table.columns[j];
  const own = cells.kind === 'numbers' ? cells.notation : undefined;
  const guessed = notationOf(texts, own?.decimal ?? shownDecimal(texts) ?? table.dialect.decimal);
  return own ? { ...own, grouped: own.grouped || guessed.grouped } : guessed;
}

/** Whether integers that are written differently, `7` and `007`, or beyond 2⁵³, would be the same number. */
function codesMerge(texts: readonly string[]): boolean {
  if (!texts.some(losesDigits)) return false;
  const integers = texts.filter((text) => /^[+-]?\d+$/.test(text));
  return new Set(integers.map(Number)).size < integers.length;
}

/** A column as it is to be used, and what is to be said about it. */
export interface Reading {
  readonly column: Column;
  readonly notes: readonly string[];
}

/** Column j as numbers if its cells are, else as categories. Throws a `DataError` on a cell that is neither. */
export function readColumn(table: Table, j: number, options: KindOptions = {}): Reading {
  const name = table.names[j];
  const rule = missingRule(options);
  const asked = options.categorical?.includes(name) ?? false;
  const seen = survey(table, j, rule.number);
  const { words, wordCells, cells, merge, standIns } = seen;
  if (asked || merge || (!standIns && wordCells > MISTAKES * cells)) {
    return { column: readCategories(table, j, options), notes: asked ? [] : [categoryNote(table, j, options, seen)] };
  }
  const missing = standIns ? words : [];
  const column = readNumbers(table, j, seen.notation, options, missing);
  return {
    column,
    notes: [
      ...missingNotes(table, j, column, options),
      ...standInNotes(name, missing),
      ...dressNotes(table, j, seen.notation),
    ],
  };
}

/** Column j as categories, whatever it looks like. */
export function readCategories(table: Table, j: number, options: MissingOptions): CategoricalColumn {
  const cells = table.columns[j];
  const rule = missingRule(options);
  const levels: string[] = [];
  const byText = new Map<string, number>();
  const codeOf = (text: string): number => {
    if (rule.category(text)) return -1;
    const known = byText.get(text);
    if (known !== undefined) return known;
    byText.set(text, levels.length);
    return levels.push(text) - 1;
  };
  const codes = new Int32Array(table.rows);
  if (cells.kind === 'numbers') {
    for (const [i, value] of cells.values.entries()) if (!Number.isNaN(value)) codes[i] = codeOf(String(value));
  }
  const { texts, codes: own } = cells.kind === 'texts' ? cells : cells.odd.cells;
  const found = texts.map(() => -2);
  own.forEach((k, i) => {
    if (found[k] === -2) found[k] = codeOf(texts[k]);
    codes[cells.kind === 'texts' ? i : cells.odd.rows[i]] = found[k];
  });
  return { kind: 'categorical', name: table.names[j], levels, codes };
}

/**
 * Column j as numbers in this notation, NaN where missing. Throws on the first cell that is neither, and where `far` says so on one of
 * infinite or unworkable size; else that is ±∞.
 */
export function readNumbers(
  table: Table,
  j: number,
  notation: Notation,
  options: MissingOptions = {},
  standIns: readonly string[] = [],
  far: 'refused' | 'infinite' = 'refused',
): NumericColumn {
  const cells = table.columns[j];
  const rule = missingRule(options);
  const { texts, codes } = cells.kind === 'texts' ? cells : cells.odd.cells;
  const numbers = Float64Array.from(texts, (text) => {
    if (rule.number(text) || standIns.includes(text)) return Number.NaN;
    const value = parseNumber(text, notation);
    return far === 'infinite' && Math.abs(value) > LARGEST
      ? Math.sign(value) * Number.POSITIVE_INFINITY
      : finite(table, j, text, value);
  });
  const values = cells.kind === 'texts' ? Float64Array.from(codes, (k) => numbers[k]) : withOdd(cells, numbers);
  if (cells.kind === 'numbers' && far === 'refused') {
    const large = values.findIndex((value) => Math.abs(value) > LARGEST);
    if (large >= 0) throw tooLarge(whereIs(table, j, large), String(values[large]));
  }
  return { kind: 'numeric', name: table.names[j], values, notation, missing: standIns };
}

function withOdd(cells: Extract<Cells, { kind: 'numbers' }>, numbers: Float64Array): Float64Array {
  const { rows, cells: odd } = cells.odd;
  if (odd.texts.every((_, k) => Number.isNaN(numbers[k]))) return cells.values;
  const values = cells.values.slice();
  rows.forEach((row, i) => {
    values[row] = numbers[odd.codes[i]];
  });
  return values;
}

const whereIs = (table: Table, j: number, row: number) =>
  `${table.source}:${table.lines[row]}: column '${table.names[j]}'`;

const tooLarge = (where: string, text: string) =>
  dataError(`${where}: expected a number of size at most 1e100, got ${text}. Change the column's unit.`);

/** The value, if it can be computed with. */
function finite(table: Table, j: number, text: string, value: number): number {
  if (Math.abs(value) <= LARGEST) return value;
  const row = rowOfText(table.columns[j], text);
  const where = whereIs(table, j, row);
  if (Number.isFinite(value)) throw tooLarge(where, text);
  const header = row === 0 && !table.headed ? ' If the line names the columns, pass --header.' : '';
  throw dataError(
    `${where}: expected a finite number, got '${text}'. Mend the cell, or pass --missing '${text}' or --categorical.${header}`,
  );
}

const EXAMPLES = 4;
/** Texts between quotes, each on one line. */
const quoted = (texts: readonly string[]) =>
  few(
    texts.map((text) => `'${JSON.stringify(text).slice(1, -1)}'`),
    EXAMPLES,
  );

function categoryNote(
  table: Table,
  j: number,
  options: MissingOptions,
  { words, wordCells, cells, merge }: Survey,
): string {
  const { levels } = readCategories(table, j, options);
  const begin = `column '${table.names[j]}': ${levels.length} categories: ${quoted(levels)}`;
  const doubtful = levels.filter((level) => DOUBTFUL.has(level));
  const kept =
    doubtful.length > 0 ? `; ${quoted(doubtful)} is one of them (--missing ${doubtful[0]} makes it missing)` : '';
  if (merge) return `${begin}; as numbers some of them would be the same`;
  if (wordCells === cells) return begin + kept;
  return `${begin}; ${cells - wordCells} of ${cells} cells are numbers, but not ${quoted(words)}: --missing WORDS reads the others as numbers${kept}`;
}

/** Cells with a word that was read as missing. */
function missingNotes(table: Table, j: number, column: NumericColumn, options: MissingOptions): string[] {
  const { texts, counts } = tally(table.columns[j]);
  const rule = missingRule(options);
  const words = texts.flatMap((text, k) =>
    text !== '' && rule.number(text) && counts[k] > 0 ? [`'${text}' (${counts[k]})`] : [],
  );
  return words.length > 0 ? [`column '${column.name}': missing in cells with ${few(words)}`] : [];
}

const standInNotes = (name: string, words: readonly string[]): string[] =>
  words.length > 0
    ? [
        `column '${name}': ${quoted(words)} among numbers was read as missing; --categorical '${name}' makes categories of all`,
      ]
    : [];

/** A number that was undressed, as an example. */
function dressNotes(table: Table, j: number, notation: Notation): string[] {
  const example = tally(table.columns[j]).texts.find(
    (text) => !Number.isNaN(parseNumber(text, notation)) && dressed(text),
  );
  if (example === undefined) return [];
  return [`column '${table.names[j]}': '${example}' was read as ${parseNumber(example, notation)}`];
}

/** How columns write their numbers, where it is not the plain way. */
export function notationNotes(columns: readonly Column[]): string[] {
  const groups = new Map<string, string[]>();
  for (const column of columns) {
    if (column.kind !== 'numeric') continue;
    const { decimal, grouped, percent } = column.notation;
    const ways = [
      ...(decimal === ',' ? ['a decimal comma (0,5 is 0.5)'] : []),
      ...(grouped
        ? [decimal === ',' ? 'points between thousands (1.000 is 1000)' : 'commas between thousands (1,000 is 1000)']
        : []),
      ...(percent ? ['percent signs (5% is 5)'] : []),
    ].join(' and ');
    if (ways) groups.set(ways, [...(groups.get(ways) ?? []), column.name]);
  }
  return [...groups].map(([ways, names]) => `numbers with ${ways}: ${few(names)}`);
}
