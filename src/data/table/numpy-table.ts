/** Tables as NumPy arrays: `[N, p]`, or x `[N, p]` and y `[N]` of an archive. */
import { dataError } from '../../errors.ts';
import { type NumpyArray, readNumpy } from '../numpy.ts';
import { columnTable, type NamedColumn } from './columns.ts';
import type { Table } from './table.ts';

/** Reads numbers as a table of columns `x1 … xp`, and `y` where an archive has targets. Throws a `DataError` for other shapes. */
export function readNumpyTable(path: string, most: number | undefined): Table {
  const arrays = readNumpy(path, most);
  const x = arrays.get('') ?? arrays.get('x') ?? arrays.get('X');
  const y = arrays.get('y');
  if (x?.shape.length !== 2) {
    const got = x ? `[${x.shape.join(', ')}]` : [...arrays.keys()].join(', ') || 'none';
    throw dataError(
      `${path}: expected numbers [N, p], in an archive as x with targets y, got ${got}. Save them that way.`,
    );
  }
  const [rows, width] = x.shape;
  const columns: NamedColumn[] = Array.from({ length: width }, (_, j) => ({
    name: `x${j + 1}`,
    values: Array.from({ length: rows }, (_, i) => x.data[i * width + j]),
  }));
  if (y) columns.push({ name: 'y', values: targets(y, rows, path) });
  return columnTable(path, columns, [`${rows} rows, ${columns.length} columns, NumPy`]);
}

function targets({ shape, data }: NumpyArray, rows: number, path: string): readonly unknown[] {
  if (shape[0] === rows && data.length === rows) return Array.from(data as ArrayLike<unknown>);
  throw dataError(`${path}: expected a target y for each of ${rows} rows, got [${shape.join(', ')}]. Save it as [N].`);
}
