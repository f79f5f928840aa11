/** What the training rows of any kind of data taught, and how encoded rows are named in the file that keeps them. */
import { type ImagePreprocessing, imageTensors, storedImages } from './image/prepare.ts';
import type { ImageRows } from './image/rows.ts';
import type { Kind } from './kinds.ts';
import type { Rows } from './rows.ts';
import type { Parts } from './split.ts';
import type { Preprocessing } from './table/preprocess.ts';
import { type TableRows, tableRows } from './table/rows.ts';
import { storedText, type TextPreprocessing, textTensors } from './text/prepare.ts';
import type { TextRows } from './text/rows.ts';

/** Stored with a run, and replayed on new data. That of a table has no `kind`. */
export type Learned = Preprocessing | ImagePreprocessing | TextPreprocessing;

export const ofTable = (learned: Learned): learned is Preprocessing => !('kind' in learned);
export const kindOf = (learned: Learned): Kind => (ofTable(learned) ? 'table' : learned.kind);

interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | Float64Array | Int32Array | Uint8Array | Uint16Array | Uint32Array;
}
type Tensors = Readonly<Record<string, Tensor>>;

const NAMES = ['train', 'valid', 'test'] as const;

/** Encoded rows of the three splits as tensors by name. */
export function tensorsOf(learned: Learned, data: Parts<Rows>): Tensors {
  if (ofTable(learned)) return tableTensors(data as Parts<TableRows>);
  return learned.kind === 'image' ? imageTensors(data as Parts<ImageRows>) : textTensors(data as Parts<TextRows>);
}

/** The rows that those tensors keep. `inputs` and `targets` are the values of a row, as the network takes them. */
export function rowsOf(
  learned: Learned,
  tensors: Tensors,
  { inputs, targets }: { readonly inputs: number; readonly targets: number },
): Parts<Rows> {
  if (!ofTable(learned)) return learned.kind === 'image' ? storedImages(learned, tensors) : storedText(tensors, inputs);
  const rows = (name: (typeof NAMES)[number]) =>
    tableRows({
      x: tensors[`x.${name}`].data as Float32Array,
      y: tensors[`y.${name}`].data as Float64Array,
      ...{ inputs, targets },
      rows: tensors[`row.${name}`]?.data as Int32Array | undefined,
    });
  return { train: rows('train'), valid: rows('valid'), test: rows('test') };
}

function tableTensors(data: Parts<TableRows>): Tensors {
  const tensors: Record<string, Tensor> = {};
  for (const name of NAMES) {
    const { x, y, inputs, rows } = data[name];
    tensors[`x.${name}`] = { shape: [y.length, inputs], data: x };
    tensors[`y.${name}`] = { shape: [y.length], data: y };
    if (rows) tensors[`row.${name}`] = { shape: [y.length], data: rows };
  }
  return tensors;
}
