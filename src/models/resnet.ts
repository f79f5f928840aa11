/** Residual networks (He et al. 2016) with filter response normalisation instead of batch statistics. */
import { add, globalAveragePool, maxPool, type Tensor } from '../graph/index.ts';
import { convolution, dense, filterResponse, type Layer, samePads, sequence } from './layers.ts';
import { asImages, classesFirst, type ImageOptions } from './lenet.ts';
import { eachChain, type Model } from './model.ts';

const halve = (x: Tensor) => maxPool(x, { kernel: [2, 2] });

const unit = (name: string, channels: number, filters: number): Layer =>
  sequence(convolution(name, channels, filters, { kernel: 3 }), filterResponse(`${name}.frn`, filters));

/** The paper's small residual network of six convolutions: 428,272 parameters on 3×32×32 with 10 classes. */
export function resnet7({ input, classes }: ImageOptions): Model {
  const body = sequence(
    unit('conv1', input[0], 32),
    unit('conv2', 32, 64),
    halve,
    unit('conv3', 64, 64),
    unit('conv4', 64, 128),
    halve,
    unit('conv5', 128, 128),
    halve,
  );
  const last = unit('conv6', 128, 128);
  const head = dense('dense', 128, classes);
  return {
    name: 'resnet-7',
    parameters: [...body.parameters, ...last.parameters, ...head.parameters],
    forward: eachChain((named, x) => {
      const kept = body.apply(named, asImages(x, input));
      const pooled = globalAveragePool(add(last.apply(named, kept), kept));
      return classesFirst(head.apply(named, pooled));
    }),
  };
}

export interface ResnetOptions extends ImageOptions {
  /** Basic blocks of each stage; widths double from 64. Default `[2, 2, 2, 2]`, which is ResNet-18. */
  readonly blocks?: readonly number[];
}

/** Two 3×3 convolutions around a shortcut, which is a 1×1 convolution where the block halves the image. */
function basicBlock(name: string, channels: number, filters: number, stride: number): Layer {
  const main = sequence(
    convolution(`${name}.conv1`, channels, filters, { kernel: 3, stride, bias: false }),
    filterResponse(`${name}.frn1`, filters),
    convolution(`${name}.conv2`, filters, filters, { kernel: 3, bias: false }),
  );
  const shortcut =
    stride === 1
      ? sequence()
      : sequence(
          convolution(`${name}.shortcut`, channels, filters, { kernel: 1, stride, bias: false }),
          filterResponse(`${name}.shortcut.frn`, filters),
        );
  const after = filterResponse(`${name}.frn2`, filters);
  return {
    parameters: [main, shortcut, after].flatMap(({ parameters }) => parameters),
    apply: (named, x) => after.apply(named, add(main.apply(named, x), shortcut.apply(named, x))),
  };
}

/** ResNet-18 and its like: 11,178,782 parameters on 3×32×32 with 10 classes. */
export function resnet({ input, classes, blocks = [2, 2, 2, 2] }: ResnetOptions): Model {
  const stem = sequence(
    convolution('stem', input[0], 64, { kernel: 3, bias: false }),
    filterResponse('stem.frn', 64),
    (x) => maxPool(x, { kernel: [3, 3], strides: [2, 2], pads: samePads(x.shape.slice(2), 3, 2) }),
  );
  const stages = blocks.flatMap((count, stage) => {
    const filters = 64 << stage;
    return Array.from({ length: count }, (_, i) => {
      const first = i === 0 && stage > 0;
      return basicBlock(`stage${stage + 1}.block${i + 1}`, first ? filters / 2 : filters, filters, first ? 2 : 1);
    });
  });
  const net = sequence(stem, ...stages, globalAveragePool, dense('dense', 64 << (blocks.length - 1), classes));
  return {
    name: `resnet ${blocks.join('-')}`,
    parameters: net.parameters,
    forward: eachChain((named, x) => classesFirst(net.apply(named, asImages(x, input)))),
  };
}
