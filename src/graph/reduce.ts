/** Reductions: sum, mean, largest, log-sum-exp. */
import { equal, withoutTiny } from './compare.ts';
import { add, cast, div, exp, log, mul, sub } from './elementwise.ts';
import { matmul } from './linear.ts';
import { expand, reshape } from './shape.ts';
import {
  checkAxis,
  constant,
  filled,
  type Op,
  outputOf,
  sameShape,
  single,
  sizeOfShape,
  type Tensor,
} from './tensor.ts';
import type { Shape } from './types.ts';

/** Terms from which a sum of products is faster as a matrix product of one row, which need not write them down. */
const LONG = 1024;

const reduceSumOp: Op = {
  name: 'reduceSum',
  gradient: ({ inputs: [x], attributes }, [dy]) => {
    const kept = x.shape.map((n, i) => ((attributes.axes as readonly number[]).includes(i) ? 1 : n));
    return [dy && expand(reshape(dy, kept), x.shape)];
  },
  lower: ({ inputs: [x], attributes }, { runtime }) => {
    const axes = attributes.axes as readonly number[];
    const length = sizeOfShape(axes.map((axis) => x.shape[axis]));
    const last = axes.every((_, i) => axes.includes(x.shape.length - 1 - i));
    const [a, b] = x.node.inputs;
    const product = x.node.op.name === 'mul' && sameShape(a.shape, b.shape);
    if (runtime !== 'cpu' || x.dtype !== 'float32' || !product || !last || length < LONG) return;
    const rows = [sizeOfShape(x.shape) / length, 1, length];
    const sums = matmul(reshape(a, rows), reshape(b, rows), { transposeB: true });
    return [reshape(sums, reduceSum(x, axes, Boolean(attributes.keep)).shape)];
  },
  emit: ({ attributes }, [x], emitter) =>
    emitter.node('ReduceSum', [x, emitter.integers(attributes.axes as Shape)], { keepdims: attributes.keep ? 1 : 0 }),
};

/** Sum over the axes, which go (or stay as length one with `keep`). */
export function reduceSum(x: Tensor, axes: readonly number[], keep = false): Tensor {
  if (axes.length === 0) return x;
  const at = axes.map((axis) => checkAxis('reduceSum', axis, x.shape));
  const shape = keep ? x.shape.map((n, i) => (at.includes(i) ? 1 : n)) : x.shape.filter((_, i) => !at.includes(i));
  return single(reduceSumOp, [x], shape, { axes: at, keep });
}

/**
 * Sums `x` down to a shape that broadcasts to its own: the adjoint of broadcasting. A sum over the last axis of a batch
 * of matrices is written as a batched product with ones: the runtime's own reduction adds in another order when the
 * batch has one entry, and a chain's gradient must not depend on how many chains share the graph.
 */
export function reduceTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.shape.length - shape.length;
  const axes = x.shape.flatMap((n, i) => (i < lead || (shape[i - lead] === 1 && n !== 1) ? [i] : []));
  const last = x.shape.length - 1;
  if (last >= 2 && axes.length === 1 && axes[0] === last) {
    return reshape(matmul(x, filled(1, [...x.shape.slice(0, -2), x.shape[last], 1], x.dtype)), shape);
  }
  return reshape(reduceSum(x, axes, true), shape);
}

/** Mean over the axes. */
export function reduceMean(x: Tensor, axes: readonly number[], keep = false): Tensor {
  const sum = reduceSum(x, axes, keep);
  return mul(sum, constant(sizeOfShape(sum.shape) / sizeOfShape(x.shape), x));
}

const reduceMaxOp: Op = {
  name: 'reduceMax',
  gradient: (node, [dy]) => {
    const [x] = node.inputs;
    const at = Number(node.attributes.axis);
    const largest = cast(equal(x, outputOf(node, x.shape.with(at, 1))), x.dtype);
    return [dy && mul(largest, div(dy, reduceSum(largest, [at], true)))];
  },
  emit: ({ attributes }, [x], emitter) =>
    emitter.node('ReduceMax', [x, emitter.integers([Number(attributes.axis)])], { keepdims: 1 }),
};

/** The largest element along an axis, which stays as length one. Equal ones share the gradient. */
export function reduceMax(x: Tensor, axis: number): Tensor {
  const at = checkAxis('reduceMax', axis, x.shape);
  return single(reduceMaxOp, [x], x.shape.with(at, 1), { axis: at });
}

const logSumExpOp: Op = {
  name: 'logSumExp',
  gradient: (node, [dy]) => {
    const [x] = node.inputs;
    const shape = x.shape.with(Number(node.attributes.axis), 1);
    return [dy && mul(dy, withoutTiny(exp(sub(x, outputOf(node, shape)))))];
  },
  // WebGPU's kernel does not subtract the maximum and overflows beyond 88.
  lower: ({ inputs: [x], attributes }, { runtime }) => {
    if (runtime !== 'webgpu') return;
    const axis = Number(attributes.axis);
    const largest = reduceMax(x, axis);
    return [add(largest, log(reduceSum(exp(sub(x, largest)), [axis], true)))];
  },
  emit: ({ attributes }, [x], emitter) =>
    emitter.node('ReduceLogSumExp', [x, emitter.integers([Number(attributes.axis)])], { keepdims: 1 }),
};

/** log Σ exp along an axis, which stays as length one; safe for inputs of any size. */
export function logSumExp(x: Tensor, axis: number): Tensor {
  const at = checkAxis('logSumExp', axis, x.shape);
  return single(logSumExpOp, [x], x.shape.with(at, 1), { axis: at });
}
