/** LeNet (LeCun et al. 1998) as the paper uses it: GELU, average pooling; 61,706 parameters on 28×28 with 10 classes. */
import { averagePool, gelu, reshape, type Tensor, transpose } from '../graph/index.ts';
import { convolution, dense, sequence } from './layers.ts';
import { eachChain, type Model } from './model.ts';

export interface ImageOptions {
  /** `[channels, height, width]`. */
  readonly input: readonly [number, number, number];
  readonly classes: number;
}

const halve = (x: Tensor) => averagePool(x, { kernel: [2, 2] });
const flatten = (x: Tensor) => reshape(x, [x.shape[0], x.shape.slice(1).reduce((product, n) => product * n, 1)]);

/** Rows `[B, features]` as images `[B, C, H, W]`. */
export const asImages = (x: Tensor, input: readonly number[]): Tensor => reshape(x, [x.shape[0], ...input]);
/** Outputs `[B, K]` as the likelihood takes them, `[K, B]`. */
export const classesFirst = (y: Tensor): Tensor => transpose(y, [1, 0]);

export function lenet({ input, classes }: ImageOptions): Model {
  const [channels, height, width] = input;
  const flat = 16 * (Math.floor(height / 2 - 4) >> 1) * (Math.floor(width / 2 - 4) >> 1);
  const net = sequence(
    convolution('conv1', channels, 6, { kernel: 5 }),
    gelu,
    halve,
    convolution('conv2', 6, 16, { kernel: 5, padding: 'valid' }),
    gelu,
    halve,
    flatten,
    dense('dense1', flat, 120),
    gelu,
    dense('dense2', 120, 84),
    gelu,
    dense('dense3', 84, classes),
  );
  return {
    name: 'lenet',
    parameters: net.parameters,
    forward: eachChain((named, x) => classesFirst(net.apply(named, asImages(x, input)))),
  };
}
