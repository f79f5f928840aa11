/**
 * Images as Hugging Face writes them to Parquet: a column of records with the `bytes` of a PNG or JPEG (or of such bytes alone) and a
 * column of labels, integers whose names stand in the file's metadata, or words.
 */
import { existsSync } from 'node:fs';
import { dataError } from '../../errors.ts';
import { openParquet, type ParquetFile } from '../parquet.ts';
import type { ImageFile, ImageOptions } from './file.ts';
import { readPictures } from './pictures.ts';

const IMAGES = ['image', 'img', 'picture'];
const LABELS = ['label', 'labels', 'fine_label', 'class', 'target'];

/** The columns of images and labels by name; undefined where there are none. */
const columnsOf = ({ names, records }: ParquetFile) => {
  const image = IMAGES.find((name) => records.includes(name) || names.includes(name));
  const label = LABELS.find((name) => names.includes(name));
  return image === undefined || label === undefined ? undefined : { image, label };
};

export async function isImageParquet(path: string): Promise<boolean> {
  const file = await openParquet(path);
  return file !== undefined && columnsOf(file) !== undefined;
}

/** The test file beside a training file, `test-…` for `train-…`; undefined where there is none. */
export function parquetTest(path: string): string | undefined {
  const test = path.replace(/train(?=[^/\\]*\.parquet$)/, 'test');
  return test !== path && existsSync(test) ? test : undefined;
}

/** Reads all images of a file. Throws a `DataError` for a row without an image or a label, and for a picture that is broken. */
export async function readImageParquet(path: string, options: ImageOptions = {}): Promise<ImageFile> {
  const file = (await openParquet(path))!;
  const { image, label } = columnsOf(file)!;
  const values = await file.read(image, true);
  const bytes = values.map((value, k) => {
    const own = value instanceof Uint8Array ? value : (value as { bytes?: unknown } | null)?.bytes;
    if (own instanceof Uint8Array) return own;
    throw dataError(
      `${path}, row ${k + 1}: expected the bytes of a picture in column ${image}, got none. Write them into the file.`,
    );
  });
  const { labels, classes } = labelsOf(await file.read(label), namesIn(file, label), `${path}, column ${label}`);
  return readPictures(
    {
      source: path,
      count: bytes.length,
      where: (k) => `${path}, row ${k + 1}`,
      read: (k) => bytes[k],
      labels,
      classes,
      notes: [`images from column ${image}, labels from column ${label}`],
    },
    options,
  );
}

/** Names of the classes in Hugging Face's metadata. */
function namesIn({ metadata }: ParquetFile, column: string): readonly string[] | undefined {
  try {
    const names: unknown = JSON.parse(metadata.huggingface ?? '{}').info?.features?.[column]?.names;
    return Array.isArray(names) ? names.map(String) : undefined;
  } catch {
    return undefined;
  }
}

function labelsOf(values: readonly unknown[], names: readonly string[] | undefined, where: string) {
  const fail = (row: number) =>
    dataError(`${where}, row ${row + 1}: expected a class, got ${String(values[row])}. Fill it, or take the row out.`);
  const whole = (value: unknown) => typeof value === 'bigint' || Number.isInteger(value);
  const none = values.findIndex((value) => !(whole(value) || (typeof value === 'string' && value !== '')));
  if (none >= 0) throw fail(none);
  if (names && values.every(whole)) {
    const odd = values.findIndex((value) => !(Number(value) in names));
    if (odd >= 0) throw fail(odd);
    return { labels: Uint16Array.from(values, Number), classes: names };
  }
  const known = [...new Set(values.map(String))].sort((a, b) => Number(a) - Number(b) || (a < b ? -1 : Number(a > b)));
  const codes = new Map(known.map((value, k) => [value, k]));
  return { labels: Uint16Array.from(values, (value) => codes.get(String(value))!), classes: known };
}
