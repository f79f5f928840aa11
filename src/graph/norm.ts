/** Normalisations. */
import { greater, maximum } from './compare.ts';
import { abs, add, cast, div, mul, reciprocal, sign, sqrt, square, sub } from './elementwise.ts';
import { reduceMean, reduceSum } from './reduce.ts';
import { reshape } from './shape.ts';
import { checkAxis, composite, constant, type Tensor } from './tensor.ts';

/** (x − mean)/√(variance + ε) over the axes. */
function standardise(x: Tensor, axes: readonly number[], epsilon: number): Tensor {
  return standardiser(axes, epsilon)(x);
}

const standardiser = (axes: readonly number[], epsilon: number) => {
  const parts = (x: Tensor) => {
    const centred = sub(x, reduceMean(x, axes, true));
    const inverse = reciprocal(sqrt(add(reduceMean(square(centred), axes, true), constant(epsilon, x))));
    return { centred, inverse };
  };
  return composite(
    'standardise',
    (x) => {
      const { centred, inverse } = parts(x);
      return mul(centred, inverse);
    },
    ([x], y, dy) => {
      const along = mul(y, reduceMean(mul(dy, y), axes, true));
      return [mul(sub(sub(dy, along), reduceMean(dy, axes, true)), parts(x).inverse)];
    },
  );
};

/** Layer normalisation over the last axis (Ba et al. 2016): scale `[D]`, bias `[D]` or none. */
export function layerNorm(x: Tensor, scale: Tensor, bias?: Tensor, epsilon = 1e-5): Tensor {
  const y = mul(standardise(x, [x.shape.length - 1], epsilon), scale);
  return bias ? add(y, bias) : y;
}

/** x/√(mean x² + ε) · scale over the last axis (Zhang & Sennrich 2019). */
export function rmsNorm(x: Tensor, scale: Tensor, epsilon = 1e-6): Tensor {
  const meanSquare = reduceMean(square(x), [x.shape.length - 1], true);
  return mul(div(x, sqrt(add(meanSquare, constant(epsilon, x)))), scale);
}

/** A vector over the channels of `[N, C, …]`. */
const perChannel = (v: Tensor, x: Tensor): Tensor => reshape(v, [v.shape[0], ...x.shape.slice(2).map(() => 1)]);

/** Group normalisation of `[N, C, …]` (Wu & He 2018): scale and bias `[C]`. `groups` = C is instance normalisation. */
export function groupNorm(x: Tensor, groups: number, scale: Tensor, bias: Tensor, epsilon = 1e-5): Tensor {
  const [n, c] = x.shape;
  checkAxis('groupNorm', 1, x.shape);
  const size = x.shape.slice(2).reduce((product, length) => product * length, c / groups);
  const y = reshape(standardise(reshape(x, [n, groups, size]), [2], epsilon), x.shape);
  return add(mul(y, perChannel(scale, x)), perChannel(bias, x));
}

/** Batch normalisation with frozen statistics (Ioffe & Szegedy 2015): an affine map of each channel. */
export function batchNorm(
  x: Tensor,
  { scale, bias, mean, variance }: Readonly<Record<'scale' | 'bias' | 'mean' | 'variance', Tensor>>,
  epsilon = 1e-5,
): Tensor {
  const slope = div(scale, sqrt(add(variance, constant(epsilon, x))));
  return add(mul(x, perChannel(slope, x)), perChannel(sub(bias, mul(mean, slope)), x));
}

/** Parameters of filter response normalisation: ε a scalar `[1]`, the others `[C]`. */
export type FrnParameters = Readonly<Record<'epsilon' | 'scale' | 'bias' | 'threshold', Tensor>>;

/** The factor γ/√(ν² + |ε|) of each plane `[N, C, 1, 1]`, and the root without γ. */
function frnFactors(x: Tensor, epsilon: Tensor, scale: Tensor) {
  const inverse = reciprocal(sqrt(add(reduceMean(square(x), [2, 3], true), abs(epsilon))));
  return { inverse, factor: mul(inverse, perChannel(scale, x)) };
}

const planes = (t: Tensor) => reduceSum(t, [2, 3], true);
const channels = (t: Tensor, like: Tensor) => reshape(reduceSum(t, [0]), like.shape);

const responses = composite(
  'responses',
  (x, epsilon, scale, bias) => add(mul(x, frnFactors(x, epsilon, scale).factor), perChannel(bias, x)),
  ([x, epsilon, scale], _y, dy) => {
    const { inverse, factor } = frnFactors(x, epsilon, scale);
    const along = planes(mul(dy, x));
    // d/d(ν² + |ε|) of each plane's output is −½ γ x · inverse³.
    const pull = mul(mul(along, factor), square(inverse));
    const area = constant(1 / (x.shape[2] * x.shape[3]), x);
    return [
      sub(mul(dy, factor), mul(x, mul(pull, area))),
      mul(mul(reshape(reduceSum(pull, [0, 1, 2, 3]), [1]), constant(-0.5, x)), sign(epsilon)),
      channels(mul(along, inverse), scale),
      channels(planes(dy), scale),
    ];
  },
);

const thresholded = composite(
  'thresholded',
  (x, threshold) => maximum(x, perChannel(threshold, x)),
  ([, threshold], y, dy) => {
    const passed = mul(dy, cast(greater(y, perChannel(threshold, y)), y.dtype));
    return [passed, sub(channels(planes(dy), threshold), channels(planes(passed), threshold))];
  },
  { increasing: true },
);

/**
 * Filter response normalisation with a thresholded linear unit (Singh & Krishnan 2020) of `[N, C, H, W]`:
 * max(γ x/√(ν² + |ε|) + β, τ), ν² the mean of x² over the plane. On the threshold the gradient goes to τ.
 */
export const frn = (x: Tensor, { epsilon, scale, bias, threshold }: FrnParameters): Tensor =>
  thresholded(responses(x, epsilon, scale, bias), threshold);
