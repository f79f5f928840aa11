/**
 * The cells of a column in typed memory. Few distinct texts are held once each; many distinct numbers as numbers, beside
 * the texts that are none or that a number would not keep (`007`). Either way every cell's text can be had again.
 */
import { float64, Growing, int32, uint16 } from '../growing.ts';
import { losesDigits, type Notation, notationOf, parseNumber, shownDecimal } from './numbers.ts';

/** Distinct texts and, per row, which. */
interface TextCells {
  readonly kind: 'texts';
  readonly texts: readonly string[];
  readonly codes: Uint16Array | Int32Array;
}
/** Numbers; NaN at the rows of `odd`, whose cells are kept as texts. */
interface NumberCells {
  readonly kind: 'numbers';
  readonly values: Float64Array;
  readonly notation: Notation;
  readonly odd: { readonly rows: Int32Array; readonly cells: TextCells };
}
export type Cells = TextCells | NumberCells;

/** The text of row i. A number that was read as one is written the shortest way. */
export function cellText(cells: Cells, i: number): string {
  if (cells.kind === 'texts') return cells.texts[cells.codes[i]];
  const { values, odd } = cells;
  return Number.isNaN(values[i]) ? cellText(odd.cells, odd.rows.indexOf(i)) : String(values[i]);
}

/** All texts of a column. */
export function allTexts(cells: Cells): string[] {
  if (cells.kind === 'texts') return Array.from(cells.codes, (code) => cells.texts[code]);
  const texts = Array.from(cells.values, String);
  cells.odd.rows.forEach((row, k) => {
    texts[row] = cellText(cells.odd.cells, k);
  });
  return texts;
}

/** The texts of a column, once each, with how often they stand there, beside the number of cells that are held as numbers. */
export function tally(cells: Cells): { texts: readonly string[]; counts: Int32Array; numbers: number } {
  const { texts, codes } = cells.kind === 'texts' ? cells : cells.odd.cells;
  const counts = new Int32Array(texts.length);
  for (const code of codes) counts[code]++;
  return { texts, counts, numbers: cells.kind === 'texts' ? 0 : cells.values.length - codes.length };
}

/** The first row whose cell has this text; −1 where none has. */
export function rowOfText(cells: Cells, text: string): number {
  const { texts, codes } = cells.kind === 'texts' ? cells : cells.odd.cells;
  const k = codes.indexOf(texts.indexOf(text));
  return cells.kind === 'texts' || k < 0 ? k : cells.odd.rows[k];
}

/** Beyond these many texts codes need 32 bits. */
const SHORT = 1 << 16;
/** Digits of which the number with its exponent fits a double exactly, as a key of `plainKey`. */
const MOST_DIGITS = 14;
const POWERS = Array.from({ length: MOST_DIGITS + 1 }, (_, k) => 10 ** k);

/** What `readDigits` found, besides whether it did: sign, digits as an integer, digits behind the mark. */
const found = { mantissa: 0, behind: 0, negative: false };

/**
 * Reads bytes that are a number in its plainest form (`-12.50`): no exponent, no needless zero in front, at most 14 digits.
 * Both `mantissa` and the power of ten are exact, so that their quotient is the nearest double.
 */
function readDigits(bytes: Buffer, start: number, end: number, mark: number): boolean {
  let i = start;
  const negative = bytes[i] === 45;
  if (negative) i++;
  const first = i;
  let mantissa = 0;
  let digit = bytes[i] - 48;
  while (i < end && digit >= 0 && digit <= 9) {
    mantissa = mantissa * 10 + digit;
    digit = bytes[++i] - 48;
  }
  const before = i - first;
  if (before === 0 || (before > 1 && bytes[first] === 48)) return false;
  let behind = 0;
  if (i < end) {
    if (bytes[i] !== mark) return false;
    digit = bytes[++i] - 48;
    while (i < end && digit >= 0 && digit <= 9) {
      mantissa = mantissa * 10 + digit;
      behind++;
      digit = bytes[++i] - 48;
    }
    if (i < end || behind === 0) return false;
  }
  if (before + behind > MOST_DIGITS) return false;
  found.mantissa = mantissa;
  found.behind = behind;
  found.negative = negative;
  return true;
}

/** Texts and codes while they come. */
class TextBuilder {
  readonly texts: string[] = [];
  readonly #byText = new Map<string, number>();
  readonly #byNumber = new Map<number, number>();
  #codes = new Growing(uint16);

  get length(): number {
    return this.#codes.length;
  }

