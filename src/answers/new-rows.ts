/** New rows for a run: read and encoded as the training rows taught, each with what there is to say of it. */
import { type Asked, inputsAsked } from '../data/asked.ts';
import { type ImageFile, shapeText } from '../data/image/file.ts';
import type { ImagePreprocessing } from '../data/image/prepare.ts';
import { imageRows } from '../data/image/rows.ts';
import { recognise } from '../data/kinds.ts';
import { ofTable } from '../data/learned.ts';
import type { Rows } from '../data/rows.ts';
import { allTexts } from '../data/table/cells.ts';
import { tableFromRows } from '../data/table/columns.ts';
import { encode } from '../data/table/encode.ts';
import { outsideOf } from '../data/table/outside.ts';
import type { Preprocessing } from '../data/table/preprocess.ts';
import { readTable } from '../data/table/read.ts';
import { isTable } from '../data/table/rows.ts';
import { findColumn } from '../data/table/schema.ts';
import type { Table } from '../data/table/table.ts';
import { windows } from '../data/text/prepare.ts';
import { readText } from '../data/text/read.ts';
import { dataError, specError } from '../errors.ts';
import type { LoadedRun } from '../spec/loaded-run.ts';
import { groupsOf } from './conformal.ts';

export interface NewRows {
  readonly asked: Asked;
  /** Names of the columns by which row i lies outside what the training rows showed, joined by `|`. */
  outside(i: number): string;
  /** Group of each row; none without a group column. */
  readonly groups: readonly string[];
  /** Columns that are passed through. */
  readonly passed: readonly { readonly name: string; readonly cells: readonly (string | number)[] }[];
  readonly warnings: readonly string[];
}

interface NewRowsOptions {
  readonly ids: readonly string[];
  readonly maxUnpacked: number | undefined;
  /** Column of the groups. */
  readonly group: string | undefined;
  /** Names that columns passed through cannot have. */
  readonly taken: readonly string[];
}

/** Path of new data, or the rows of a table as objects. */
type Source = string | readonly Readonly<Record<string, unknown>>[];

/** Reads and encodes new rows. Throws a `DataError` for data that are not as those of training, a `SpecError` for columns of data without any. */
export async function newRows(run: LoadedRun, data: Source, options: NewRowsOptions): Promise<NewRows> {
  const { preprocessing } = run;
  if (ofTable(preprocessing)) return newTableRows(run, preprocessing, data, options);
  const asked = options.ids[0] ?? options.group;
  if (asked !== undefined) {
    throw specError(`predict: expected no columns, since the data are no table, got '${asked}'. Leave it out.`);
  }
  if (typeof data !== 'string') {
    throw specError(`predict: expected a path, since the run is no table's, got ${data.length} rows. Give a file.`);
  }
  return preprocessing.kind === 'image'
    ? newImages(preprocessing, data, options)
    : newText(run, data, options.maxUnpacked);
}

async function newTableRows(
  run: LoadedRun,
  preprocessing: Preprocessing,
  data: Source,
  { ids, maxUnpacked, group, taken }: NewRowsOptions,
): Promise<NewRows> {
  const table =
    typeof data === 'string'
      ? await readTable(data, { header: preprocessing.headed, like: preprocessing.dialect, maxUnpacked })
      : tableFromRows(data);
  const passed = idColumns(table, ids, taken);
  const { x, unread, warnings } = encode(preprocessing, table, [...Array(table.rows).keys()], false);
  const outside = outsideOf(preprocessing, x);
  return {
    asked: inputsAsked(x, run.network.inputs),
    outside: (i) => [outside[i], ...(unread.get(i) ?? [])].filter(Boolean).join('|'),
    groups: group === undefined ? [] : groupsOf(run, x, group),
    passed,
    warnings: [...table.notes.slice(1), ...warnings],
  };
}

async function newImages(
  preprocessing: ImagePreprocessing,
  path: string,
  { maxUnpacked }: NewRowsOptions,
): Promise<NewRows> {
  const found = await recognise(path, 'image');
  if (found.kind !== 'image') throw dataError(`${path}: expected images, got ${found.about}. Check the path.`);
  const file = await found.format.read(path, { maxUnpacked, size: [preprocessing.shape[1], preprocessing.shape[2]] });
  checkShape(preprocessing, file);
  const { shift, scale, target } = preprocessing;
  const index = Int32Array.from({ length: file.labels.length }, (_, i) => i);
  // Classes of new images are not looked at: they may be of others than those of training.
  const set = { shape: file.shape, pixels: file.pixels, labels: new Uint8Array(index.length) };
  const rows = imageRows({ set, index, shift, scale, classes: target.classes.length });
  return { asked: rows.asked(), outside: () => '', groups: [], passed: [], warnings: file.notes };
}

function checkShape({ shape }: ImagePreprocessing, file: ImageFile): void {
  if (file.shape.every((size, i) => size === shape[i])) return;
  throw dataError(
    `${file.source}: expected images of ${shapeText(shape)} as in training, got ${shapeText(file.shape)}. Resize them.`,
  );
}

async function newText({ preprocessing, network }: LoadedRun, path: string, maxUnpacked?: number): Promise<NewRows> {
  if (ofTable(preprocessing) || preprocessing.kind !== 'text') throw new TypeError('expected a run of a text');
  const { code, target } = preprocessing;
  const { tokens, notes } = await readText(path, { tokens: code.tokens, maxUnpacked }, code);
  const asked = windows(tokens, 0, tokens.length, network.inputs, path).asked();
  const observed = Array.from(asked.y, (token) => target.classes[token]);
  return {
    asked,
    outside: () => '',
    groups: [],
    passed: [{ name: 'token', cells: observed }],
    warnings: notes,
  };
}

/** The names by which each row of a split lies outside what the training rows showed; empty for what is no table. */
export const outsideRows = ({ preprocessing }: LoadedRun, rows: Rows): readonly string[] =>
  ofTable(preprocessing) && isTable(rows) ? outsideOf(preprocessing, rows.x) : Array.from(rows.y, () => '');

/** The cells of columns that are passed through. Throws a `DataError` for one that is not there, or is called as a prediction is. */
function idColumns(table: Table, ids: readonly string[], names: readonly string[]) {
  return [...new Set(ids)].map((name) => {
    if (!names.includes(name)) return { name, cells: allTexts(table.columns[findColumn(table, name)]) };
    throw dataError(
      `${table.source}: expected columns to pass through under names that predictions do not have, got '${name}'. Rename it in the file.`,
    );
  });
}
