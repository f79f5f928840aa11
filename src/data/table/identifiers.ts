/** Columns that say which row it is and nothing else: row numbers and keys. */
import type { Column } from './column.ts';

/** Names of columns that count rows. */
const COUNTER =
  /^(?:id|idx|index|key|no|nr|pk|row|obs|case|rec|record|unnamed: ?\d+|row[ _.-]?(?:id|idx|index|key|names?|no|nr|num|number))$/i;
/** Names of columns that hold keys. */
const KEY = /^(?:id|uid|uuid|guid|pk|.+[ _.-](?:id|uid|uuid|guid|key|pk)|.*[a-z]I[dD])$/i;

const integers = (values: Float64Array) => values.every(Number.isInteger);
const counts = (values: Float64Array) =>
  (values[0] === 0 || values[0] === 1) && values.every((value, i) => value === values[0] + i);

/** Why the column is an identifier; undefined where it is not. `rows` are at least ten. */
export function identifierReason(column: Column, nameless: boolean): string | undefined {
  const { name } = column;
  if (column.kind === 'categorical') {
    return column.levels.length === column.codes.length ? 'every row has a category of its own' : undefined;
  }
  const { values } = column;
  if (counts(values) && (nameless || COUNTER.test(name))) return 'it counts the rows';
  if (nameless && integers(values) && values.every((value, i) => i === 0 || value > values[i - 1]))
    return 'it numbers the rows';
  if ((KEY.test(name) || nameless) && integers(values) && new Set(values).size === values.length)
    return 'every row has a key of its own';
  return undefined;
}

/** Whether the column counts the rows, though its name does not say so. */
export const countsRows = (column: Column): boolean => column.kind === 'numeric' && counts(column.values);
