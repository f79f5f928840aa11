/** From images as they were read to the rows of three splits, and what is kept of the way: shape, classes, scale of the channels. */
import { dataError } from '../../errors.ts';
import { few } from '../names.ts';
import { type Parts, splitRows } from '../split.ts';
import { PAPER_AUGMENTATION } from './augment.ts';
import { type ImageFile, shapeText } from './file.ts';
import { type ImageRows, imageRows } from './rows.ts';
import type { ChannelScale, ImageSet, ImageShape } from './set.ts';

/**
 * What inputs are made of pixels v of 0 to 255: `standardised` by mean and deviation of the channel in the training rows, `unit` v/255,
 * `raw` v, `imagenet` v/255 standardised by ImageNet's mean and deviation.
 */
export const PIXEL_SCALES = ['standardised', 'unit', 'raw', 'imagenet'] as const;
type PixelScale = (typeof PIXEL_SCALES)[number];

/** What the training rows taught: stored with a run and replayed on new images. */
export interface ImagePreprocessing extends ChannelScale {
  readonly kind: 'image';
  readonly task: 'classification';
  readonly shape: ImageShape;
  readonly target: { readonly name: 'class'; readonly classes: readonly string[] };
}

export interface ImageSplitOptions {
  readonly seed: number;
  /** Shares of the rows of the training file, where validation or test images are not given. */
  readonly valid: number;
  readonly test: number;
  readonly pixels: PixelScale;
}

export interface PreparedImages {
  readonly preprocessing: ImagePreprocessing;
  readonly data: Parts<ImageRows>;
  readonly notes: readonly string[];
}

/** Images of training, and of validation and test where they are files of their own. */
export interface ImageFiles {
  readonly train: ImageFile;
  readonly valid?: ImageFile | undefined;
  readonly test?: ImageFile | undefined;
}

/** Splits by seed, each class in proportion, and learns classes and scale. Throws a `DataError` where files do not fit together. */
export function prepareImages(files: ImageFiles, options: ImageSplitOptions): PreparedImages {
  const { train, valid, test } = files;
  const present = new Set(train.labels);
  const classes = train.classes.filter((_, k) => present.has(k));
  const absent = train.classes.filter((_, k) => !present.has(k));
  if (classes.length < 2)
    throw dataError(`${train.source}: expected images of different classes, got ${classes[0]} alone. Add others.`);
  const all = setOf(train, classes, train.shape);
  const shares = { valid: valid ? 0 : options.valid, test: test ? 0 : options.test };
  const index = splitRows(all.labels.length, { seed: options.seed, ...shares, classes: all.labels });
  const scale = channelScale(all, index.train, options.pixels);
  const preprocessing: ImagePreprocessing = {
    kind: 'image',
    task: 'classification',
    shape: train.shape,
    target: { name: 'class', classes },
    ...scale,
  };
  const own = { valid: valid && setOf(valid, classes, train.shape), test: test && setOf(test, classes, train.shape) };
  const part = (set: ImageSet | undefined, of: Int32Array) =>
    rowsOf(preprocessing, set ?? all, set ? Int32Array.from(set.labels.keys()) : of);
  const data = {
    train: part(undefined, index.train),
    valid: part(own.valid, index.valid),
    test: part(own.test, index.test),
  };
  const sizes = (Object.keys(data) as (keyof typeof data)[]).map((name) => `${data[name].count} ${name}`).join(', ');
  return {
    preprocessing,
    data,
    notes: [
      ...[train, valid, test].flatMap((file) => (file ? [`${file.source}: ${imagesText(file)}`, ...file.notes] : [])),
      ...(absent.length > 0 ? [`classes without an image were left out: ${few(absent)}`] : []),
      `${classes.length} classes; rows: ${sizes}`,
      ...scaleNotes(scale, options.pixels),
    ],
  };
}

export const imagesText = ({ labels, shape }: ImageFile): string => `${labels.length} images of ${shapeText(shape)}`;

/** New images as the training rows taught. Throws a `DataError` for another shape, and for a class that was not in training. */
export const replayImages = (preprocessing: ImagePreprocessing, file: ImageFile): ImageRows => {
  const set = setOf(file, preprocessing.target.classes, preprocessing.shape);
  return rowsOf(preprocessing, set, Int32Array.from(set.labels.keys()));
};

const rowsOf = ({ shift, scale, target }: ImagePreprocessing, set: ImageSet, index: Int32Array): ImageRows =>
  imageRows({ set, index, shift, scale, classes: target.classes.length, augmentation: PAPER_AUGMENTATION });

