/** Where the windows of convolutions and poolings lie. Layouts as in `conv`. */
import { strided } from './shape.ts';
import type { Tensor } from './tensor.ts';
import type { Shape } from './types.ts';

export interface ConvOptions {
  /** Steps between neighbouring outputs, `[h, w]`. Default 1. */
  readonly strides?: readonly number[];
  /** Zeros around the input, `[top, left, bottom, right]`. Default 0. */
  readonly pads?: readonly number[];
  /** Distance of neighbouring filter taps, `[h, w]`. Default 1. */
  readonly dilations?: readonly number[];
  /** Channels are cut into this many groups, each with filters of its own. Default 1. */
  readonly groups?: number;
}

/** The same, every number given. */
export interface Geometry {
  readonly strides: readonly number[];
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
  readonly groups: number;
  readonly [name: string]: number | readonly number[];
}

/** Where windows lie. */
export type Windows = Pick<Geometry, 'strides' | 'pads' | 'dilations'>;

/** The options with their defaults. */
export const geometry = ({
  strides = [1, 1],
  pads = [0, 0, 0, 0],
  dilations = [1, 1],
  groups = 1,
}: ConvOptions): Geometry => ({
  strides,
  pads,
  dilations,
  groups,
});

/** Spatial lengths after a convolution or pooling. */
export const convLengths = (lengths: Shape, kernel: Shape, { strides, pads, dilations }: Windows) =>
  lengths.map((n, i) => {
    const reach = dilations[i] * (kernel[i] - 1) + 1;
    return Math.floor((n + pads[i] + pads[i + 2] - reach) / strides[i]) + 1;
  });

/**
 * The inputs that each filter tap meets: for each of the kh·kw taps, row by row, a tensor `[N, C, Ho, Wo]`. `x` is
 * padded already.
 */
export function taps(x: Tensor, kernel: Shape, lengths: Shape, strides: Shape, dilations: Shape): Tensor[] {
  const [n, c] = x.shape;
  const [ho, wo] = lengths;
  return Array.from({ length: kernel[0] * kernel[1] }, (_, tap) => {
    const top = Math.floor(tap / kernel[1]) * dilations[0];
    const left = (tap % kernel[1]) * dilations[1];
    const ends = [n, c, top + (ho - 1) * strides[0] + 1, left + (wo - 1) * strides[1] + 1];
    return strided(x, [0, 0, top, left], ends, [1, 1, ...strides]);
  });
}

/** Rows and columns at the far end of the result that no window of the convolution reached. */
export function excess(from: Shape, kernel: Shape, to: Shape, { strides, pads, dilations }: Windows): number[] {
  return to.map((n, i) => {
    const reached = (from[i] - 1) * strides[i] + dilations[i] * (kernel[i] - 1) + 1;
    return n + pads[i] + pads[i + 2] - reached;
  });
}
