/** Reads delimited text into columns of strings and says what it took the file to be. */
import Papa from 'papaparse';
import { dataError, SmileError } from '../errors.ts';
import { unpacked } from './unpack.ts';

/** Columns of trimmed cells, as they stood in the file. */
export interface Table {
  /** File or name for messages. */
  readonly source: string;
  /** Column names; `x1 … xp` where the file has no header. */
  readonly names: readonly string[];
  /** Whether the names come from the file. */
  readonly headed: boolean;
  /** `columns[j][i]` is the cell of row i. */
  readonly columns: readonly (readonly string[])[];
  readonly rows: number;
  /** Source line of every row, counted from 1. */
  readonly lines: readonly number[];
  /** What was decided on the way. */
  readonly notes: readonly string[];
}

export type Delimiter = 'auto' | ',' | ';' | '\t' | ' ';

export interface ReadOptions {
  readonly delimiter?: Delimiter;
  readonly header?: boolean | 'auto';
  /** Bytes that a gzipped file may unpack to. Default 1e9. */
  readonly maxUnpacked?: number | undefined;
}

const NAMED: Record<string, string> = { ',': 'comma', ';': 'semicolon', '\t': 'tab', ' ': 'white space' };

/** Reads a CSV, TSV or white-space separated file, gzipped when its name ends in `.gz`. Throws a `DataError`. */
export async function readTable(path: string, options: ReadOptions = {}): Promise<Table> {
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of unpacked(path, options.maxUnpacked)) pieces.push(piece);
  } catch (cause) {
    if (cause instanceof SmileError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    const got = code === 'ENOENT' ? 'no such file' : code === 'EISDIR' ? 'a folder' : String(code);
    throw dataError(`${path}: expected a readable data file, got ${got}. Check the path.`, { cause });
  }
  return parseTable(decode(path, Buffer.concat(pieces)), path, options);
}

function decode(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw dataError(`${path}: expected UTF-8 text, got bytes that are not. Export the file as CSV.`, { cause });
  }
}

/** A table from text. `#` comments, blank lines and leading `|` comments are skipped. */
export function parseTable(text: string, source: string, options: ReadOptions = {}): Table {
  const { delimiter = 'auto', header = 'auto' } = options;
  if (text.includes('\0')) throw dataError(`${source}: expected text, got binary data. Export the file as CSV.`);
  const kept = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((content, i) => ({ content, line: i + 1 }))
    .filter(({ content }) => content.trim() !== '' && !content.startsWith('#'));
  while (kept[0]?.content.startsWith('|')) kept.shift();
  if (kept.length === 0) throw dataError(`${source}: expected rows of data, got an empty file. Check the export.`);

  const contents = kept.map(({ content }) => content);
  const separator = delimiter === 'auto' ? detectDelimiter(contents.slice(0, 50)) : delimiter;
  const cells = parseLines(contents, separator);
  const lines = cells.length === kept.length ? kept.map(({ line }) => line) : cells.map((_, i) => i + 1);
  cells.forEach((row, i) => {
    if (row.length === cells[0].length) return;
    throw dataError(
      `${source}:${lines[i]}: expected ${cells[0].length} fields as in line ${lines[0]}, got ${row.length}. ` +
        'Mend the row, or give --delimiter.',
    );
  });
  const headed = header === 'auto' ? looksLikeHeader(cells) : header;
  const names = headed ? cells[0] : cells[0].map((_, j) => `x${j + 1}`);
  const repeated = names.find((name, j) => names.indexOf(name) !== j);
  if (repeated !== undefined) {
    throw dataError(`${source}:${lines[0]}: expected different column names, got '${repeated}' twice. Rename one.`);
  }
  const body = headed ? cells.slice(1) : cells;
  if (body.length === 0) throw dataError(`${source}: expected rows of data, got a header only. Check the export.`);
  const how = `${body.length} rows, ${names.length} columns, separated by ${NAMED[separator]}, ${headed ? 'with' : 'without'} header`;
  return {
    source,
    names,
    headed,
    columns: names.map((_, j) => body.map((row) => row[j])),
    rows: body.length,
    lines: headed ? lines.slice(1) : lines,
    notes: [how],
  };
}

/** A table from objects in memory; null, undefined and NaN are missing. Columns are those of the first row. */
export function tableFromRows(rows: readonly Readonly<Record<string, unknown>>[], source = 'rows'): Table {
  if (rows.length === 0) throw dataError(`${source}: expected rows of data, got none. Pass at least one row.`);
  const names = Object.keys(rows[0]);
  const text = (value: unknown) =>
    value === null || value === undefined || Number.isNaN(value) ? '' : String(value).trim();
  return {
    source,
    names,
    headed: true,
    columns: names.map((name) => rows.map((row) => text(row[name]))),
    rows: rows.length,
    lines: rows.map((_, i) => i + 1),
    notes: [],
  };
}

function parseLines(lines: readonly string[], separator: string): string[][] {
  const text = separator === ' ' ? lines.map((line) => line.trim().replace(/\s+/g, ' ')) : lines;
  const { data } = Papa.parse<string[]>(text.join('\n'), { delimiter: separator, skipEmptyLines: true });
  return data.map((row) => row.map((cell) => cell.trim()));
}

/** The separator that cuts all lines into the same number of fields, the largest such number. */
function detectDelimiter(lines: readonly string[]): string {
  const fields = Object.keys(NAMED).map((separator) => {
    const counts = parseLines(lines, separator).map((row) => row.length);
    return { separator, count: counts.every((n) => n === counts[0]) ? counts[0] : 1, first: counts[0] };
  });
  const best = fields.reduce((a, b) => (b.count > a.count ? b : a));
  return best.count > 1 ? best.separator : fields.reduce((a, b) => (b.first > a.first ? b : a)).separator;
}

/** A header's cells are words; below it stand numbers, or no column ever repeats its word. */
function looksLikeHeader([first, ...rest]: readonly string[][]): boolean {
  const words = first.every((cell) => cell !== '' && Number.isNaN(Number(cell)) && !MISSING.has(cell));
  if (!words) return false;
  const numeric = first.some((_, j) => rest.some((row) => row[j] !== '' && !Number.isNaN(Number(row[j]))));
  return (
    numeric || (new Set(first).size === first.length && first.every((word, j) => rest.every((row) => row[j] !== word)))
  );
}

/** Cells that stand for a missing value. */
export const MISSING: ReadonlySet<string> = new Set(['', '?', 'NA', 'N/A', 'NaN', 'nan', 'null', 'None']);
