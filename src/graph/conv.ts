/** Convolutions in one and two dimensions. Layouts: inputs `[N, C, H, W]`, filters `[O, C/groups, kh, kw]`. */
import { shapeError } from '../errors.ts';
import { blockedConv, blockedConvTranspose, suitsBlocks } from './blocked-conv.ts';
import { blockedFilterGradient, FEW_CHANNELS, gradientSuitsBlocks } from './blocked-filter.ts';
import { add } from './elementwise.ts';
import { type ConvOptions, convLengths, excess, type Geometry, geometry, taps } from './geometry.ts';
import { matmul } from './linear.ts';
import { reduceSum } from './reduce.ts';
import { concat, dilate, pad, reshape, reverse, strided, transpose } from './shape.ts';
import { convByPairs, convTransposeByPairs, filterGradientByPairs, type Pairs, pairsOf } from './small-plane.ts';
import { type Op, showShape, single, type Tensor } from './tensor.ts';
import type { Shape, Target } from './types.ts';

const spatialPad = (x: Tensor, [top, left, bottom, right]: Shape, value = 0) =>
  pad(x, [0, 0, top, left], [0, 0, bottom, right], value);

/** What each tap meets `[groups, C/groups, N·Ho·Wo]`, with the batch in the columns, so that one product serves it whole. */
function patches(x: Tensor, kernel: Shape, lengths: Shape, { strides, pads, dilations, groups }: Geometry): Tensor[] {
  const [n, c] = x.shape;
  const padded = turned(spatialPad(x, pads));
  const columns = n * lengths[0] * lengths[1];
  return taps(padded, kernel, lengths, strides, dilations).map((tap) => reshape(tap, [groups, c / groups, columns]));
}

/** Channels before rows. */
const turned = (x: Tensor): Tensor => transpose(x, [1, 0, 2, 3]);

/**
 * The gradient of a convolution with respect to its filters: in the runtime's blocked layout where that suits; else the
 * inputs, channel by channel, convolved with the slopes as filters, strides and dilations exchanged; for many channels a
 * product with the patches of each tap.
 */
const filterGradientOp: Op = {
  name: 'filterGradient',
  gradient: ({ inputs: [x, dy], attributes }, [upstream]) => {
    if (!upstream) return [];
    const options = attributes as unknown as Geometry;
    return [convTransposeTo(dy, upstream, x.shape.slice(2), options), conv(x, upstream, options)];
  },
  lower: ({ inputs: [x, dy], attributes }, target) => {
    const { blocks } = target;
    const options = attributes as unknown as Geometry;
    const filter = attributes.filter as Shape;
    const pairs = pairsFor(target, x, dy.shape, filter, options);
    if (pairs) return [filterGradientByPairs(x, dy, filter, pairs)];
    if (blocks && x.dtype === 'float32' && gradientSuitsBlocks(filter, x.shape[0], options, blocks)) {
      return [blockedFilterGradient(x, dy, filter, options, blocks)];
    }
    const { groups, strides, pads, dilations } = options;
    const [o, c, kh, kw] = filter;
    const lengths = dy.shape.slice(2);
    if (groups === 1 && c <= FEW_CHANNELS) {
      const all = conv(turned(x), turned(dy), { strides: dilations, dilations: strides, pads });
      return [turned(strided(all, [0, 0, 0, 0], [c, o, kh, kw]))];
    }
    const rows = reshape(turned(dy), [groups, o / groups, dy.shape[0] * lengths[0] * lengths[1]]);
    const each = patches(x, [kh, kw], lengths, options).map((tap) => matmul(rows, tap, { transposeB: true }));
    return [transpose(reshape(concat(each, 2), [o, kh, kw, c]), [0, 3, 1, 2])];
  },
  emit: () => {
    throw new Error('filterGradient: it is lowered before it is written');
  },
};

/** The pairs of places through which a convolution of `x` to `[N, O, Ho, Wo]` is best written, where it is. */
const pairsFor = (
  { runtime }: Target,
  { shape: from, dtype }: Pick<Tensor, 'shape' | 'dtype'>,
  to: Shape,
  filter: Shape,
  options: Geometry,
): Pairs | undefined =>
  runtime === 'cpu' && dtype === 'float32'
    ? pairsOf(from[0], from.slice(2), to.slice(2), filter.slice(2), options)
    : undefined;

