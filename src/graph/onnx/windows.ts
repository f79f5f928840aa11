/** ONNX operators over windows: convolutions and pooling. */

import { conv, conv1d, convTranspose } from '../conv.ts';
import { add } from '../elementwise.ts';
import type { ConvOptions } from '../geometry.ts';
import { averagePool, maxPool } from '../pool.ts';
import { reshape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import type { Shape } from '../types.ts';
import type { Call, Translate } from './call.ts';

/** Zeros around, `[top, left, bottom, right]` or `[left, right]`, from `pads` or `auto_pad`. */
function padding(call: Call, lengths: Shape, kernel: Shape, strides: Shape, dilations: Shape): readonly number[] {
  const auto = call.text('auto_pad', 'NOTSET');
  if (auto === 'VALID') return new Array(2 * lengths.length).fill(0);
  if (auto === 'NOTSET') return call.ints('pads') ?? new Array(2 * lengths.length).fill(0);
  const total = lengths.map((n, i) => {
    const reach = dilations[i] * (kernel[i] - 1) + 1;
    return Math.max((Math.ceil(n / strides[i]) - 1) * strides[i] + reach - n, 0);
  });
  const near = total.map((n) => (auto === 'SAME_LOWER' ? Math.ceil(n / 2) : Math.floor(n / 2)));
  return [...near, ...total.map((n, i) => n - near[i])];
}

function convOptions(call: Call, x: Tensor, w: Tensor): Required<ConvOptions> {
  const rank = x.shape.length - 2;
  if (rank < 1 || rank > 2) call.fail(`it has ${rank} spatial axes; one and two are supported`);
  const unit = new Array(rank).fill(1);
  const strides = call.ints('strides') ?? unit;
  const dilations = call.ints('dilations') ?? unit;
  const pads = padding(call, x.shape.slice(2), w.shape.slice(2), strides, dilations);
  return { strides, dilations, pads, groups: call.int('group', 1) };
}

/** Calls a function of images with a series given as an image of height one. */
function asImage(x: Tensor, f: (x: Tensor) => Tensor): Tensor {
  if (x.shape.length === 4) return f(x);
  const y = f(reshape(x, [x.shape[0], x.shape[1], 1, x.shape[2]]));
  return reshape(y, [y.shape[0], y.shape[1], y.shape[3]]);
}

function pooling(call: Call, pool: (x: Tensor, options: Parameters<typeof averagePool>[1]) => Tensor): Tensor {
  const x = call.inputs[0]!;
  const kernel = call.ints('kernel_shape')!;
  if (kernel.length > 2) call.fail(`it has ${kernel.length} spatial axes; one and two are supported`);
  if (call.int('ceil_mode', 0)) call.fail('ceil_mode is not supported');
  if (call.ints('dilations')?.some((n) => n !== 1)) call.fail('dilated pooling is not supported');
  if (call.outputs > 1) call.fail('its second output, the places of the maxima, is not supported');
  const strides = call.ints('strides') ?? kernel.map(() => 1);
  const pads = padding(
    call,
    x.shape.slice(2),
    kernel,
    strides,
    kernel.map(() => 1),
  );
  const wide = (v: Shape, fill: number) => (v.length === 1 ? [fill, v[0]] : v);
  const around = pads.length === 2 ? [0, pads[0], 0, pads[1]] : pads;
  const excludePads = call.int('count_include_pad', 0) === 0;
  return asImage(x, (image) =>
    pool(image, { kernel: wide(kernel, 1), strides: wide(strides, 1), pads: around, excludePads }),
  );
}

/** The translations, by operator. */
export const WINDOWS: Readonly<Record<string, Translate>> = {
  Conv: (call) => {
    const [x, w, bias] = call.inputs;
    const f = x!.shape.length === 3 ? conv1d : conv;
    return f(x!, w!, { ...convOptions(call, x!, w!), ...(bias && { bias }) });
  },
  ConvTranspose: (call) => {
    const [x, w, bias] = call.inputs;
    if (x!.shape.length !== 4) call.fail('only two spatial axes are supported');
    if (call.ints('output_shape') || call.text('auto_pad', 'NOTSET') !== 'NOTSET')
      call.fail('output_shape and auto_pad are not supported; give pads and output_padding');
    const outputPadding = call.ints('output_padding') ?? [0, 0];
    const y = convTranspose(x!, w!, { ...convOptions(call, x!, w!), outputPadding });
    return bias ? add(y, reshape(bias, [bias.shape[0], 1, 1])) : y;
  },
  MaxPool: (call) => pooling(call, maxPool),
  AveragePool: (call) => pooling(call, averagePool),
};
