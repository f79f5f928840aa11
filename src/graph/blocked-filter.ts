/** Gradients to the filters of convolutions, in blocks of examples. */
import { block, convolved, unblock } from './blocked.ts';
import { gather } from './gather.ts';
import type { Geometry } from './geometry.ts';
import { reduceSum } from './reduce.ts';
import { concat, pad, reshape, split, strided, transpose } from './shape.ts';
import { data, type Tensor } from './tensor.ts';
import type { Shape } from './types.ts';

/** How many examples more would fill the last block. */
const missing = (examples: number, size: number) => (size - (examples % size)) % size;

/** Most examples that are added to fill a block, as a share of all. */
const MOST_ADDED = 0.25;

/**
 * Input channels up to which filters whose outputs do not fill blocks gain by a convolution for each output; with more, a
 * product with patches wins.
 */
export const FEW_CHANNELS = 8;

/** Whether the gradient to filters gains: the examples fill blocks, nearly, and so do the outputs, or there are few inputs. */
export function gradientSuitsBlocks(
  [o, c, kh, kw]: Shape,
  examples: number,
  { groups, dilations }: Geometry,
  size: number,
): boolean {
  const filled = missing(examples, size) <= MOST_ADDED * examples && (o % size === 0 || c <= FEW_CHANNELS);
  return groups === 1 && filled && kh * kw > 1 && dilations.every((d) => d === 1);
}

/** The gradient to filters `[O, C, kh, kw]` as convolutions in which examples stand where channels do. */
export function blockedFilterGradient(x: Tensor, dy: Tensor, filter: Shape, options: Geometry, size: number): Tensor {
  const added = missing(x.shape[0], size);
  const [images, slopes] = [x, dy].map((t) => pad(t, [0, 0, 0, 0], [added, 0, 0, 0]));
  return (filter[0] % size === 0 ? allAtOnce : outputByOutput)(images, slopes, filter, options, size);
}

/** `[N, C, H, W]` as `[N/b, C, H, W, b]`. */
function byExample(x: Tensor, size: number): Tensor {
  const [n, c, h, w] = x.shape;
  return reshape(block(reshape(x, [1, n, c * h, w]), size), [n / size, c, h, w, size]);
}

/** Rows or columns that a window of `wo` slopes, `step` apart, can start at. */
const starts = (length: number, slopes: number, step: number) => length - (slopes - 1) * step;

const NO_PADS = [0, 0, 0, 0];

/** Bytes of filters that a processor keeps at hand while it goes over an image: half of a usual second-level cache. */
const AT_HAND = 2 ** 19;
/** Blocks of outputs that the runtime's kernel makes at once. */
const BLOCKS_AT_ONCE = 4;

/** Rows of slopes that go into one band: as many as divide all, and stay at hand as the filters that they become. */
function bandRows(ho: number, wo: number, size: number): number {
  const most = AT_HAND / (4 * BLOCKS_AT_ONCE * size * size * wo);
  const fitting = Array.from({ length: ho }, (_, i) => i + 1).filter((rows) => ho % rows === 0 && rows <= most);
  return fitting.at(-1) ?? 1;
}

/** Bands of rows of `[n, H, …]`, one for each that slopes are cut into, with the rows that they share: `[n, bands, reach, …]`. */
function banded(x: Tensor, bands: number, high: number, reach: number): Tensor {
  if (bands === 1) return x;
  const rows = Array.from({ length: bands * reach }, (_, i) => Math.floor(i / reach) * high + (i % reach));
  return gather(x, data(rows, [bands, reach], 'int64'), 1);
}

/**
 * The channels lie between the columns of one long image, whose columns the taps step over: the slopes are its filters, in
 * bands of rows beside the examples.
 */
function allAtOnce(x: Tensor, dy: Tensor, [o, c, kh, kw]: Shape, { strides, pads }: Geometry, size: number): Tensor {
  const [n, , h, w] = x.shape;
  const [ho, wo] = dy.shape.slice(2);
  const between = transpose(reshape(byExample(x, size), [n / size, c, h * w, size]), [0, 2, 1, 3]);
  const [top, left, bottom, right] = pads;
  const padded = pad(reshape(between, [n / size, h, w, c * size]), [0, top, left, 0], [0, bottom, right, 0]);
  const [, height, width] = padded.shape;
  const [rows, columns] = [starts(height, ho, strides[0]), starts(width, wo, strides[1])];
  const high = bandRows(ho, wo, size);
  const bands = ho / high;
  const reach = (high - 1) * strides[0] + rows;
  const long = reshape(padded, [n / size, height, width * c * size]);
  const image = reshape(banded(long, bands, high * strides[0], reach), [1, (n / size) * bands, reach, width * c, size]);
  const outputs = reshape(block(dy, size), [n / size, size, o / size, ho * wo, size]);
  const filters = reshape(transpose(outputs, [2, 0, 3, 1, 4]), [o / size, (n / size) * bands, high, wo, size, size]);
  const windows = { strides: [1, 1], pads: NO_PADS, dilations: [strides[0], strides[1] * c] };
  const all = unblock(convolved(image, filters, [rows, columns * c], windows));
  return transpose(strided(reshape(all, [o, rows, columns, c]), [0, 0, 0, 0], [o, kh, kw, c]), [0, 3, 1, 2]);
}

/** Each example's image meets its own slopes, for one output after the other; then the examples are summed. */
function outputByOutput(x: Tensor, dy: Tensor, [o, c, kh, kw]: Shape, options: Geometry, size: number): Tensor {
  const { strides, pads } = options;
  const [ho, wo] = dy.shape.slice(2);
  const [top, left, bottom, right] = pads;
  const channels = transpose(byExample(x, size), [1, 0, 2, 3, 4]);
  const images = pad(channels, [0, 0, top, left, 0], [0, 0, bottom, right, 0]);
  const [, blocks, height, width] = images.shape;
  const lengths = [starts(height, ho, strides[0]), starts(width, wo, strides[1])];
  const windows = { strides: [1, 1], pads: NO_PADS, dilations: strides };
  const each = split(byExample(dy, size), 1, new Array(o).fill(1)).map((slopes) => {
    const taps = convolved(images, reshape(slopes, [blocks, ho, wo, size]), lengths, windows);
    return reshape(reduceSum(taps, [1, 4]), [1, c, ...lengths]);
  });
  return strided(concat(each, 0), [0, 0, 0, 0], [o, c, kh, kw]);
}
