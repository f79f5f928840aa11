/** Vision transformer (Dosovitskiy et al. 2021) as the paper uses it: 22,032,522 parameters on 3×160×160, 10 classes. */
import { add, concat, expand, gelu, reshape, slice, type Tensor, transpose } from '../graph/index.ts';
import { dense, normalisation, sequence } from './layers.ts';
import { asImages, classesFirst, type ImageOptions } from './lenet.ts';
import { eachChain, type Model, type Parameter } from './model.ts';
import { feedForward, selfAttention } from './transformer.ts';

export interface VitOptions extends ImageOptions {
  /** Side of the square patches; it must divide height and width. Default 16. */
  readonly patch?: number;
  readonly width?: number;
  readonly depth?: number;
  readonly heads?: number;
  /** Width of the layer before the last. */
  readonly head?: number;
}

/** Patches, a class token and learned positions; pre-norm blocks; a two-layer head on the class token. */
export function vit({
  input,
  classes,
  patch = 16,
  width = 384,
  depth = 12,
  heads = 8,
  head = 1024,
}: VitOptions): Model {
  const [channels, high, wide] = input;
  const [rows, columns] = [high / patch, wide / patch];
  const length = rows * columns + 1;
  const embed = dense('patch', channels * patch * patch, width);
  const token: Parameter = { name: 'class', shape: [1, 1, width], start: { constant: 0 } };
  const positions: Parameter = { name: 'position', shape: [length, width], start: { deviation: 1 } };
  const blocks = Array.from({ length: depth }, (_, i) => ({
    mix: sequence(
      normalisation(`block${i + 1}.norm1`, width),
      selfAttention(`block${i + 1}.attention`, { width, heads, length, causal: false, bias: true }),
    ),
    think: sequence(normalisation(`block${i + 1}.norm2`, width), feedForward(`block${i + 1}.mlp`, width, true)),
  }));
  const top = sequence(dense('head1', width, head), gelu, dense('head2', head, classes));

  const patches = (x: Tensor): Tensor => {
    const grid = reshape(x, [x.shape[0], channels, rows, patch, columns, patch]);
    return reshape(transpose(grid, [0, 2, 4, 1, 3, 5]), [x.shape[0] * (length - 1), channels * patch * patch]);
  };
  return {
    name: `vit ${width}×${depth}`,
    parameters: [
      ...embed.parameters,
      token,
      positions,
      ...blocks.flatMap(({ mix, think }) => [...mix.parameters, ...think.parameters]),
      ...top.parameters,
    ],
    forward: eachChain((named, x) => {
      const count = x.shape[0];
      const seen = reshape(embed.apply(named, patches(asImages(x, input))), [count, length - 1, width]);
      const all = concat([expand(named[token.name], [count, 1, width]), seen], 1);
      let h = reshape(add(all, named[positions.name]), [count * length, width]);
      for (const { mix, think } of blocks) {
        h = add(h, mix.apply(named, h));
        h = add(h, think.apply(named, h));
      }
      const first = slice(reshape(h, [count, length, width]), 1, 0, 1);
      return classesFirst(top.apply(named, reshape(first, [count, width])));
    }),
  };
}
