/** A table of any format: delimited text, Parquet, JSON Lines, NumPy. */
import { dataError } from '../../errors.ts';
import { byteReader } from '../byte-reader.ts';
import { openParquet } from '../parquet.ts';
import { columnTable, tableFromRows } from './columns.ts';
import { readNumpyTable } from './numpy-table.ts';
import { type ReadOptions, readDelimited, type Table } from './table.ts';

const JSON_LINES = /\.(?:jsonl|ndjson)(?:\.gz)?$/i;
const NUMPY = /\.np[yz]$/i;

/** Reads the file by what its name or its first bytes say. Throws a `DataError`. */
export async function readTable(path: string, options: ReadOptions = {}): Promise<Table> {
  if (JSON_LINES.test(path)) return readJsonLines(path, options.maxUnpacked);
  if (NUMPY.test(path)) return readNumpyTable(path, options.maxUnpacked);
  const parquet = await openParquet(path);
  if (!parquet) return readDelimited(path, options);
  const columns = [];
  for (const name of parquet.names) columns.push({ name, values: await parquet.read(name) });
  const left = parquet.records.length > 0 ? [`columns of records were left out: ${parquet.records.join(', ')}`] : [];
  return columnTable(path, columns, [`${parquet.rows} rows, ${columns.length} columns, Parquet`, ...left]);
}

/** An object a line. */
async function readJsonLines(path: string, most: number | undefined): Promise<Table> {
  const rows: Record<string, unknown>[] = [];
  const reader = byteReader(path, most);
  const decoder = new TextDecoder('utf-8');
  const piece = new Uint8Array(1 << 20);
  let rest = '';
  let line = 0;
  const take = (text: string) => {
    line++;
    if (text.trim() === '') return;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      throw dataError(`${path}:${line}: expected a JSON object, got ${shown(text)}. Mend the line.`, { cause });
    }
    if (value === null || typeof value !== 'object' || Array.isArray(value))
      throw dataError(`${path}:${line}: expected a JSON object, got ${shown(text)}. Mend the line.`);
    rows.push(value as Record<string, unknown>);
  };
  try {
    for (let held = await reader.fill(piece); held > 0; held = await reader.fill(piece)) {
      const lines = (rest + decoder.decode(piece.subarray(0, held), { stream: true })).split('\n');
      rest = lines.pop()!;
      for (const text of lines) take(text);
    }
    if (rest !== '') take(rest);
  } finally {
    await reader.close();
  }
  const table = tableFromRows(rows, path);
  return { ...table, notes: [`${table.rows} rows, ${table.names.length} columns, JSON Lines`] };
}

const shown = (text: string) => (text.length > 60 ? `${text.slice(0, 60)}…` : text);
