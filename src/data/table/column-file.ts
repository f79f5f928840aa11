/** Columns of a file by name, one at a time: Parquet without holding the rest, delimited text as a whole. */
import { dataError } from '../../errors.ts';
import { openParquet, type RawColumns } from '../parquet.ts';
import { allTexts } from './cells.ts';
import { readDelimited } from './table.ts';

export interface ColumnFile {
  readonly path: string;
  readonly rows: number;
  readonly names: readonly string[];
  /** The column as numbers. Throws a `DataError` on a value that is none. */
  numbers(name: string): Promise<Float64Array>;
  /** The same, with NaN for what is missing: an empty or null cell, or NaN itself. */
  numbersWithGaps(name: string): Promise<Float64Array>;
  /** The column as text. Throws a `DataError` on a missing value. */
  texts(name: string): Promise<string[]>;
}

/** Opens a file: Parquet by its name or its first bytes, else delimited text. */
export async function openColumns(path: string): Promise<ColumnFile> {
  const { rows, names, read } = (await openParquet(path)) ?? (await openText(path));
  const fault = (what: string, name: string, row: number, value: unknown) =>
    dataError(`${path}: expected ${what} in column ${name}, row ${row + 1}, got ${shown(value)}. Fill or drop it.`);
  const numbers = async (name: string, gaps: boolean) => {
    const values = await read(name);
    return Float64Array.from({ length: rows }, (_, row) => {
      const number = asNumber(values[row]);
      if (number === undefined || (Number.isNaN(number) && !gaps)) throw fault('a number', name, row, values[row]);
      return number;
    });
  };
  return {
    path,
    rows,
    names,
    numbers: (name) => numbers(name, false),
    numbersWithGaps: (name) => numbers(name, true),
    async texts(name) {
      const values = await read(name);
      return values.map((value, row) => {
        if (isMissing(value)) throw fault('a class', name, row, value);
        return String(value);
      });
    },
  };
}

async function openText(path: string): Promise<RawColumns> {
  const table = await readDelimited(path, { header: true });
  return {
    rows: table.rows,
    names: table.names,
    read: async (name) => allTexts(table.columns[table.names.indexOf(name)]),
  };
}

const MISSING = /^(?:|nan|na|n\/a|null|none)$/i;
const isMissing = (value: unknown): boolean =>
  value === null || value === undefined || (typeof value === 'string' && MISSING.test(value.trim()));

/** A number, NaN for what is missing, undefined for what is neither. */
function asNumber(value: unknown): number | undefined {
  if (isMissing(value)) return Number.NaN;
  if (typeof value === 'number') return value;
  if (typeof value !== 'string' && typeof value !== 'bigint') return undefined;
  const word = typeof value === 'string' && /^([+-]?)inf(?:inity)?$/i.exec(value.trim());
  if (word) return word[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const number = Number(value);
  return Number.isNaN(number) ? undefined : number;
}

const shown = (value: unknown): string =>
  typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? 'none');
