/** Pooling over windows of `[N, C, H, W]`. */
import { shapeError } from '../errors.ts';
import { equal } from './compare.ts';
import { add, cast, div, mul, sub } from './elementwise.ts';
import { convLengths, taps } from './geometry.ts';
import { matmul } from './linear.ts';
import { reduceMean } from './reduce.ts';
import { concat, pad, reshape, strided } from './shape.ts';
import { constant, data, type Op, outputOf, showShape, single, sizeOfShape, type Tensor } from './tensor.ts';
import type { Shape } from './types.ts';

export interface PoolOptions {
  /** Height and width of the window. */
  readonly kernel: readonly number[];
  /** Default: the kernel, so that windows do not overlap. */
  readonly strides?: readonly number[];
  /** `[top, left, bottom, right]`, default 0. */
  readonly pads?: readonly number[];
}

interface Window {
  readonly kernel: Shape;
  readonly strides: Shape;
  readonly pads: Shape;
  readonly [name: string]: Shape;
}

const window = ({ kernel, strides = kernel, pads = [0, 0, 0, 0] }: PoolOptions): Window => ({ kernel, strides, pads });
const UNIT = [1, 1];

function pooled(name: string, x: Tensor, { kernel, strides, pads }: Window): number[] {
  const lengths = convLengths(x.shape.slice(2), kernel, { strides, pads, dilations: UNIT });
  if (x.shape.length !== 4 || lengths.some((n) => n < 1)) {
    throw shapeError(`${name}: expected an input [N, C, H, W] of at least one window, got ${showShape(x.shape)}.`);
  }
  return [x.shape[0], x.shape[1], ...lengths];
}

/** Whether windows tile the input, so that each number is in exactly one. */
const tiles = ({ kernel, strides, pads }: Window, from: Shape, to: Shape): boolean =>
  kernel.every((k, i) => k === strides[i] && from[2 + i] === to[2 + i] * k) && pads.every((p) => p === 0);

const poolAttributes = ({ kernel, strides, pads }: Window) => ({ kernel_shape: kernel, strides, pads });

/** The adjoint of `taps`: each tap's numbers back at their places, summed where windows overlap. */
function untap(each: readonly Tensor[], to: Shape, win: Window): Tensor {
  const [n, c, ho, wo] = each[0].shape;
  const { kernel, strides, pads } = win;
  const [kh, kw] = kernel;
  if (tiles(win, to, each[0].shape)) {
    const rows = Array.from({ length: kh }, (_, i) => {
      const columns = each.slice(i * kw, (i + 1) * kw).map((tap) => reshape(tap, [n, c, ho, 1, wo, 1]));
      return concat(columns, 5);
    });
    return reshape(concat(rows, 3), to);
  }
  const [top, left, bottom, right] = pads;
  const padded = [n, c, to[2] + top + bottom, to[3] + left + right];
  const placed = each.map((tap, t) => scatterTap(tap, padded, [Math.floor(t / kw), t % kw], strides));
  const sum = placed.reduce((total, part) => add(total, part));
  return strided(sum, [0, 0, top, left], [n, c, top + to[2], left + to[3]]);
}

/** A tap's numbers at `offset + stride·i` of zeros. */
function scatterTap(tap: Tensor, to: Shape, offset: Shape, strides: Shape): Tensor {
  const [n, c, ho, wo] = tap.shape;
  const none = [0, 0, 0, 0, 0, 0];
  const spread = reshape(pad(reshape(tap, [n, c, ho, 1, wo, 1]), none, [0, 0, 0, strides[0] - 1, 0, strides[1] - 1]), [
    n,
    c,
    ho * strides[0],
    wo * strides[1],
  ]);
  const fit = strided(
    spread,
    [0, 0, 0, 0],
    [n, c, Math.min(ho * strides[0], to[2] - offset[0]), Math.min(wo * strides[1], to[3] - offset[1])],
  );
  return pad(fit, [0, 0, ...offset], [0, 0, to[2] - offset[0] - fit.shape[2], to[3] - offset[1] - fit.shape[3]]);
}

