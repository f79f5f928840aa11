/** Tables from columns of values of any type, as typed files have them. */
import { dataError } from '../../errors.ts';
import { ColumnBuilder } from './cells.ts';
import type { Table } from './table.ts';

export interface NamedColumn {
  readonly name: string;
  /** One value per row; null, undefined and NaN are missing. */
  readonly values: readonly unknown[];
}

/** Distinct texts that a column keeps before it goes over to numbers. */
const MOST_TEXTS = 4096;

/** A table of these columns. Throws a `DataError` where there is no row or column. */
export function columnTable(source: string, columns: readonly NamedColumn[], notes: readonly string[] = []): Table {
  const rows = columns[0]?.values.length ?? 0;
  if (rows === 0)
    throw dataError(`${source}: expected rows of data, got none. Check the export, or pass at least one row.`);
  const names = columns.map(({ name }) => name);
  return {
    source,
    names,
    nameless: new Set(),
    headed: true,
    columns: columns.map(({ values }) => {
      const builder = new ColumnBuilder(MOST_TEXTS, () => '.');
      for (const value of values) builder.push(cellTextOf(value));
      return builder.finish();
    }),
    rows,
    lines: Int32Array.from({ length: rows }, (_, i) => i + 1),
    dialect: { delimiter: ',', decimal: '.', headed: true, names },
    notes,
  };
}

/** What a cell of delimited text would hold: nothing for what is missing, ISO 8601 for a date, JSON for lists and records. */
function cellTextOf(value: unknown): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '';
  if (value instanceof Date) {
    const text = value.toISOString();
    return text.endsWith('T00:00:00.000Z') ? text.slice(0, 10) : text;
  }
  return (typeof value === 'object' ? JSON.stringify(value) : String(value)).trim();
}

/** A table from objects in memory. Columns are all that a row has. */
export function tableFromRows(rows: readonly Readonly<Record<string, unknown>>[], source = 'rows'): Table {
  const names = [...new Set(rows.flatMap(Object.keys))];
  return columnTable(
    source,
    names.map((name) => ({ name, values: rows.map((row) => row[name]) })),
  );
}
