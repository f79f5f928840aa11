/** Character-level GPT (Radford et al. 2018): 10,770,048 parameters as the paper sets it. */
import { add, gather, reshape, transpose } from '../graph/index.ts';
import { dense, normalisation } from './layers.ts';
import { eachChain, type Model, type Parameter } from './model.ts';
import { feedForward, selfAttention } from './transformer.ts';

export interface GptOptions {
  /** Symbols. */
  readonly vocabulary: number;
  /** T, places of a row: inputs are symbol indices `[C, T, B]`, outputs logits `[C, vocabulary, T·B]`. */
  readonly length: number;
  readonly width?: number;
  readonly depth?: number;
  readonly heads?: number;
  /** `paper`: the residual branch is the normalised input; `pre-norm`: the input itself, as usual. */
  readonly order?: 'paper' | 'pre-norm';
}

/** Learned positions, causal attention, no biases, an output layer of its own. */
export function gpt({ vocabulary, length, width = 384, depth = 6, heads = 6, order = 'paper' }: GptOptions): Model {
  const symbols: Parameter = { name: 'symbol', shape: [vocabulary, width], start: { deviation: 1 / Math.sqrt(width) } };
  const positions: Parameter = { name: 'position', shape: [length, width], start: { deviation: 1 / Math.sqrt(width) } };
  const norm = (name: string) => normalisation(name, width, { bias: false });
  const halves = Array.from({ length: depth }, (_, i) => `block${i + 1}`).flatMap((name) => [
    {
      before: norm(`${name}.norm1`),
      branch: selfAttention(`${name}.attention`, { width, heads, length, causal: true, bias: false }),
    },
    { before: norm(`${name}.norm2`), branch: feedForward(`${name}.mlp`, width, false) },
  ]);
  const last = norm('norm');
  const head = dense('head', width, vocabulary, { bias: false });
  return {
    name: `gpt ${width}×${depth} ${order}`,
    parameters: [
      symbols,
      positions,
      ...halves.flatMap(({ before, branch }) => [...before.parameters, ...branch.parameters]),
      ...last.parameters,
      ...head.parameters,
    ],
    forward: eachChain((named, x) => {
      const rows = x.shape[0];
      const embedded = add(gather(named[symbols.name], x), named[positions.name]);
      let h = reshape(embedded, [rows * length, width]);
      for (const { before, branch } of halves) {
        const normed = before.apply(named, h);
        h = add(order === 'paper' ? normed : h, branch.apply(named, normed));
      }
      const logits = reshape(head.apply(named, last.apply(named, h)), [rows, length, vocabulary]);
      return reshape(transpose(logits, [2, 1, 0]), [vocabulary, length * rows]);
    }),
  };
}