const filterGradient = (x: Tensor, dy: Tensor, filter: Shape, options: Geometry): Tensor =>
  single(filterGradientOp, [x, dy], filter, { ...options, filter });

const convOp: Op = {
  name: 'conv',
  gradient: ({ inputs: [x, w, bias], attributes }, [dy]) => {
    if (!dy) return [];
    const options = attributes as unknown as Geometry;
    const dx = convTransposeTo(dy, w, x.shape.slice(2), options);
    return [dx, filterGradient(x, dy, w.shape, options), ...(bias ? [reduceSum(reduceSum(dy, [2, 3]), [0])] : [])];
  },
  lower: ({ inputs, attributes }, target) => {
    const { blocks } = target;
    const [x, w, bias] = inputs;
    const options = attributes as unknown as Geometry;
    const [o, c, ...kernel] = w.shape;
    const lengths = convLengths(x.shape.slice(2), kernel, options);
    const pairs = pairsFor(target, x, [x.shape[0], o, ...lengths], w.shape, options);
    if (pairs) {
      const y = convByPairs(x, w, lengths, pairs);
      return [bias ? add(y, reshape(bias, [o, 1, 1])) : y];
    }
    if (x.dtype !== 'float64') {
      return blocks && suitsBlocks(w.shape, options, blocks)
        ? [blockedConv(inputs, lengths, options, blocks)]
        : undefined;
    }
    const columns = concat(patches(x, kernel, lengths, options), 1);
    const rows = reshape(transpose(w, [0, 2, 3, 1]), [options.groups, o / options.groups, kernel[0] * kernel[1] * c]);
    const y = transpose(reshape(matmul(rows, columns), [o, x.shape[0], ...lengths]), [1, 0, 2, 3]);
    return [bias ? add(y, reshape(bias, [o, 1, 1])) : y];
  },
  emit: ({ inputs: [, w], attributes }, names, emitter) => {
    const { strides, pads, dilations, groups } = attributes as unknown as Geometry;
    return emitter.node('Conv', names, { strides, pads, dilations, group: groups, kernel_shape: w.shape.slice(2) });
  },
};

/**
 * Σ over a window of x times filter (cross-correlation, as in every deep-learning framework), plus a bias `[O]` where
 * there is one: `[N, O, Ho, Wo]`.
 */
export function conv(
  x: Tensor,
  w: Tensor,
  { bias, ...options }: ConvOptions & { readonly bias?: Tensor } = {},
): Tensor {
  const full = geometry(options);
  const [n, c, ...spatial] = x.shape;
  const [o, perGroup, ...kernel] = w.shape;
  const lengths = convLengths(spatial, kernel, full);
  if (
    x.shape.length !== 4 ||
    w.shape.length !== 4 ||
    c !== perGroup * full.groups ||
    o % full.groups !== 0 ||
    lengths.some((length) => length < 1)
  ) {
    throw shapeError(
      `conv: expected an input [N, C, H, W] and filters [O, C/${full.groups}, kh, kw] that fit in it, got ` +
        `${showShape(x.shape)} and ${showShape(w.shape)}. Check channels, groups and padding.`,
    );
  }
  return single(convOp, bias ? [x, w, bias] : [x, w], [n, o, ...lengths], { ...full });
}

const convTransposeOp: Op = {
  name: 'convTranspose',
  gradient: ({ inputs: [x, w], attributes }, [dy]) => {
    if (!dy) return [];
    const options = attributes as unknown as Geometry;
    return [conv(dy, w, options), filterGradient(dy, x, w.shape, options)];
  },
  lower: ({ inputs: [x, w], attributes }, target) => {
    const { blocks } = target;
    const options = attributes as unknown as Geometry & { readonly lengths: Shape };
    if (x.dtype === 'float64') return [asConv(x, w, options)];
    const pairs = pairsFor(
      target,
      { ...x, shape: [x.shape[0], w.shape[1], ...options.lengths] },
      x.shape,
      w.shape,
      options,
    );
    if (pairs) return [convTransposeByPairs(x, w, options.lengths, pairs)];
    const quick = blocks && suitsBlocks(w.shape, options, blocks);
    const y = quick ? blockedConvTranspose(x, w, options.lengths, options, blocks) : undefined;
    return y && [y];
  },
  emit: ({ inputs: [x, w], attributes }, names, emitter) => {
    const { strides, pads, dilations, groups, lengths } = attributes as unknown as Geometry & { lengths: Shape };
    const output_padding = excess(x.shape.slice(2), w.shape.slice(2), lengths, { strides, pads, dilations });
    const shape = { strides, pads, dilations, group: groups, kernel_shape: w.shape.slice(2), output_padding };
    return emitter.node('ConvTranspose', names, shape);
  },
};

