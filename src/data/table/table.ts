/** Reads delimited text into typed columns, piece by piece, and says what it took the file to be. */
import { dataError } from '../../errors.ts';
import { checkUtf8, type Encoding, NotUtf8, readUtf8 } from '../delimited/bytes.ts';
import { type Dialect, type Layout, type LayoutOptions, layOut, quoteFault } from '../delimited/layout.ts';
import { readRecords } from '../delimited/records.ts';
import { lineScanner } from '../delimited/scan.ts';
import { SEPARATORS } from '../delimited/separator.ts';
import { Growing, int32 } from '../growing.ts';
import { few } from '../names.ts';
import { type Cells, ColumnBuilder } from './cells.ts';

export type { Dialect } from '../delimited/layout.ts';

/** Columns of cells, as they stood in the file. */
export interface Table {
  /** File or name for messages. */
  readonly source: string;
  /** Column names; `x1 … xp` where the file has no header. */
  readonly names: readonly string[];
  /** Columns whose name was made up although the others have one. */
  readonly nameless: ReadonlySet<string>;
  /** Whether the names come from the file. */
  readonly headed: boolean;
  /** `columns[j]` holds the cells of column j, a cell per row. */
  readonly columns: readonly Cells[];
  readonly rows: number;
  /** Source line of every row, counted from 1. */
  readonly lines: Int32Array;
  /** How the file was read, so that others can be read alike. */
  readonly dialect: Dialect;
  /** What was decided on the way. */
  readonly notes: readonly string[];
}

export interface ReadOptions extends LayoutOptions {
  /** Decimal mark of numbers that show none themselves (`1,234`). Default: that of the other columns. */
  readonly decimal?: 'auto' | '.' | ',';
  /** Bytes that a gzipped file may unpack to. Default 1e9. */
  readonly maxUnpacked?: number | undefined;
}

/** Reads a CSV, TSV or white-space separated file of any size, gzipped or not. Throws a `DataError`. */
export async function readDelimited(path: string, options: ReadOptions = {}): Promise<Table> {
  const read = async (encoding?: Encoding) => {
    const reader = tableReader(path, options);
    await readUtf8(path, encoding, options.maxUnpacked, reader.write);
    return reader.end();
  };
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof NotUtf8)) throw error;
    const table = await read('windows-1252');
    return { ...table, notes: [...table.notes, 'the file is not UTF-8: it was read as Windows-1252 (Latin-1)'] };
  }
}

/** A table from text. */
export function parseTable(text: string, source: string, options: ReadOptions = {}): Table {
  const reader = tableReader(source, options);
  reader.write(Buffer.from(text.replace(/^\uFEFF/, '')));
  return reader.end();
}

/** Enough to see how a file is laid out: so many bytes and lines, or `MOST` bytes. */
const ENOUGH = { bytes: 1 << 16, lines: 50 };
const MOST = 1 << 24;
/** Of a record without an end: beyond it a quote was forgotten. */
const LONGEST_RECORD = 1 << 26;
/** Distinct texts that a column keeps before it goes over to numbers, and all columns together. */
const TEXTS = { column: 4096, least: 256, all: 1 << 20 };
const LINE_FEED = 10;
const RETURN = 13;
const QUOTE = 34;

/** Takes the pieces of a file and makes the table at the end. */
function tableReader(source: string, options: ReadOptions) {
  let rest: Buffer = Buffer.alloc(0);
  let body: ReturnType<typeof bodyReader> | undefined;
  let returns: boolean | undefined;

  const begin = (whole: boolean) => {
    const end = whole ? rest.length : rest.lastIndexOf(LINE_FEED) + 1;
    checkUtf8(rest.subarray(0, end));
    const text = rest.toString('utf8', 0, end);
    const layout = layOut(source, text, whole, options);
    body = bodyReader(source, layout, options);
    rest = rest.subarray(offsetOfLine(rest, layout.bodyLine));
  };
  const write = (piece: Buffer) => {
    if (piece.includes(0)) throw dataError(`${source}: expected text, got binary data. Export the file as CSV.`);
    returns ??= piece.includes(RETURN) && !piece.includes(LINE_FEED);
    if (returns) for (let i = 0; i < piece.length; i++) if (piece[i] === RETURN) piece[i] = LINE_FEED;
    rest = rest.length > 0 ? Buffer.concat([rest, piece]) : piece;
    if (!body) {
      const lines = rest.length < ENOUGH.bytes ? 0 : countLines(rest, ENOUGH.lines);
      if (rest.length < MOST && lines < ENOUGH.lines) return;
      begin(false);
    }
    rest = rest.subarray(body!.take(rest, false));
  };
  const end = (): Table => {
    if (rest.length > 0 && rest.at(-1) !== LINE_FEED) rest = Buffer.concat([rest, Buffer.of(LINE_FEED)]);
    if (!body) begin(true);
    body!.take(rest, true);
    return body!.finish();
  };
  return { write, end };
}

function countLines(bytes: Buffer, most: number): number {
  let lines = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0 && lines < most; at = bytes.indexOf(LINE_FEED, at + 1)) lines++;
  return lines;
}

