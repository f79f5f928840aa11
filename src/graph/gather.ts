/** Rows by index: embeddings and selections. */
import { equal } from './compare.ts';
import { cast } from './elementwise.ts';
import { matmul } from './linear.ts';
import { reshape, transpose } from './shape.ts';
import { checkAxis, data, type Op, single, sizeOfShape, type Tensor } from './tensor.ts';
import type { Dtype } from './types.ts';

/** 1 where an index (a whole number of any type) equals the place along a new last axis of length `depth`, else 0. */
export function oneHot(indices: Tensor, depth: number, dtype: Dtype): Tensor {
  const places = data(
    Array.from({ length: depth }, (_, k) => k),
    [depth],
    dtype,
  );
  return cast(equal(reshape(cast(indices, dtype), [...indices.shape, 1]), places), dtype);
}

/**
 * The runtime's own scattered addition races between threads (issue 18048 of its repository); a product with the
 * one-hot matrix is as fast and exact.
 */
const gatherOp: Op = {
  name: 'gather',
  gradient: ({ inputs: [x, indices], attributes }, [dy]) => {
    if (!dy) return [];
    const axis = Number(attributes.axis);
    const inner = indices.shape.length;
    const picked = dy.shape.map((_, i) => i).slice(axis, axis + inner);
    const rest = dy.shape.map((_, i) => i).filter((i) => !picked.includes(i));
    const count = sizeOfShape(indices.shape);
    const rows = reshape(transpose(dy, [...picked, ...rest]), [count, sizeOfShape(x.shape) / x.shape[axis]]);
    const hot = reshape(oneHot(indices, x.shape[axis], x.dtype), [count, x.shape[axis]]);
    const front = reshape(matmul(hot, rows, { transposeA: true }), [x.shape[axis], ...x.shape.toSpliced(axis, 1)]);
    const back = x.shape.map((_, i) => (i === axis ? 0 : i < axis ? i + 1 : i));
    return [transpose(front, back)];
  },
  emit: ({ attributes }, inputs, emitter) => emitter.node('Gather', inputs, { axis: attributes.axis }),
};

/**
 * The entries of `x` along an axis at the given indices (whole numbers of any type, 0 ≤ i < length): a tensor of shape
 * `x.shape[…axis] + indices.shape + x.shape[axis+1…]`.
 */
export function gather(x: Tensor, indices: Tensor, axis = 0): Tensor {
  const at = checkAxis('gather', axis, x.shape);
  const shape = x.shape.toSpliced(at, 1, ...indices.shape);
  return single(gatherOp, [x, cast(indices, 'int64')], shape, { axis: at }, x.dtype);
}
