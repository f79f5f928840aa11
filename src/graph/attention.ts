/** Scaled dot-product attention (Vaswani et al. 2017). */
import { add } from './elementwise.ts';
import { matmul } from './linear.ts';
import { softmax } from './softmax.ts';
import { data, type Tensor } from './tensor.ts';

/** Below every score, and finite, so that a row of it alone gives no NaN. */
const MASKED = -1e30;

/** softmax(QKᵀ/√d)V for queries, keys and values `[…, T, d]`; `causal` hides later places. */
export function attention(query: Tensor, key: Tensor, value: Tensor, { causal = false } = {}): Tensor {
  const [length, width] = query.shape.slice(-2);
  const scores = matmul(query, key, { transposeB: true, alpha: 1 / Math.sqrt(width) });
  const masked = causal ? add(scores, causalMask(length, key.shape.at(-2)!, scores)) : scores;
  return matmul(softmax(masked, masked.shape.length - 1), value);
}

function causalMask(rows: number, columns: number, like: Tensor): Tensor {
  const values = new Float32Array(rows * columns);
  for (let i = 0; i < rows; i++) values.fill(MASKED, i * columns + i + 1, (i + 1) * columns);
  return data(values, [rows, columns], like.dtype);
}
