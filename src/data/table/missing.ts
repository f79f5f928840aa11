/** Which cells stand for a missing value: few among categories, more among numbers, where a word can mean nothing else. */

/** Missing wherever they stand. */
const ANYWHERE = ['', '?', 'NA', 'N/A', '#N/A', '<NA>', 'NaN', 'nan', 'null', 'NULL'];
/** Missing among numbers, in whatever case. */
const AMONG_NUMBERS = new Set(
  [
    ...ANYWHERE,
    'none',
    '-',
    '--',
    '---',
    '.',
    '..',
    '*',
    'missing',
    'empty',
    '#na',
    '#null!',
    '#value!',
    '#div/0!',
  ].map((token) => token.toLowerCase()),
);

export interface MissingOptions {
  /** Tokens that are missing besides the usual ones. */
  readonly missing?: readonly string[];
  /** Usual tokens that are categories or classes: `NA` for North America. Among numbers they stay missing. */
  readonly notMissing?: readonly string[];
}

export interface MissingRule {
  category(text: string): boolean;
  number(text: string): boolean;
}

export function missingRule({ missing = [], notMissing = [] }: MissingOptions = {}): MissingRule {
  const own = new Set(missing);
  const categories = new Set([...ANYWHERE.filter((token) => token === '' || !notMissing.includes(token)), ...missing]);
  return {
    category: (text) => categories.has(text),
    number: (text) => own.has(text) || AMONG_NUMBERS.has(text.toLowerCase()),
  };
}

/** Tokens that often mean missing but are kept as categories. */
export const DOUBTFUL: ReadonlySet<string> = new Set(['None', 'none', '-', '--', '.', 'missing', 'Missing', 'unknown']);
