/** Parquet files, a column at a time, packed in any of the usual ways. */
import { open } from 'node:fs/promises';
import { asyncBufferFromFile, type FileMetaData, parquetMetadataAsync, parquetRead } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { dataError } from '../errors.ts';

const MAGIC = 'PAR1';

/** A file whose columns come as values of any type, one per row. */
export interface RawColumns {
  readonly rows: number;
  readonly names: readonly string[];
  read(name: string): Promise<readonly unknown[]>;
}

export interface ParquetFile extends RawColumns {
  /** Columns of records with fields of their own, which `read` gives as objects. */
  readonly records: readonly string[];
  /** What its writer said of it, by key. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Values of a column; bytes that are not said to be text stay bytes where `binary` says so, and are text else. */
  read(name: string, binary?: boolean): Promise<readonly unknown[]>;
}

/**
 * The columns of the Parquet file at `path`; undefined for a file that is none. Throws a `DataError` for one that says so by its name,
 * or is damaged.
 */
export async function openParquet(path: string): Promise<ParquetFile | undefined> {
  const begins = await beginsAsParquet(path);
  if (!begins && !path.endsWith('.parquet')) return undefined;
  const damaged = (where: string, cause: unknown) =>
    dataError(`${where}: expected a whole Parquet file, got ${reason(cause)}. Write it again.`, { cause });
  const file = await asyncBufferFromFile(path).catch((cause) => {
    throw dataError(`${path}: expected a Parquet file, got ${reason(cause)}. Check the path.`, { cause });
  });
  if (!begins) throw dataError(`${path}: expected a Parquet file, got one that does not begin as one. Write it again.`);
  const metadata = await parquetMetadataAsync(file).catch((cause) => {
    throw damaged(path, cause);
  });
  const groups = metadata.row_groups.map(({ num_rows }) => Number(num_rows));
  const rows = groups.reduce((sum, count) => sum + count, 0);
  if (!groups.every((count) => count >= 0) || rows !== Number(metadata.num_rows) || rows > file.byteLength * MOST_ROWS)
    throw damaged(path, `${metadata.num_rows} rows in groups of ${groups.slice(0, 3).join(', ')}`);
  if (rows === 0) throw dataError(`${path}: expected rows, got none. Check the export.`);
  return {
    rows,
    names: leaves(metadata, false),
    records: leaves(metadata, true),
    metadata: Object.fromEntries((metadata.key_value_metadata ?? []).map(({ key, value }) => [key, value ?? ''])),
    async read(name, binary = false) {
      const values = new Array<unknown>(rows);
      let from = 0;
      for (const count of groups) {
        const at = from;
        let held = 0;
        // A group at a time: a fault in one leaves no other read behind that nobody waits for.
        await parquetRead({
          file,
          metadata,
          compressors,
          columns: [name],
          utf8: !binary,
          rowStart: at,
          rowEnd: at + count,
          onChunk({ columnData, rowStart }) {
            held += columnData.length;
            for (let i = 0; i < columnData.length; i++) values[rowStart + i] = columnData[i];
          },
        }).catch((cause) => {
          throw damaged(`${path}, column ${name}, rows ${at + 1} to ${at + count}`, cause);
        });
        if (held !== count) throw damaged(`${path}, column ${name}`, `${held} of ${count} values`);
        from += count;
      }
      return values;
    },
  };
}

/** Rows that a byte may stand for: repeated values pack well. */
const MOST_ROWS = 1e5;

/** Columns that hold plain values, or records of them: not lists. */
const leaves = ({ schema }: FileMetaData, records: boolean): string[] => {
  const names: string[] = [];
  for (let at = 1; at < schema.length; ) {
    const { name, num_children = 0, repetition_type } = schema[at];
    if (num_children > 0 === records && repetition_type !== 'REPEATED') names.push(name);
    at = after(schema, at);
  }
  return names;
};

/** The place behind an element of the schema and all its children. */
function after(schema: FileMetaData['schema'], at: number): number {
  let next = at + 1;
  for (let child = 0; child < (schema[at].num_children ?? 0) && next < schema.length; child++)
    next = after(schema, next);
  return next;
}

async function beginsAsParquet(path: string): Promise<boolean> {
  const file = await open(path).catch(() => undefined);
  if (!file) return false;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return bytesRead === 4 && buffer.toString('latin1') === MAGIC;
  } catch {
    return false;
  } finally {
    await file.close();
  }
}

/** What the reader says; faults of its own arithmetic are those of a file that is cut off or overwritten. */
function reason(cause: unknown): string {
  if (cause instanceof RangeError || cause instanceof TypeError) return 'bytes that make no sense';
  return (cause instanceof Error ? cause.message : String(cause)).replace(/^parquet /, '').split('\n')[0];
}
