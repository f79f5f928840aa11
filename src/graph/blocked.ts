/**
 * The layout of the runtime's fastest convolutions: `[N, C/b, H, W, b]`, b channels side by side. Graphs come to it when they
 * are written for a processor that has it; nothing here is differentiated.
 */
import { shapeError } from '../errors.ts';
import type { Windows } from './geometry.ts';
import { type Op, single, type Tensor } from './tensor.ts';
import type { Emitter, Shape } from './types.ts';

/** ONNX Runtime's operators over blocks of channels. They name shapes without the blocks. */
export const BLOCKED = { domain: 'com.microsoft.nchwc' } as const;

const written = (name: string) => () => {
  throw shapeError(`${name}: expected to be differentiated before it is written, got its result to differentiate.`);
};

const reshaped = (emitter: Emitter, x: string, shape: Shape): string =>
  emitter.node('Reshape', [x, emitter.integers(shape)])[0];

const withoutBlocks = ([n, blocks, h, w, size]: Shape): Shape => [n, blocks * size, h, w];

const blockOp: Op = {
  name: 'block',
  gradient: written('block'),
  emit: ({ attributes }, names, emitter) => [
    reshaped(emitter, emitter.node('ReorderInput', names, {}, BLOCKED)[0], attributes.shape as Shape),
  ],
};

/** `[N, C, H, W]` as `[N, C/b, H, W, b]`. */
export function block(x: Tensor, size: number): Tensor {
  const [n, c, h, w] = x.shape;
  const shape = [n, c / size, h, w, size];
  return single(blockOp, [x], shape, { shape });
}

const unblockOp: Op = {
  name: 'unblock',
  gradient: written('unblock'),
  emit: ({ inputs: [{ shape }] }, [x], emitter) => {
    const [, channels] = withoutBlocks(shape);
    return emitter.node('ReorderOutput', [reshaped(emitter, x, withoutBlocks(shape))], { channels }, BLOCKED);
  },
};

/** `[N, C/b, H, W, b]` as `[N, C, H, W]`. */
export const unblock = (x: Tensor): Tensor => single(unblockOp, [x], withoutBlocks(x.shape));

const convOp: Op = {
  name: 'blockedConv',
  gradient: written('blockedConv'),
  emit: ({ inputs: [{ shape: from }], attributes }, [x, w, ...bias], emitter) => {
    const { shape, filter, group, ...options } = attributes;
    const inputs = [reshaped(emitter, x, withoutBlocks(from)), reshaped(emitter, w, filter as Shape), ...bias];
    const kernel_shape = (filter as Shape).slice(2);
    const [y] = emitter.node('Conv', inputs, { ...options, group, kernel_shape }, BLOCKED);
    return [reshaped(emitter, y, shape as Shape)];
  },
};

/**
 * A convolution to spatial `lengths`, all of it blocked: `x` `[N, C/b, H, W, b]`, filters `[O/b, C/b, kh, kw, b of C, b of O]`;
 * or one filter for each channel, `[C/b, kh, kw, b]`.
 */
export function convolved(
  x: Tensor,
  filters: Tensor,
  lengths: Shape,
  { strides, pads, dilations }: Windows,
  bias: readonly Tensor[] = [],
): Tensor {
  const size = x.shape[4];
  const [o, ...rest] = filters.shape;
  const each = rest.length === 3;
  const [inputs, kh, kw] = each ? [1, ...rest] : [rest[0] * size, rest[1], rest[2]];
  const shape = [x.shape[0], o, ...lengths, size];
  const filter = [o * size, inputs, kh, kw];
  return single(convOp, [x, filters, ...bias], shape, {
    strides,
    pads,
    dilations,
    shape,
    filter,
    group: each ? o * size : 1,
  });
}