/** dy at the largest number of each window, summed where windows share it, zeros elsewhere, from x, y and dy. */
const maxPoolGradientOp: Op = {
  name: 'maxPoolGradient',
  gradient: () => {
    throw shapeError('maxPool: expected to be differentiated once, got its gradient to differentiate.');
  },
  lower: ({ inputs: [x, y, dy], attributes }, { runtime }) => {
    const win = attributes as unknown as Window;
    return [runtime === 'webgpu' || x.dtype !== 'float32' ? byComparison(x, y, dy, win) : byPlaces(x, dy, win)];
  },
  emit: () => {
    throw new Error('maxPoolGradient: it is lowered before it is written');
  },
};

const placesOp: Op = {
  name: 'maxPlaces',
  gradient: () => [],
  emit: ({ attributes }, [x], emitter) => [
    emitter.node('MaxPool', [x], poolAttributes(attributes as unknown as Window), { outputs: 2 })[1],
  ],
};

const unpoolOp: Op = {
  name: 'unpool',
  gradient: () => [],
  emit: ({ attributes: { shape, kernel } }, [dy, places], emitter) =>
    emitter.node('MaxUnpool', [dy, places, emitter.integers(shape as Shape)], { kernel_shape: kernel }),
};

/** Numbers added up at places of zeros. The runtime does it in their order, unlike with places of several axes. */
const scatterOp: Op = {
  name: 'scatter',
  gradient: () => [],
  emit: ({ inputs: [{ dtype }], attributes: { size } }, [values, places], emitter) =>
    emitter.node('ScatterElements', [emitter.filled(0, [Number(size)], dtype), places, values], {
      axis: 0,
      reduction: 'add',
    }),
};

/** The gradient of a maximum from where it was. */
function byPlaces(x: Tensor, dy: Tensor, win: Window): Tensor {
  const { kernel, strides } = win;
  const places = single(placesOp, [x], dy.shape, { ...win }, 'int64');
  const apart = kernel.every((k, i) => k <= strides[i]);
  if (apart) return single(unpoolOp, [dy, places], x.shape, { shape: x.shape, kernel }, x.dtype);
  const flat = (t: Tensor) => reshape(t, [sizeOfShape(dy.shape)]);
  const size = sizeOfShape(x.shape);
  return reshape(single(scatterOp, [flat(dy), flat(places)], [size], { size }, x.dtype), x.shape);
}

/** The gradient of a maximum from which numbers of the windows equal it: the first of them gets it. */
function byComparison(x: Tensor, y: Tensor, dy: Tensor, win: Window): Tensor {
  const { kernel, strides, pads } = win;
  const [top, left, bottom, right] = pads;
  const wide = pad(x, [0, 0, top, left], [0, 0, bottom, right], LOWEST);
  let free: Tensor | undefined;
  const parts = taps(wide, kernel, dy.shape.slice(2), strides, UNIT).map((tap) => {
    const hit = cast(equal(tap, y), x.dtype);
    const first = free ? mul(hit, free) : hit;
    free = free ? sub(free, first) : sub(constant(1, x), first);
    return mul(first, dy);
  });
  return untap(parts, x.shape, win);
}

const maxPoolOp: Op = {
  name: 'maxPool',
  gradient: (node, [dy]) => {
    if (!dy) return [];
    const [x] = node.inputs;
    return [single(maxPoolGradientOp, [x, outputOf(node, dy.shape), dy], x.shape, node.attributes)];
  },
  emit: ({ attributes }, names, emitter) =>
    emitter.node('MaxPool', names, poolAttributes(attributes as unknown as Window)),
};

/** Below every number that a network meets, and finite. */
const LOWEST = -3e38;

