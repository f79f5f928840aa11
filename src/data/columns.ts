/** Numeric columns of a file by name, one at a time: Parquet without holding the rest, delimited text as a whole. */
import { asyncBufferFromFile, parquetMetadataAsync, parquetRead } from 'hyparquet';
import { dataError } from '../errors.ts';
import { allTexts } from './cells.ts';
import { readTable } from './table.ts';

export interface ColumnFile {
  readonly path: string;
  readonly rows: number;
  readonly names: readonly string[];
  /** The column as numbers. Throws a `DataError` on a value that is none. */
  numbers(name: string): Promise<Float64Array>;
  /** The column as text. */
  texts(name: string): Promise<string[]>;
}

export async function openColumns(path: string): Promise<ColumnFile> {
  return path.endsWith('.parquet') ? openParquet(path) : openText(path);
}

async function openParquet(path: string): Promise<ColumnFile> {
  const file = await asyncBufferFromFile(path).catch((cause: Error) => {
    throw dataError(`${path}: expected a Parquet file, got ${cause.message}. Check the path.`, { cause });
  });
  const metadata = await parquetMetadataAsync(file).catch((cause: Error) => {
    throw dataError(`${path}: expected a Parquet file, got ${cause.message}. Write it again.`, { cause });
  });
  const rows = Number(metadata.num_rows);
  const read = async (name: string, put: (value: unknown, row: number) => void) => {
    await parquetRead({
      file,
      metadata,
      columns: [name],
      onChunk: ({ columnData, rowStart }) => {
        for (let i = 0; i < columnData.length; i++) put(columnData[i], rowStart + i);
      },
    });
  };
  return {
    path,
    rows,
    names: metadata.schema.slice(1).map(({ name }) => name),
    async numbers(name) {
      const out = new Float64Array(rows);
      await read(name, (value, row) => {
        out[row] = asNumber(path, name, row, value);
      });
      return out;
    },
    async texts(name) {
      const out = new Array<string>(rows);
      await read(name, (value, row) => {
        out[row] = String(value);
      });
      return out;
    },
  };
}

async function openText(path: string): Promise<ColumnFile> {
  const table = await readTable(path, { header: true });
  const column = (name: string) => allTexts(table.columns[table.names.indexOf(name)]);
  return {
    path,
    rows: table.rows,
    names: table.names,
    numbers: async (name) => Float64Array.from(column(name), (value, row) => asNumber(path, name, row, value)),
    texts: async (name) => column(name),
  };
}

function asNumber(path: string, name: string, row: number, value: unknown): number {
  const number = typeof value === 'string' && value.trim() === '' ? Number.NaN : Number(value);
  if (value === null || Number.isNaN(number)) {
    throw dataError(
      `${path}: expected a number in column ${name}, row ${row + 1}, got ${JSON.stringify(value)}. Fill or drop it.`,
    );
  }
  return number;
}