/** The transposed convolution as a convolution of the spread input with the filters turned about. */
function asConv(x: Tensor, w: Tensor, options: Geometry & { readonly lengths: Shape }): Tensor {
  const { groups, strides, dilations, pads, lengths } = options;
  const [o, c, ...kernel] = w.shape;
  const grouped = reshape(w, [groups, o / groups, c, ...kernel]);
  const filters = reshape(transpose(reverse(grouped, [3, 4]), [0, 2, 1, 3, 4]), [groups * c, o / groups, ...kernel]);
  const over = excess(x.shape.slice(2), kernel, lengths, options);
  const reach = kernel.map((k, i) => dilations[i] * (k - 1));
  const around = [0, 1].map((i) => reach[i] - pads[i]);
  const after = [0, 1].map((i) => reach[i] - pads[i + 2] + over[i]);
  const spread = strides.reduce((sum: Tensor, step, i) => dilate(sum, 2 + i, step), x);
  const outer = [...around, ...after];
  const cut = crop(
    spread,
    outer.map((n) => Math.max(-n, 0)),
  );
  return conv(cut, filters, { pads: outer.map((n) => Math.max(n, 0)), dilations, groups });
}

function crop(x: Tensor, [top, left, bottom, right]: Shape): Tensor {
  const [n, c, h, w] = x.shape;
  return strided(x, [0, 0, top, left], [n, c, h - bottom, w - right]);
}

/** The adjoint of `conv` with these options, to inputs of the given height and width. */
function convTransposeTo(x: Tensor, w: Tensor, lengths: Shape, options: Geometry): Tensor {
  const shape = [x.shape[0], w.shape[1] * options.groups, ...lengths];
  return single(convTransposeOp, [x, w], shape, { ...options, lengths });
}

/**
 * Transposed convolution, the adjoint of `conv`: `x` `[N, O, H, W]` and filters `[O, C/groups, kh, kw]` to
 * `[N, C, H', W']` with H' = (H−1)·stride + dilation·(kh−1) + 1 − pads + outputPadding.
 */
export function convTranspose(
  x: Tensor,
  w: Tensor,
  options: ConvOptions & { readonly outputPadding?: readonly number[] } = {},
): Tensor {
  const full = geometry(options);
  const { outputPadding = [0, 0] } = options;
  const { strides, dilations, pads } = full;
  if (x.shape.length !== 4 || w.shape.length !== 4 || x.shape[1] !== w.shape[0]) {
    throw shapeError(
      `convTranspose: expected an input [N, O, H, W] and filters [O, C, kh, kw], got ${showShape(x.shape)} and ` +
        `${showShape(w.shape)}.`,
    );
  }
  const lengths = x.shape.slice(2).map((n, i) => {
    const whole = (n - 1) * strides[i] + dilations[i] * (w.shape[i + 2] - 1) + 1;
    return whole - pads[i] - pads[i + 2] + outputPadding[i];
  });
  return convTransposeTo(x, w, lengths, full);
}

/** `conv` along one axis: `x` `[N, C, W]`, filters `[O, C/groups, k]`; pads `[left, right]`, strides and dilations `[w]`. */
export function conv1d(
  x: Tensor,
  w: Tensor,
  {
    strides: [stride] = [1],
    pads: [left, right] = [0, 0],
    dilations: [dilation] = [1],
    ...rest
  }: Parameters<typeof conv>[2] = {},
): Tensor {
  const flat = (t: Tensor) => reshape(t, [t.shape[0], t.shape[1], 1, t.shape[2]]);
  const y = conv(flat(x), flat(w), {
    strides: [1, stride],
    pads: [0, left, 0, right],
    dilations: [1, dilation],
    ...rest,
  });
  return reshape(y, [y.shape[0], y.shape[1], y.shape[3]]);
}