/** The images of a file with labels that are indices of `classes`. */
function setOf(file: ImageFile, classes: readonly string[], shape: ImageShape): ImageSet {
  if (file.shape.some((size, i) => size !== shape[i])) {
    throw dataError(
      `${file.source}: expected images of ${shapeText(shape)} as in training, got ${shapeText(file.shape)}. Resize them.`,
    );
  }
  const codes = file.classes.map((name) => classes.indexOf(name));
  const strange = new Set(Array.from(file.labels, (label) => (codes[label] < 0 ? file.classes[label] : '')));
  strange.delete('');
  if (strange.size > 0) {
    throw dataError(
      `${file.source}: expected images of the classes ${few(classes)}, got ${few([...strange].map(String))} too. Take them out.`,
    );
  }
  const labels = classes.length > 256 ? new Uint16Array(file.labels.length) : new Uint8Array(file.labels.length);
  for (let i = 0; i < labels.length; i++) labels[i] = codes[file.labels[i]];
  return { shape, pixels: file.pixels, labels };
}

const IMAGENET = { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] };

function channelScale(set: ImageSet, rows: Int32Array, pixels: PixelScale): ChannelScale {
  const channels = Array.from({ length: set.shape[0] }, (_, c) => c);
  const all = (shift: number, scale: number) => ({
    shift: channels.map(() => shift),
    scale: channels.map(() => scale),
  });
  if (pixels === 'raw') return all(0, 1);
  if (pixels === 'unit') return all(0, 1 / 255);
  if (pixels === 'imagenet') {
    const { mean, deviation } = IMAGENET;
    return { shift: channels.map((c) => 255 * mean[c % 3]), scale: channels.map((c) => 1 / (255 * deviation[c % 3])) };
  }
  const moments = channels.map((c) => channelMoments(set, rows, c));
  // A channel that is the same everywhere has no deviation; it becomes 0.
  return { shift: moments.map(({ mean }) => mean), scale: moments.map(({ deviation }) => 1 / (deviation || 1)) };
}

/** Mean and population deviation of a channel over rows: exact sums of integers. */
function channelMoments({ pixels, shape }: ImageSet, rows: Int32Array, channel: number) {
  const plane = shape[1] * shape[2];
  const counts = new Float64Array(256);
  for (const row of rows) {
    const from = (row * shape[0] + channel) * plane;
    for (let i = from; i < from + plane; i++) counts[pixels[i]]++;
  }
  const n = rows.length * plane;
  const mean = counts.reduce((sum, count, v) => sum + count * v, 0) / n;
  return { mean, deviation: Math.sqrt(counts.reduce((sum, count, v) => sum + count * (v - mean) ** 2, 0) / n) };
}

function scaleNotes({ shift, scale }: ChannelScale, pixels: PixelScale): string[] {
  if (pixels !== 'standardised') return [`pixels are ${pixels}`];
  const numbers = (values: readonly number[]) => values.map((v) => v.toPrecision(4)).join(', ');
  return [`pixels are standardised by channel: mean ${numbers(shift)}, deviation ${numbers(scale.map((s) => 1 / s))}`];
}

/** A tensor that a run stores. */
export interface NamedTensor {
  readonly shape: readonly number[];
  readonly data: Uint8Array | Uint16Array | Uint32Array | Int32Array;
}

const PARTS = ['train', 'valid', 'test'] as const;

/** What a run stores: the images that splits share once, under `x` and `y`; of a split with images of its own, `x.NAME` and `y.NAME`; and `row.NAME`. */
export function imageTensors(data: Parts<ImageRows>): Record<string, NamedTensor> {
  const tensors: Record<string, NamedTensor> = {};
  for (const name of PARTS) {
    const { set, index } = data[name].split;
    const suffix = set === data.train.split.set ? '' : `.${name}`;
    const count = set.labels.length;
    tensors[`x${suffix}`] = { shape: [count, ...set.shape], data: set.pixels };
    tensors[`y${suffix}`] = { shape: [count], data: set.labels };
    tensors[`row.${name}`] = { shape: [index.length], data: index };
  }
  return tensors;
}

/** The rows of what a run stored. */
export function storedImages(
  preprocessing: ImagePreprocessing,
  tensors: Readonly<Record<string, { readonly data: unknown }>>,
) {
  const sets = new Map<string, ImageSet>();
  const setAt = (suffix: string) => {
    const known = sets.get(suffix);
    if (known) return known;
    const set = {
      shape: preprocessing.shape,
      pixels: tensors[`x${suffix}`].data as Uint8Array,
      labels: tensors[`y${suffix}`].data as Uint8Array | Uint16Array,
    };
    sets.set(suffix, set);
    return set;
  };
  const rows = (name: keyof Parts<unknown>) =>
    rowsOf(preprocessing, setAt(`x.${name}` in tensors ? `.${name}` : ''), tensors[`row.${name}`].data as Int32Array);
  return { train: rows('train'), valid: rows('valid'), test: rows('test') } satisfies Parts<ImageRows>;
}
