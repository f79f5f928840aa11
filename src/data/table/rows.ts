/** The encoded rows of a table: x `[N × p]` float32 row by row, y `[N]` a standardised target or the index of a class. */
import { kernelsOf, sideBySide } from '../../math/native.ts';
import { askedOf, type BatchRows, indices, oneHot, type Rows } from '../rows.ts';

/** What is stored of a split of a table. */
export interface TableSplit {
  /** `[N × p]` row-major. */
  readonly x: Float32Array;
  /** Standardised target or class index `[N]`. */
  readonly y: Float64Array;
  /** p. */
  readonly inputs: number;
  /** Rows of the target: 1, or K for one-hot classes. */
  readonly targets: number;
  /** Row of each in the file it came from, counted from 1 without the header `[N]`; absent where none is known. */
  readonly rows?: Int32Array | undefined;
}

/** The rows as they are stored. */
export type TableRows = TableSplit & Rows;

export const isTable = (rows: Rows): rows is TableRows => 'x' in rows;

/** A stream of batches gathers from columns, which takes half the time. */
export function tableRows(split: TableSplit): TableRows {
  const { x, y, inputs, targets } = split;
  const count = y.length;
  const rows: Omit<TableRows, 'asked'> = {
    ...split,
    count,
    order: indices,
    gather(picked, into, target) {
      const size = picked.length;
      for (let j = 0; j < size; j++) {
        const row = picked[j] * inputs;
        for (let i = 0; i < inputs; i++) into[i * size + j] = x[row + i];
      }
      if (targets > 1) oneHot(y, picked, target);
      else for (let j = 0; j < size; j++) target[j] = y[picked[j]];
    },
    beside(lengths) {
      const [columns, labels, ...arrays] = sideBySide(Float32Array, [inputs * count, count, ...lengths]);
      featuresFirst(x, inputs, columns);
      labels.set(y);
      return { rows: columnRows({ columns, labels, inputs, targets }), arrays };
    },
  };
  return { ...rows, asked: (picked) => askedOf(rows, picked) };
}

/** Columns `[p × N]` and labels `[N]`. */
interface Columns {
  readonly columns: Float32Array;
  readonly labels: Float32Array;
  readonly inputs: number;
  readonly targets: number;
}

function columnRows({ columns, labels, inputs, targets }: Columns): BatchRows {
  return {
    count: labels.length,
    inputs,
    targets,
    order: indices,
    gather(picked, x, y) {
      pick(columns, labels.length, picked, x);
      if (targets > 1) oneHot(labels, picked, y);
      else pick(labels, labels.length, picked, y);
    },
  };
}

/** The transpose of rows `[N × p]`: columns `[p × N]`. */
export function featuresFirst(x: Float32Array, inputs: number, columns = new Float32Array(x.length)): Float32Array {
  const rows = x.length / inputs;
  for (let i = 0; i < inputs; i++) for (let n = 0; n < rows; n++) columns[i * rows + n] = x[n * inputs + i];
  return columns;
}

/** The picked elements of every column `[rows]`, column by column. */
function pick(columns: Float32Array, rows: number, picked: Int32Array, out: Float32Array): void {
  const count = columns.length / rows;
  const size = picked.length;
  const kernels = kernelsOf(columns, picked, out);
  if (kernels) {
    kernels.gather(columns.byteOffset, rows, picked.byteOffset, size, out.byteOffset, count);
    return;
  }
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < size; j++) out[i * size + j] = columns[i * rows + picked[j]];
  }
}
