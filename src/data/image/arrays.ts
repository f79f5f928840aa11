/** Images as NumPy arrays: uint8 `[N, H, W]`, `[N, H, W, C]` or `[N, C, H, W]` with integers or words as labels. */
import { existsSync } from 'node:fs';
import { dataError } from '../../errors.ts';
import { type NumpyArray, readNumpy } from '../numpy.ts';
import { type ImageFile, type ImageOptions, roomFor } from './file.ts';
import type { ImageShape } from './set.ts';

/** Names of images and labels that belong together, and of the test rows in the same file. */
const NAMES = [
  ['x', 'y'],
  ['x_train', 'y_train'],
  ['X', 'y'],
  ['X_train', 'y_train'],
  ['train_images', 'train_labels'],
  ['images', 'labels'],
] as const;
const TESTS = [
  ['x_test', 'y_test'],
  ['X_test', 'y_test'],
  ['test_images', 'test_labels'],
] as const;

/** Which rows of a file: those that are learned from, or its test rows. */
export type Part = 'all' | 'test';

const pairOf = (arrays: ReadonlyMap<string, NumpyArray>, part: Part) =>
  (part === 'test' ? TESTS : [...NAMES, ...TESTS]).find(([x, y]) => arrays.has(x) && arrays.has(y));

const isImages = ({ shape }: NumpyArray) => shape.length === 3 || shape.length === 4;

/** Whether the file holds arrays of images. */
export function isImageArrays(path: string): boolean {
  const arrays = readNumpy(path);
  const pair = pairOf(arrays, 'all');
  const images = arrays.get(path.endsWith('.npz') ? (pair?.[0] ?? '') : '');
  return images !== undefined && isImages(images);
}

/** Whether a file has test rows beside those that are learned from. */
export const hasTestArrays = (path: string): boolean =>
  path.endsWith('.npz') &&
  pairOf(readNumpy(path), 'test') !== undefined &&
  !pairOf(readNumpy(path), 'all')![0].includes('test');

/** Reads the images of a file. Throws a `DataError` where names, types or shapes are others. */
export function readImageArrays(path: string, { maxUnpacked }: ImageOptions = {}, part: Part = 'all'): ImageFile {
  const { x, y, names } = path.endsWith('.npz') ? inArchive(path, part, maxUnpacked) : inFiles(path, maxUnpacked);
  const { shape, last } = imageShape(x.shape, `${path}, ${names[0]}`);
  const [count] = x.shape;
  if (!(x.data instanceof Uint8Array)) {
    throw dataError(
      `${path}, ${names[0]}: expected pixels as uint8, got ${typeName(x)}. Save them as (255 * x).round().astype('uint8') or so.`,
    );
  }
  const pixels = roomFor(path, count, shape, maxUnpacked);
  if (last) channelsFirst(x.data, shape, pixels);
  else pixels.set(x.data);
  const { labels, classes } = labelsOf(y, count, `${path}, ${names[1]}`);
  return { shape, pixels, labels, classes, source: path, notes: [`images from ${names[0]}, labels from ${names[1]}`] };
}

function inArchive(path: string, part: Part, most: number | undefined) {
  const arrays = readNumpy(path, most);
  const names = pairOf(arrays, part);
  if (names) return { x: arrays.get(names[0])!, y: arrays.get(names[1])!, names };
  throw dataError(
    `${path}: expected arrays x and y (or x_train and y_train), got ${[...arrays.keys()].join(', ') || 'none'}. Save them under those names.`,
  );
}

function inFiles(path: string, most: number | undefined) {
  const candidates = NAMES.map(([x, y]) => path.replace(new RegExp(`${x}(?=\\.npy$)`), y));
  const labels = candidates.find((candidate) => candidate !== path && existsSync(candidate));
  if (labels === undefined) {
    throw dataError(
      `${path}: expected labels beside it, such as y.npy beside x.npy, got none. Save them there, or both as .npz.`,
    );
  }
  return { x: readNumpy(path, most).get('')!, y: readNumpy(labels, most).get('')!, names: [path, labels] as const };
}

/** The shape of one image, and whether its channels come last. */
function imageShape(sizes: readonly number[], where: string): { shape: ImageShape; last: boolean } {
  const [count, a, b, c] = sizes;
  if (count > 0 && sizes.length === 3) return { shape: [1, a, b], last: false };
  const colours = (n: number) => n === 1 || n === 3;
  if (count > 0 && sizes.length === 4 && colours(c)) return { shape: [c, a, b], last: true };
  if (count > 0 && sizes.length === 4 && colours(a)) return { shape: [a, b, c], last: false };
  throw dataError(
    `${where}: expected images [N, H, W], [N, H, W, C] or [N, C, H, W] with 1 or 3 channels, got [${sizes.join(', ')}]. Reshape the array.`,
  );
}

function channelsFirst(data: Uint8Array, [channels, height, width]: ImageShape, out: Uint8Array): void {
  const plane = height * width;
  for (let n = 0; n < out.length; n += channels * plane) {
    for (let i = 0; i < plane; i++) {
      for (let c = 0; c < channels; c++) out[n + c * plane + i] = data[n + i * channels + c];
    }
  }
}

const typeName = ({ data }: NumpyArray) =>
  Array.isArray(data) ? 'texts' : data.constructor.name.replace('Array', '').toLowerCase();

/** Classes that integers or words stand for, integers by their size. */
function labelsOf({ shape, data }: NumpyArray, count: number, where: string) {
  const flat = shape.length === 1 || (shape.length === 2 && shape[1] === 1);
  if (!flat || shape[0] !== count) {
    throw dataError(
      `${where}: expected a label for each of ${count} images, got [${shape.join(', ')}]. Save integers or words [N].`,
    );
  }
  const words = Array.isArray(data);
  const values = Array.from(data as ArrayLike<unknown>, (value) => (words ? String(value) : Number(value)));
  const odd = values.find((value) => typeof value === 'number' && !Number.isInteger(value));
  if (odd !== undefined) throw dataError(`${where}: expected integers, got ${odd}. Save the index of each class.`);
  const known = [...new Set(values)].sort((a, b) => (typeof a === 'number' ? a - (b as number) : a < b ? -1 : 1));
  const codes = new Map(known.map((value, k) => [value, k]));
  return { labels: Uint16Array.from(values, (value) => codes.get(value)!), classes: known.map(String) };
}