/**
 * The largest number of each window. Of equal ones the first, row by row, gets the gradient. A function that never falls is
 * applied to the fewer numbers after pooling.
 */
export function maxPool(x: Tensor, options: PoolOptions): Tensor {
  const win = window(options);
  const { op, inputs, attributes } = x.node;
  if (op.increasing) {
    const [below, ...others] = inputs;
    const largest = maxPool(below, options);
    return { ...largest, node: { op, inputs: [largest, ...others], attributes }, index: 0 };
  }
  return single(maxPoolOp, [x], pooled('maxPool', x, win), { ...win });
}

/** The means of windows along one axis as a matrix `[lengths out, length in]`: row o has 1/k where window o reaches. */
function windowMeans(from: number, to: number, kernel: number, stride: number, pad: number, like: Tensor): Tensor {
  const values = new Float64Array(to * from);
  for (let o = 0; o < to; o++) {
    const start = o * stride - pad;
    values.fill(1 / kernel, o * from + Math.max(start, 0), o * from + Math.min(start + kernel, from));
  }
  return data(values, [to, from], like.dtype);
}

/** Mean pooling is a matrix along each axis, A x Bᵀ. */
function poolMatrices(x: Tensor, to: Shape, { kernel, strides, pads }: Window): Tensor[] {
  return [0, 1].map((i) => windowMeans(x.shape[2 + i], to[2 + i], kernel[i], strides[i], pads[i], x));
}

const averagePoolOp: Op = {
  name: 'averagePool',
  gradient: ({ inputs: [x], attributes }, [dy]) => {
    if (!dy) return [];
    const win = attributes as unknown as Window;
    const [rows, columns] = poolMatrices(x, dy.shape, win);
    const wide = matmul(dy, columns);
    if (!tiles(win, x.shape, dy.shape)) return [matmul(rows, wide, { transposeA: true })];
    const [n, c, ho, wo] = wide.shape;
    const row = mul(reshape(wide, [n, c, ho, 1, wo]), constant(1 / win.kernel[0], x));
    return [reshape(concat(new Array(win.kernel[0]).fill(row), 3), x.shape)];
  },
  lower: (node) => {
    const [x] = node.inputs;
    if (x.dtype !== 'float64') return;
    const win = node.attributes as unknown as Window;
    const [rows, columns] = poolMatrices(x, pooled('averagePool', x, win), win);
    return [matmul(rows, matmul(x, columns, { transposeB: true }))];
  },
  emit: ({ attributes }, names, emitter) => {
    const win = attributes as unknown as Window;
    return emitter.node('AveragePool', names, { ...poolAttributes(win), count_include_pad: 1 });
  },
};

/** The mean of each window; padding counts as zeros unless `excludePads`, which divides by what lies inside. */
export function averagePool(x: Tensor, options: PoolOptions & { readonly excludePads?: boolean }): Tensor {
  const win = window(options);
  const shape = pooled('averagePool', x, win);
  const mean = single(averagePoolOp, [x], shape, { ...win });
  if (!options.excludePads || win.pads.every((n) => n === 0)) return mean;
  return div(mean, insideShare(x, shape, win));
}

/** What share of each window lies inside the input `[1, 1, Ho, Wo]`. */
function insideShare(x: Tensor, shape: Shape, { kernel, strides, pads }: Window): Tensor {
  const along = [0, 1].map((i) =>
    Array.from({ length: shape[2 + i] }, (_, at) => {
      const from = at * strides[i] - pads[i];
      return (Math.min(from + kernel[i], x.shape[2 + i]) - Math.max(from, 0)) / kernel[i];
    }),
  );
  const values = along[0].flatMap((a) => along[1].map((b) => a * b));
  return data(values, [1, 1, shape[2], shape[3]], x.dtype);
}

/** The mean of each channel: `[N, C, H, W]` to `[N, C]`. */
export const globalAveragePool = (x: Tensor): Tensor => reduceMean(x, [2, 3]);