function offsetOfLine(bytes: Buffer, line: number): number {
  let at = 0;
  for (let k = 1; k < line; k++) {
    const next = bytes.indexOf(LINE_FEED, at);
    if (next < 0) return bytes.length;
    at = next + 1;
  }
  return at;
}

/** Reads the rows of a file whose layout is known. */
function bodyReader(source: string, layout: Layout, { decimal = 'auto', like }: ReadOptions) {
  const { separator, names, trailing, tableLine, headed, nameless } = layout;
  const width = names.length;
  const limit = Math.min(TEXTS.column, Math.max(TEXTS.least, Math.floor(TEXTS.all / width)));
  const usual = (): '.' | ',' => {
    if (decimal !== 'auto') return decimal;
    const shown = builders.map((builder) => builder.shownDecimal());
    const count = (mark: string) => shown.filter((found) => found === mark).length;
    if (count('.') !== count(',')) return count('.') > count(',') ? '.' : ',';
    return like?.decimal ?? (separator === ';' ? ',' : '.');
  };
  const builders: ColumnBuilder[] = names.map(() => new ColumnBuilder(limit, usual));
  const lines = new Growing(int32);
  const comments: number[] = [];
  let line = layout.bodyLine;

  /** Whether the row is one of the table; throws where it is neither that nor a comment. */
  const belongs = (cells: number, at: number, cell: (j: number) => string): boolean => {
    if (cells !== width) {
      if (cells === 1 && cell(0).startsWith('#')) {
        comments.push(at);
        return false;
      }
      const more = Array.from({ length: Math.max(0, cells - width) }, (_, k) => cell(width + k));
      if (cells < width || cells > width + trailing || more.some((text) => text !== '')) {
        throw dataError(
          `${source}:${at}: expected ${width} fields as in line ${tableLine}, got ${cells}. Mend the row, or give --delimiter.`,
        );
      }
    }
    lines.push(at);
    return true;
  };
  const scan = lineScanner(separator, (bytes, edges, cells, at) => {
    if (!belongs(cells, at, (j) => bytes.toString('utf8', edges[2 * j], edges[2 * j + 1]))) return;
    for (let j = 0; j < width; j++) builders[j].pushBytes(bytes, edges[2 * j], edges[2 * j + 1]);
  });
  const takeQuoted = (bytes: Buffer, last: boolean): number => {
    const text = bytes.toString();
    const records = readRecords(text, separator, line, last);
    if (records.fault) throw quoteFault(source, records.fault);
    records.cells.forEach((cells, i) => {
      const blank = cells.length === 1 && cells[0] === '';
      if (blank || !belongs(cells.length, records.lines[i], (j) => cells[j])) return;
      for (let j = 0; j < width; j++) builders[j].push(cells[j]);
    });
    line += records.breaks;
    return records.used === text.length ? bytes.length : Buffer.byteLength(text.slice(0, records.used));
  };

  return {
    /** Takes what is whole of these bytes and returns how many it was. */
    take(bytes: Buffer, last: boolean): number {
      const end = bytes.lastIndexOf(LINE_FEED) + 1;
      const part = bytes.subarray(0, end);
      checkUtf8(part);
      if (part.includes(QUOTE)) {
        const used = takeQuoted(part, last);
        if (bytes.length - used < LONGEST_RECORD) return used;
        throw quoteFault(source, { line, got: 'a quote that is never closed' });
      }
      line = scan(part, 0, end, line);
      return end;
    },
    finish(): Table {
      const rows = lines.length;
      if (rows === 0) throw dataError(`${source}: expected rows of data, got a header only. Check the export.`);
      const mark = usual();
      const columns = builders.map((builder) => builder.finish());
      const known = like && [like.names.length, like.names.length - 1].includes(width);
      const last = columns.findLastIndex((cells) => !isEmpty(cells));
      const empty = names.filter(
        (name, j) => isEmpty(columns[j]) && (headed ? nameless.has(name) : !known && j > last),
      );
      const kept = names.filter((name) => !empty.includes(name));
      const repeated = kept.find((name, j) => kept.indexOf(name) !== j);
      if (repeated !== undefined) {
        throw dataError(
          `${source}:${tableLine}: expected different column names, got '${repeated}' twice. Rename one.`,
        );
      }
      const notes = [...layout.notes];
      if (empty.length > 0)
        notes.push(`${empty.length} empty column${empty.length > 1 ? 's' : ''} without a name left out`);
      if (comments.length > 0) {
        notes.push(
          `${comments.length} lines beginning with # among the rows were taken for comments: ${few(comments.map((at) => `line ${at}`))}`,
        );
      }
      const how = `${rows} rows, ${kept.length} columns, separated by ${SEPARATORS[separator]}, ${headed ? 'with' : 'without'} header`;
      return {
        source,
        names: kept,
        nameless,
        headed,
        columns: columns.filter((_, j) => !empty.includes(names[j])),
        rows,
        lines: lines.into(new Int32Array(rows)),
        dialect: { delimiter: separator, decimal: mark, headed, names: kept },
        notes: [how, ...notes],
      };
    },
  };
}

const isEmpty = (cells: Cells): boolean => cells.kind === 'texts' && cells.texts.length === 1 && cells.texts[0] === '';
