/** Which character separates the cells of a file: the one that cuts it into even rows of plausible cells. */
import { missingRule } from '../table/missing.ts';
import { parseNumber } from '../table/numbers.ts';
import { readRecords, type Separator } from './records.ts';

export const SEPARATORS: Readonly<Record<Separator, string>> = {
  ',': 'comma',
  ';': 'semicolon',
  '\t': 'tab',
  '|': 'bar',
  ' ': 'white space',
};
const ENOUGH = 1 << 16;
const { number: isMissing } = missingRule();

/** Whether a cell is a number in some notation. */
export const numberish = (text: string): boolean =>
  (['.', ','] as const).some(
    (decimal) => !Number.isNaN(parseNumber(text, { decimal, grouped: true, percent: text.endsWith('%') })),
  );

/** The width that most records have; of widths as frequent `preferred`, else the larger. */
export function usualWidth(records: readonly (readonly string[])[], preferred = 0): number {
  const counts = new Map<number, number>();
  for (const { length } of records) counts.set(length, (counts.get(length) ?? 0) + 1);
  const most = Math.max(0, ...counts.values());
  if (counts.get(preferred) === most) return preferred;
  return Math.max(0, ...[...counts].flatMap(([width, count]) => (count === most ? [width] : [])));
}

/** The separator of a text's beginning; a comma where none cuts it. `whole` says that the file ends with the text. */
export function chooseSeparator(text: string, whole: boolean): Separator {
  const short = text.length > ENOUGH && text.slice(0, ENOUGH).split('\n').length > 20;
  const sample = short ? text.slice(0, ENOUGH) : text;
  const scores = (Object.keys(SEPARATORS) as Separator[]).map((separator) => ({
    separator,
    score: plausibility(sample, separator, whole && !short),
  }));
  return scores.reduce((best, next) => (next.score > best.score ? next : best)).separator;
}

/** Evenness of the rows times plausibility of the cells: numbers speak for it, bare punctuation and stray quotes against. */
function plausibility(text: string, separator: Separator, whole: boolean): number {
  const records = readRecords(text, separator, 1, whole).cells.filter((cells) => cells.some((cell) => cell !== ''));
  const table = records.filter(([first]) => !first.startsWith('#'));
  const used = table.length > 0 ? table : records;
  const width = usualWidth(used);
  if (width < 2) return 0;
  const even = used.filter(({ length }) => length === width);
  const cells = even.flat().filter((cell) => !isMissing(cell));
  const share = (test: (cell: string) => boolean) => cells.filter(test).length / Math.max(1, cells.length);
  const numbers = share(numberish);
  const stray = share((cell) => /^[^\p{L}\p{N}]+$/u.test(cell) || cell.includes('"'));
  return (even.length / used.length) ** 2 * (1 + numbers - 2 * stray);
}
