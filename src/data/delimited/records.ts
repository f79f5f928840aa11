/** Records of delimited text, quotes honoured, each with the line on which it begins. */
import Papa from 'papaparse';

export type Separator = ',' | ';' | '\t' | '|' | ' ';

export interface Records {
  readonly cells: string[][];
  /** Line of each record, counted from `firstLine`. */
  readonly lines: number[];
  /** Characters that whole records used up. */
  readonly used: number;
  /** A quote that was never closed, or closed in the middle of a cell: the line of its record. */
  readonly fault: { readonly line: number; readonly got: string } | undefined;
  /** Line breaks in `text` up to `used`. */
  readonly breaks: number;
}

const BLANKS = /"(?:[^"]|"")*"|[ \t]+/g;

/** Text in which every run of blanks outside quotes is one blank, and none begins or ends a line. */
const collapsed = (text: string): string =>
  text.replace(BLANKS, (part) => (part.startsWith('"') ? part : ' ')).replace(/^ | (?=\r?$)/gm, '');

/** Cuts `text` into records of trimmed cells. Unless it is the `last` text, what follows its last whole record is left. */
export function readRecords(text: string, separator: Separator, firstLine: number, last: boolean): Records {
  const white = separator === ' ';
  const input = white ? collapsed(text) : text;
  const parser = new Papa.Parser({ delimiter: separator, newline: '\n' });
  const { data, errors, meta } = parser.parse(input, 0, !last && !white) as Papa.ParseResult<string[]>;
  const lines: number[] = [];
  let line = firstLine;
  for (const record of data) {
    lines.push(line++);
    for (let j = 0; j < record.length; j++) {
      if (record[j].includes('\n')) line += record[j].split('\n').length - 1;
      record[j] = record[j].trim();
    }
  }
  // After a final line break stands an empty record that is none.
  if (data.at(-1)?.length === 1 && data.at(-1)?.[0] === '' && (last || white)) {
    data.pop();
    line = lines.pop()!;
  }
  const [fault] = errors.filter(({ type }) => type === 'Quotes');
  return {
    cells: data,
    lines,
    used: white || last ? text.length : meta.cursor,
    breaks: line - firstLine,
    fault: fault && {
      line: lines[fault.row ?? 0] ?? line,
      got: fault.code === 'MissingQuotes' ? 'a quote that is never closed' : 'text after a closing quote',
    },
  };
}
