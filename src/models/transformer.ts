/** What the two transformers share: attention over heads and the two-layer network, on rows `[N·T, D]`. */
import { attention, gelu, reshape, split, transpose } from '../graph/index.ts';
import { dense, type Layer, sequence } from './layers.ts';

export interface AttentionOptions {
  readonly width: number;
  readonly heads: number;
  /** T, places of a row. */
  readonly length: number;
  readonly causal: boolean;
  readonly bias: boolean;
}

/** Self-attention with `heads` heads; one product makes queries, keys and values. */
export function selfAttention(name: string, { width, heads, length, causal, bias }: AttentionOptions): Layer {
  const mixed = dense(`${name}.qkv`, width, 3 * width, { bias });
  const out = dense(`${name}.out`, width, width, { bias });
  const size = width / heads;
  return {
    parameters: [...mixed.parameters, ...out.parameters],
    apply(named, x) {
      const rows = x.shape[0] / length;
      const parts = reshape(mixed.apply(named, x), [rows, length, 3 * heads, size]);
      const [q, k, v] = split(transpose(parts, [0, 2, 1, 3]), 1, [heads, heads, heads]).map((part) =>
        reshape(part, [rows * heads, length, size]),
      );
      const seen = reshape(attention(q, k, v, { causal }), [rows, heads, length, size]);
      return out.apply(named, reshape(transpose(seen, [0, 2, 1, 3]), [rows * length, width]));
    },
  };
}

/** D → 4D, GELU, 4D → D. */
export const feedForward = (name: string, width: number, bias: boolean): Layer =>
  sequence(dense(`${name}.up`, width, 4 * width, { bias }), gelu, dense(`${name}.down`, 4 * width, width, { bias }));
