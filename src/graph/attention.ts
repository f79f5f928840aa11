/** Scaled dot-product attention (Vaswani et al. 2017). */
import { add } from './elementwise.ts';
import { matmul } from './linear.ts';
import { concat, slice } from './shape.ts';
import { weights } from './softmax.ts';
import { data, type Tensor } from './tensor.ts';

/** Below every score, and finite, so that a row of it alone gives no NaN. */
const MASKED = -1e30;

/** Places that look back together, so that no product is with keys which none of them sees. */
const STRIP = 128;

/** softmax(QKᵀ/√d)V for queries, keys and values `[…, T, d]`; `causal` hides later places. */
export function attention(query: Tensor, key: Tensor, value: Tensor, { causal = false } = {}): Tensor {
  const [length, width] = query.shape.slice(-2);
  const axis = query.shape.length - 2;
  const seen = (from: number, to: number): Tensor => {
    const known = causal ? Math.min(to, key.shape[axis]) : key.shape[axis];
    const [q, k, v] = [slice(query, axis, from, to), slice(key, axis, 0, known), slice(value, axis, 0, known)];
    const scores = matmul(q, k, { transposeB: true, alpha: 1 / Math.sqrt(width) });
    const masked = causal ? add(scores, causalMask(from, to, known, scores)) : scores;
    return matmul(weights(masked), v);
  };
  const strip = causal ? STRIP : length;
  const strips = Array.from({ length: Math.ceil(length / strip) }, (_, i) =>
    seen(i * strip, Math.min((i + 1) * strip, length)),
  );
  return strips.length > 1 ? concat(strips, axis) : strips[0];
}

/** For places `from … to−1` and `columns` keys. */
function causalMask(from: number, to: number, columns: number, like: Tensor): Tensor {
  const values = new Float32Array((to - from) * columns);
  for (let i = from; i < to; i++)
    values.fill(MASKED, Math.min(i + 1, columns) + (i - from) * columns, (i - from + 1) * columns);
  return data(values, [to - from, columns], like.dtype);
}
