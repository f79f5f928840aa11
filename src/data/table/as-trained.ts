/** A column of a new file as numbers, where training had numbers. */
import { dataError } from '../../errors.ts';
import { type Cells, rowOfText, tally } from './cells.ts';
import { type NumericColumn, readNumbers, shownNotation } from './column.ts';
import { missingRule } from './missing.ts';
import { type Notation, PLAIN, parseNumber } from './numbers.ts';
import type { NumericCode, Preprocessing } from './preprocess.ts';
import type { Table } from './table.ts';

/** Words shown of those that stand where training had numbers. */
const EXAMPLES = 3;

/** Numbers, and the rows of the table that have a word instead; these are NaN. */
export interface ReadAsTrained extends NumericColumn {
  readonly words: ReadonlySet<number>;
}

/**
 * Column j in the notation of training, or in its own where that reads more of it. Words, and numbers of unworkable size, are refused or
 * kept: words then count as missing and are told with their lines. Throws a `DataError` for what is refused.
 */
export function readAsTrained(
  pre: Preprocessing,
  table: Table,
  j: number,
  { notation = PLAIN, missing = [] }: Pick<NumericCode, 'notation' | 'missing'>,
  warnings: string[],
  unworkable: 'refused' | 'kept',
): ReadAsTrained {
  const cells = table.columns[j];
  const name = table.names[j];
  const rule = missingRule(pre.missing);
  const { texts, counts } = tally(cells);
  const present = texts.filter((text, k) => counts[k] > 0 && !rule.number(text) && !missing.includes(text));
  const unreadable = (notation: Notation) => present.filter((text) => Number.isNaN(parseNumber(text, notation)));
  const trained = unreadable(notation);
  const held = cells.kind === 'texts' || cells.notation.decimal === notation.decimal;
  const own = held && trained.length === 0 ? notation : shownNotation(table, j, present);
  const inOwn = unreadable(own);
  const [used, words] = held && trained.length <= inOwn.length ? [notation, trained] : [own, inOwn];
  if (used !== notation)
    warnings.push(`column '${name}': numbers are written ${way(used)}, in training ${way(notation)}`);
  if (words.length > 0 && unworkable === 'refused') {
    const line = table.lines[rowOfText(cells, words[0])];
    throw dataError(
      `${table.source}:${line}: column '${name}': expected a number as in training, got '${words[0]}'. Mend the column.`,
    );
  }
  const rows = rowsOf(cells, words);
  if (rows.length > 0) {
    const first = words.slice(0, EXAMPLES).map((word) => `'${word}' (line ${table.lines[rowOfText(cells, word)]})`);
    const more = words.length > EXAMPLES ? ', …' : '';
    const many =
      rows.length === 1
        ? 'cells is no number, as training had, and counts'
        : 'cells are no numbers, as training had, and count';
    warnings.push(`column '${name}': ${rows.length} of ${table.rows} ${many} as missing: ${first.join(', ')}${more}`);
  }
  const column = readNumbers(
    table,
    j,
    used,
    pre.missing,
    [...missing, ...words],
    unworkable === 'kept' ? 'infinite' : 'refused',
  );
  return { ...column, words: new Set(rows) };
}

/** Rows whose cell is one of these texts, in rising order. */
function rowsOf(cells: Cells, texts: readonly string[]): number[] {
  if (texts.length === 0) return [];
  const { texts: all, codes } = cells.kind === 'texts' ? cells : cells.odd.cells;
  const wanted = new Set(texts);
  const found = Array.from(codes.keys()).filter((i) => wanted.has(all[codes[i]]));
  return cells.kind === 'texts' ? found : found.map((i) => cells.odd.rows[i]);
}

const way = ({ decimal, grouped, percent }: Notation): string =>
  `with a decimal ${decimal === ',' ? 'comma' : 'point'}${grouped ? ', grouped thousands' : ''}${percent ? ', percent signs' : ''}`;