  code(text: string): number {
    const known = this.#byText.get(text);
    if (known !== undefined) return known;
    const code = this.texts.length;
    this.texts.push(text);
    this.#byText.set(text, code);
    if (code === SHORT) {
      const wide = new Growing(int32);
      for (const earlier of this.#codes.into(new Uint16Array(this.#codes.length))) wide.push(earlier);
      this.#codes = wide;
    }
    return code;
  }

  push(text: string): void {
    this.#codes.push(this.code(text));
  }

  /** As `push`, without making a text of a plain number that has been seen. */
  pushBytes(bytes: Buffer, start: number, end: number): void {
    if (!readDigits(bytes, start, end, 46)) {
      this.push(bytes.toString('utf8', start, end));
      return;
    }
    const key = (found.mantissa * 32 + found.behind) * 2 + Number(found.negative);
    let code = this.#byNumber.get(key);
    if (code === undefined) {
      code = this.code(bytes.toString('utf8', start, end));
      this.#byNumber.set(key, code);
    }
    this.#codes.push(code);
  }

  finish(): TextCells {
    const { length } = this.#codes;
    const codes = this.#codes.into(this.texts.length > SHORT ? new Int32Array(length) : new Uint16Array(length));
    return { kind: 'texts', texts: this.texts, codes };
  }
}

/** Takes the cells of one column as they are read. */
export class ColumnBuilder {
  readonly #limit: number;
  readonly #decimal: () => '.' | ',';
  #texts = new TextBuilder();
  #whole = false;
  #numbers: { values: Growing; notation: Notation; mark: number; simple: boolean } | undefined;
  #oddRows = new Growing(int32);

  /** Up to `limit` distinct texts are held as such; `decimal` is asked for the mark where the column does not show its own. */
  constructor(limit: number, decimal: () => '.' | ',') {
    this.#limit = limit;
    this.#decimal = decimal;
  }

  /** A cell of UTF-8 without blanks around it. */
  pushBytes(bytes: Buffer, start: number, end: number): void {
    const numbers = this.#numbers;
    if (numbers === undefined) {
      this.#texts.pushBytes(bytes, start, end);
      if (this.#texts.texts.length > this.#limit && !this.#whole) this.#turn();
    } else if (numbers.simple && readDigits(bytes, start, end, numbers.mark)) {
      const size = found.behind > 0 ? found.mantissa / POWERS[found.behind] : found.mantissa;
      numbers.values.push(found.negative ? -size : size);
    } else {
      this.push(bytes.toString('utf8', start, end));
    }
  }

  /** A trimmed cell. */
  push(text: string): void {
    const numbers = this.#numbers;
    if (numbers === undefined) {
      this.#texts.push(text);
      if (this.#texts.texts.length > this.#limit && !this.#whole) this.#turn();
      return;
    }
    const value = losesDigits(text) ? Number.NaN : parseNumber(text, numbers.notation);
    if (!Number.isFinite(value)) {
      this.#oddRows.push(numbers.values.length);
      this.#texts.push(text);
    }
    numbers.values.push(Number.isFinite(value) ? value : Number.NaN);
  }

  /** The mark that the cells so far show. */
  shownDecimal(): '.' | ',' | undefined {
    return this.#numbers ? this.#numbers.notation.decimal : shownDecimal(this.#texts.texts);
  }

  /** Goes over from texts to numbers, if that is what most of the texts are. */
  #turn(): void {
    const { texts } = this.#texts;
    const notation = notationOf(texts, shownDecimal(texts) ?? this.#decimal());
    const values = Float64Array.from(texts, (text) => {
      const value = parseNumber(text, notation);
      return Number.isFinite(value) ? value : Number.NaN;
    });
    const words = values.filter(Number.isNaN).length;
    if (2 * words > texts.length || texts.some(losesDigits)) {
      this.#whole = true;
      return;
    }
    const { codes } = this.#texts.finish();
    this.#numbers = {
      values: new Growing(float64),
      notation,
      mark: notation.decimal === '.' ? 46 : 44,
      simple: !notation.percent,
    };
    this.#texts = new TextBuilder();
    for (const code of codes) {
      this.#numbers.values.push(values[code]);
      if (!Number.isNaN(values[code])) continue;
      this.#oddRows.push(this.#numbers.values.length - 1);
      this.#texts.push(texts[code]);
    }
  }

  finish(): Cells {
    if (!this.#numbers) return this.#texts.finish();
    const { values, notation } = this.#numbers;
    return {
      kind: 'numbers',
      values: values.into(new Float64Array(values.length)),
      notation,
      odd: { rows: this.#oddRows.into(new Int32Array(this.#oddRows.length)), cells: this.#texts.finish() },
    };
  }
}
