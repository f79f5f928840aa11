/** How a delimited file is laid out, seen from its first lines: separator, lines before the table, header, width. */
import { dataError } from '../../errors.ts';
import { looksLikeHeader } from './header.ts';
import { readRecords, type Separator } from './records.ts';
import { chooseSeparator, numberish, SEPARATORS, usualWidth } from './separator.ts';

/** How the training file was written; a file that is laid out alike is read alike. */
export interface Dialect {
  readonly delimiter: Separator;
  /** Decimal mark where a column shows none. */
  readonly decimal: '.' | ',';
  readonly headed: boolean;
  /** Columns of the training file by name, in order. */
  readonly names: readonly string[];
}

export interface LayoutOptions {
  readonly delimiter?: 'auto' | Separator;
  readonly header?: boolean | 'auto';
  /** The dialect to try first. */
  readonly like?: Dialect | undefined;
}

export interface Layout {
  readonly separator: Separator;
  readonly headed: boolean;
  readonly names: readonly string[];
  /** Columns that the file leaves without a name. */
  readonly nameless: ReadonlySet<string>;
  /** Empty cells that rows may have behind the last column. */
  readonly trailing: number;
  /** First line of the rows. */
  readonly bodyLine: number;
  /** First line of the table, its header if it has one. */
  readonly tableLine: number;
  readonly notes: readonly string[];
}

interface Row {
  readonly cells: readonly string[];
  readonly line: number;
}

/** Records that decide on header and width. */
const SAMPLE = 500;
const EXCEL = /^\uFEFF?"?sep=(.)"?[;,\s]*$/i;

/** Looks at the beginning of a file. `whole` says that nothing comes after it. Throws a `DataError` where there is no table. */
export function layOut(source: string, text: string, whole: boolean, options: LayoutOptions): Layout {
  refuseOthers(source, text);
  const physical = text.split('\n');
  const excel = EXCEL.exec(physical[0]);
  const start = excel ? 1 : 0;
  const body = excel ? physical.slice(1).join('\n') : text;
  const stated = excel && excel[1] in SEPARATORS ? (excel[1] as Separator) : undefined;
  const notes = excel ? [`line 1 (${physical[0].trim()}) names the separator`] : [];
  const { delimiter = 'auto', header = 'auto', like } = options;
  const recognised = () => stated ?? chooseSeparator(body, whole);
  const known = delimiter !== 'auto' ? delimiter : like && fits(body, whole, like) ? like.delimiter : undefined;
  const separator = known ?? recognised();
  if (like && separator !== like.delimiter && delimiter === 'auto') {
    notes.push(
      `cells are separated by ${SEPARATORS[separator]}, in the training file by ${SEPARATORS[like.delimiter]}`,
    );
  }
  const rows = rowsOf(source, body, separator, start + 1, whole);
  const raw = ({ line }: Row) => physical[line - 1].trimStart();
  const { first, names: commented } = afterComments(rows, raw, separator, notes);
  const table = commented ? rows.slice(first) : afterTitles(rows.slice(first), header, notes);
  if (commented) {
    const names = named(commented.cells);
    return {
      separator,
      headed: true,
      ...names,
      trailing: 0,
      bodyLine: table[0].line,
      tableLine: commented.line,
      notes,
    };
  }
  if (table.length === 0) throw dataError(`${source}: expected rows of data, got an empty file. Check the export.`);
  const cells = table.slice(0, SAMPLE).map((row) => row.cells);
  const headed = header === 'auto' ? looksLikeHeader(cells) : header;
  const { line } = table[0];
  if (!headed) {
    const names = cells[0].map((_, j) => `x${j + 1}`);
    return { separator, headed, names, nameless: new Set(names), trailing: 0, bodyLine: line, tableLine: line, notes };
  }
  const { names, trailing } = columnsOf(cells, notes);
  const bodyLine = table[1]?.line ?? Number.POSITIVE_INFINITY;
  return { separator, headed, ...named(names), trailing, bodyLine, tableLine: line, notes };
}

/** Whether a text looks as the dialect says. */
function fits(text: string, whole: boolean, { delimiter, headed, names }: Dialect): boolean {
  const { cells } = readRecords(text, delimiter, 1, whole);
  if (headed)
    return cells.slice(0, 20).some((row) => row.filter((cell) => names.includes(cell)).length > row.length / 2);
  const width = usualWidth(cells);
  return width === names.length || width === names.length - 1;
}

