/**
 * Convolutions over planes so small that every place of the input meets every place of the output, as in the last layers of
 * networks of images: a product for each pair of places, with the tap between them.
 */
import type { Geometry } from './geometry.ts';
import { matmul } from './linear.ts';
import { reduceSum } from './reduce.ts';
import { reshape, transpose } from './shape.ts';
import { data, sizeOfShape, type Tensor } from './tensor.ts';
import type { Shape } from './types.ts';

/** Examples below which copying taps for the pairs takes more than the products bring. */
const FEWEST_EXAMPLES = 16;

/** The tap of each pair: outputs, then inputs. */
export type Pairs = readonly (readonly number[])[];

/**
 * The pairs of a convolution from a plane to another; undefined where some pair meets no tap, or where there are no fewer
 * inputs than taps, so that pairs would be no fewer products.
 */
export function pairsOf(
  examples: number,
  from: Shape,
  to: Shape,
  [kh, kw]: Shape,
  { strides, pads, dilations, groups }: Geometry,
): Pairs | undefined {
  if (groups > 1 || examples < FEWEST_EXAMPLES || sizeOfShape(from) >= kh * kw) return;
  const tapAlong = (output: number, input: number, axis: number, taps: number) => {
    const tap = (input + pads[axis] - output * strides[axis]) / dilations[axis];
    return Number.isInteger(tap) && tap >= 0 && tap < taps ? tap : Number.NaN;
  };
  const places = ([h, w]: Shape) => Array.from({ length: h * w }, (_, i) => [Math.floor(i / w), i % w]);
  const pairs = places(to).map(([oy, ox]) =>
    places(from).map(([iy, ix]) => tapAlong(oy, iy, 0, kh) * kw + tapAlong(ox, ix, 1, kw)),
  );
  return pairs.flat().some(Number.isNaN) ? undefined : pairs;
}

/** `[a, b, …plane]` as `[places, a, b]`, and back. */
const placesFirst = (x: Tensor): Tensor => {
  const [n, c, ...rest] = x.shape;
  return reshape(transpose(reshape(x, [n * c, sizeOfShape(rest)]), [1, 0]), [sizeOfShape(rest), n, c]);
};
const placesLast = (x: Tensor, plane: Shape): Tensor => {
  const [places, n, c] = x.shape;
  return reshape(transpose(reshape(x, [places, n * c]), [1, 0]), [n, c, ...plane]);
};

/** Which tap each pair has: 1 in its column of `[outputs · inputs, taps]`. */
function tapsOf(pairs: Pairs, taps: number, like: Tensor): Tensor {
  const hot = pairs.flat().flatMap((of) => Array.from({ length: taps }, (_, tap) => Number(tap === of)));
  return data(hot, [hot.length / taps, taps], like.dtype);
}

/** The tap of each pair `[outputs, inputs, O, C]`: a product, faster than transposing filters and copying taps. */
function between(w: Tensor, pairs: Pairs): Tensor {
  const [o, c, kh, kw] = w.shape;
  const each = matmul(tapsOf(pairs, kh * kw, w), reshape(w, [o * c, kh * kw]), { transposeB: true });
  return reshape(each, [pairs.length, pairs[0].length, o, c]);
}

/** Outputs `[N, O, h, w]` as `[outputs, 1, N, O]`, to meet every input. */
const asOutputs = (y: Tensor): Tensor => {
  const first = placesFirst(y);
  return reshape(first, first.shape.toSpliced(1, 0, 1));
};

/** `conv` without bias, to a plane of these lengths. */
export const convByPairs = (x: Tensor, w: Tensor, lengths: Shape, pairs: Pairs): Tensor =>
  placesLast(reduceSum(matmul(placesFirst(x), between(w, pairs), { transposeB: true }), [1]), lengths);

/** Its adjoint. */
export const convTransposeByPairs = (y: Tensor, w: Tensor, lengths: Shape, pairs: Pairs): Tensor =>
  placesLast(reduceSum(matmul(asOutputs(y), between(w, pairs)), [0]), lengths);

/** The gradient to its filters. */
export function filterGradientByPairs(x: Tensor, dy: Tensor, [o, c, kh, kw]: Shape, pairs: Pairs): Tensor {
  const slopes = reshape(matmul(asOutputs(dy), placesFirst(x), { transposeA: true }), [pairs.flat().length, o * c]);
  return reshape(matmul(slopes, tapsOf(pairs, kh * kw, x), { transposeA: true }), [o, c, kh, kw]);
}
