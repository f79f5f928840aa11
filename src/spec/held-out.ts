/** Validation and test rows of the user's own: read from files of their own, and encoded as the training rows taught. */

import { sharedRows } from '../data/overlap.ts';
import { tableFromRows } from '../data/table/columns.ts';
import { encode, rowsWithTarget } from '../data/table/encode.ts';
import type { Preprocessing } from '../data/table/preprocess.ts';
import { readTable } from '../data/table/read.ts';
import type { TableRows } from '../data/table/rows.ts';
import type { ReadOptions, Table } from '../data/table/table.ts';
import { dataError } from '../errors.ts';

/** Path of a table in a file, or its rows as objects. */
export type RowSource = string | readonly Readonly<Record<string, unknown>>[];

export const HELD_OUT = ['valid', 'test'] as const;
export type HeldOutTables = { readonly [name in (typeof HELD_OUT)[number]]?: Table | undefined };

export const openTable = async (source: RowSource, options: ReadOptions): Promise<Table> =>
  typeof source === 'string' ? readTable(source, options) : tableFromRows(source);

/**
 * The rows of a table that have a target, encoded. Throws a `DataError` where a column of the training file is missing or of
 * another kind, a class was not in it, or no row has a target.
 */
export function encodeHeldOut(pre: Preprocessing, table: Table) {
  const rows = rowsWithTarget(pre, table);
  if (rows.length === 0) {
    throw dataError(
      `${table.source}: expected rows with a target '${pre.target.name}', got none. Give rows whose target is known.`,
    );
  }
  const { x, y, warnings } = encode(pre, table, rows, true);
  const missing = table.rows - rows.length;
  const notes = missing > 0 ? [`${missing} rows of ${table.source} without a target were left out`] : [];
  return { x, y, rows, warnings: [...notes, ...warnings] };
}

/** What to say of rows of one's own that the training rows hold too; undefined where there are none. */
export function overlapNote(train: TableRows, own: TableRows, { source }: Table): string | undefined {
  const shared = sharedRows(train, own).length;
  if (shared === 0) return undefined;
  return `${shared} of the ${own.y.length} rows of ${source} are training rows too (equal features and target): what they score says nothing about new rows`;
}