function refuseOthers(source: string, text: string): void {
  const begin = text.trimStart().slice(0, 200);
  if (/^[[{]\s*["[{]/.test(begin)) {
    throw dataError(`${source}: expected delimited text, got JSON. Write it as CSV, or pass its rows to the library.`);
  }
  if (/^<(!doctype|html|\?xml)/i.test(begin)) {
    throw dataError(
      `${source}: expected delimited text, got ${/xml/i.test(begin) ? 'XML' : 'a web page'}. Export the table as CSV.`,
    );
  }
}

function rowsOf(source: string, text: string, separator: Separator, firstLine: number, whole: boolean): Row[] {
  const { cells, lines, fault } = readRecords(text, separator, firstLine, whole);
  if (fault) throw quoteFault(source, fault);
  return cells
    .map((row, i) => ({ cells: row, line: lines[i] }))
    .filter((row) => row.cells.length > 1 || row.cells[0] !== '');
}

export const quoteFault = (source: string, { line, got }: { line: number; got: string }) =>
  dataError(`${source}:${line}: expected quotes around whole cells, doubled inside, got ${got}. Mend the row.`);

/** Leaves out lines of comment before the table; NumPy's `# a,b,c` is a header, and a cell that begins with # is a cell. */
function afterComments(rows: readonly Row[], raw: (row: Row) => string, separator: Separator, notes: string[]) {
  const isComment = (row: Row) => raw(row).startsWith('#') || (raw(row).startsWith('|') && separator !== '|');
  const first = rows.findIndex((row) => !isComment(row));
  if (first <= 0) return { first: 0, names: undefined };
  const rest = rows.slice(first, first + SAMPLE).map(({ cells }) => cells);
  const width = usualWidth(rest);
  const data = rows.findIndex(({ cells }) => cells.length === width);
  if (width > 1 && data < first && rest.some(([cell]) => cell.startsWith('#'))) {
    if (data > 0) notes.push(skipped(rows.slice(0, data), 'beginning with #'));
    return { first: data, names: undefined };
  }
  const [inside] = readRecords(raw(rows[first - 1]).replace(/^#+\s*/, ''), separator, 1, true).cells;
  const isHeader =
    width > 1 && inside?.length === width && looksLikeHeader([inside, ...rest]) && !looksLikeHeader(rest);
  const names = isHeader ? { cells: inside, line: rows[first - 1].line } : undefined;
  const left = rows.slice(0, isHeader ? first - 1 : first);
  if (left.length > 0) notes.push(skipped(left, 'of comment'));
  return { first, names };
}

/** Leaves out titles: lines above a header, or of another width, with words in their first cell alone. */
function afterTitles(rows: readonly Row[], header: boolean | 'auto', notes: string[]): readonly Row[] {
  const sample = rows.slice(0, SAMPLE).map(({ cells }) => cells);
  const width = usualWidth(sample);
  const isTitle = ({ cells }: Row) => {
    const filled = cells.filter((cell) => cell !== '');
    if (filled.length === 0) return cells.length > 1;
    if (width < 2 || numberish(filled[0])) return false;
    return cells.length < width - 1 || (filled.length === 1 && cells[0] !== '');
  };
  const first = rows.findIndex((row) => !isTitle(row));
  if (first <= 0 || first > 20) return rows;
  const even = rows.slice(0, first).every(({ cells }) => cells.length === width);
  if (even && (header === false || !looksLikeHeader(sample.slice(first)))) return rows;
  notes.push(skipped(rows.slice(0, first), 'of title'));
  return rows.slice(first);
}

const skipped = (rows: readonly Row[], kind: string) => {
  const text = rows[0].cells.join(' ').trim();
  const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text;
  return `${rows.length} line${rows.length > 1 ? 's' : ''} ${kind} before the table ${rows.length > 1 ? 'were' : 'was'} left out: '${shown}'`;
};

/** Names where header and rows differ in width: empty cells at the end, or R's row names without a name. */
function columnsOf([header, ...body]: readonly (readonly string[])[], notes: string[]) {
  const width = usualWidth(body, header.length);
  const filled = header.findLastIndex((cell) => cell !== '') + 1;
  if (body.length === 0 || header.length === width) return { names: header, trailing: 0 };
  if (header.length > width && filled <= width) {
    notes.push('nothing stands behind the last separator of the header');
    return { names: header.slice(0, width), trailing: header.length - width };
  }
  const extra = width - header.length;
  if (extra > 0 && body.every((row) => row.slice(header.length).every((cell) => cell === ''))) {
    notes.push('nothing stands behind the last separator of the rows');
    return { names: header, trailing: extra };
  }
  if (extra === 1) {
    notes.push("the first column has no name in the header: it is called 'rownames'");
    return { names: ['rownames', ...header], trailing: 0 };
  }
  return { names: header, trailing: 0 };
}

/** Names of all columns: nameless ones get `index` (the first) or their place. */
function named(cells: readonly string[]) {
  const free = !cells.includes('index');
  const names = cells.map((cell, j) => (cell !== '' ? cell : j === 0 && free ? 'index' : `x${j + 1}`));
  return { names, nameless: new Set(names.filter((_, j) => cells[j] === '')) };
}
