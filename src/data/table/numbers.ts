/** How people write numbers: decimal marks, grouped thousands, currency, percent; and how a column's way is found. */

/** The way in which a column's numbers are written. */
export interface Notation {
  readonly decimal: '.' | ',';
  /** Whether thousands are grouped by the other mark: 1,234.5 or 1.234,5. */
  readonly grouped: boolean;
  /** Whether every number ends in `%`; its value is what stands before. */
  readonly percent: boolean;
}

export const PLAIN: Notation = { decimal: '.', grouped: false, percent: false };

const DIGITS = {
  '.': /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i,
  ',': /^[+-]?(?:\d+,?\d*|,\d+)(?:e[+-]?\d+)?$/i,
};
const GROUPED = {
  '.': /^[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?$/,
  ',': /^[+-]?[1-9]\d{0,2}(?:\.\d{3})+(?:,\d+)?$/,
};
const DECORATION = /[^\d.,eE+-]/;
const SPACED = /^[+-]?\d{1,3}(?:[ \u00a0\u2009\u202f'’]\d{3})+(?:[.,]\d+)?$/;

/** The number without currency, percent sign, spaces between thousands and typographic minus. */
function bare(text: string): string {
  if (!DECORATION.test(text)) return text;
  const undressed = text
    .replace(/^\u2212/, '-')
    .replace(/^([+-]?)[$€£¥₹]\s*/, '$1')
    .replace(/^[$€£¥₹]\s*/, '')
    .replace(/\s*[$€£¥₹%]$/, '');
  return SPACED.test(undressed) ? undressed.replace(/[^\d.,+-]/g, '') : undressed;
}

/** Whether a number wears signs of currency, spaces between thousands or a typographic minus. */
export const dressed = (text: string): boolean => bare(text) !== text.replace(/\s*%$/, '');

/** Infinity in words: a number, though none to compute with. */
const INFINITE = /^[+-]?inf(?:inity)?$/i;

/** The number that `text` says in this notation; NaN where it says none. `0x0A` is no number, `inf` is. */
export function parseNumber(text: string, { decimal, grouped, percent }: Notation = PLAIN): number {
  if (INFINITE.test(text)) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (text.endsWith('%') !== percent) return Number.NaN;
  const digits = bare(text);
  if (DIGITS[decimal].test(digits)) return Number(decimal === '.' ? digits : digits.replace(',', '.'));
  if (!grouped || !GROUPED[decimal].test(digits)) return Number.NaN;
  return Number(decimal === '.' ? digits.replaceAll(',', '') : digits.replaceAll('.', '').replace(',', '.'));
}

/** Of distinct texts: how many are numbers with a decimal point, with a decimal comma, and how many there are. */
function votes(texts: readonly string[]): { point: number; comma: number } {
  let point = 0;
  let comma = 0;
  for (const text of texts) {
    const digits = bare(text);
    if (DIGITS['.'].test(digits) || GROUPED['.'].test(digits)) point++;
    if (DIGITS[','].test(digits) || GROUPED[','].test(digits)) comma++;
  }
  return { point, comma };
}

/** The decimal mark that a column's texts show by themselves; undefined where both would do, or few texts are numbers. */
export function shownDecimal(texts: readonly string[]): '.' | ',' | undefined {
  const { point, comma } = votes(texts);
  if (point === comma || 2 * Math.max(point, comma) < texts.length) return undefined;
  return point > comma ? '.' : ',';
}

/** The notation of a column with these distinct texts, given its decimal mark. */
export function notationOf(texts: readonly string[], decimal: '.' | ','): Notation {
  const grouped = texts.some((text) => {
    const digits = bare(text);
    return GROUPED[decimal].test(digits) && !DIGITS[decimal].test(digits);
  });
  const signs = texts.filter((text) => text.endsWith('%')).length;
  const numbers = texts.filter(
    (text) => !text.endsWith('%') && !Number.isNaN(parseNumber(text, { decimal, grouped, percent: false })),
  );
  return { decimal, grouped, percent: signs > numbers.length };
}

/** Whether the digits of `text` are more than a number keeps: a leading zero, or an integer that a double cannot hold. */
export function losesDigits(text: string): boolean {
  if (/^[+-]?0\d/.test(text)) return true;
  return text.length >= 16 && /^[+-]?\d+$/.test(text) && BigInt(text) !== BigInt(Number(text));
}
