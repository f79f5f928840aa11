/** Ops that move numbers and change none: reshape, expand, slice, concat, split, transpose, pad, reverse. */
import { shapeError } from '../errors.ts';
import {
  broadcastShape,
  checkAxis,
  constantValue,
  filled,
  type Op,
  sameShape,
  sharedDtype,
  showShape,
  single,
  sizeOfShape,
  type Tensor,
} from './tensor.ts';
import type { Shape } from './types.ts';

const reshapeOp: Op = {
  name: 'reshape',
  passes: 1,
  lower: ({ inputs: [x], attributes }) =>
    x.node.op === reshapeOp ? [reshape(x.node.inputs[0], attributes.shape as Shape)] : undefined,
  gradient: ({ inputs: [x] }, [dy]) => [dy && reshape(dy, x.shape)],
  emit: ({ attributes }, [x], emitter) => emitter.node('Reshape', [x, emitter.integers(attributes.shape as Shape)]),
};

/** The same numbers, in row-major order, under another shape. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  if (sizeOfShape(shape) !== sizeOfShape(x.shape)) {
    throw shapeError(`reshape: expected ${sizeOfShape(x.shape)} elements, got ${showShape(shape)}. Keep the size.`);
  }
  const value = constantValue(x);
  if (value !== undefined) return filled(value, shape, x.dtype);
  return single(reshapeOp, [x], shape, { shape });
}

/** What `x` is a reshaping of: the same numbers in the same order. */
export const unshaped = (x: Tensor): Tensor => (x.node.op === reshapeOp ? unshaped(x.node.inputs[0]) : x);

const expandOp: Op = {
  name: 'expand',
  gradient: (_node, [dy]) => [dy],
  emit: ({ attributes }, [x], emitter) => emitter.node('Expand', [x, emitter.integers(attributes.shape as Shape)]),
};

/** Repeats `x` along its axes of length one. */
export function expand(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  if (!sameShape(broadcastShape('expand', x.shape, shape), shape)) {
    throw shapeError(`expand: expected a shape that ${showShape(x.shape)} broadcasts to, got ${showShape(shape)}.`);
  }
  const value = constantValue(x);
  if (value !== undefined) return filled(value, shape, x.dtype);
  return single(expandOp, [x], shape, { shape });
}

const outputShape = (x: Tensor, order: readonly number[]): Shape => order.map((axis) => x.shape[axis]);

const transposeOp: Op = {
  name: 'transpose',
  lower: ({ inputs: [x], attributes }) => {
    const order = attributes.order as readonly number[];
    const moving = order.filter((axis) => x.shape[axis] > 1);
    if (moving.every((axis, i) => i === 0 || axis > moving[i - 1])) return [reshape(x, outputShape(x, order))];
    if (x.node.op !== transposeOp) return;
    const before = x.node.attributes.order as readonly number[];
    return [
      transpose(
        x.node.inputs[0],
        order.map((axis) => before[axis]),
      ),
    ];
  },
  gradient: ({ attributes }, [dy]) => {
    const order = attributes.order as readonly number[];
    return [
      dy &&
        transpose(
          dy,
          order.map((_, i) => order.indexOf(i)),
        ),
    ];
  },
  emit: ({ inputs: [{ dtype }], attributes }, [x], emitter) => {
    const order = attributes.order as readonly number[];
    // The runtime on the processor would move the transposition of a matrix behind a reshape, into more axes and slower.
    const held = order.length === 2 && emitter.target.runtime === 'cpu' && dtype !== 'bool';
    if (held) return emitter.node('Einsum', [x], { equation: 'ab->ba' });
    return emitter.node('Transpose', [x], { perm: order });
  },
};

/** Axis i of the result is axis `order[i]` of `x`. */
export function transpose(x: Tensor, order: readonly number[]): Tensor {
  if (
    !sameShape(
      [...order].sort((a, b) => a - b),
      x.shape.map((_, i) => i),
    )
  ) {
    throw shapeError(
      `transpose: expected a permutation of the axes of ${showShape(x.shape)}, got ${showShape(order)}.`,
    );
  }
  return single(transposeOp, [x], outputShape(x, order), { order });
}

const concatOp: Op = {
  name: 'concat',
  gradient: ({ inputs, attributes }, [dy]) => {
    const axis = Number(attributes.axis);
    return dy
      ? split(
          dy,
          axis,
          inputs.map(({ shape }) => shape[axis]),
        )
      : [];
  },
  lower: ({ inputs, attributes }, { runtime }) => {
    if (runtime !== 'webgpu' || inputs.length <= MOST_BUFFERS) return;
    const axis = Number(attributes.axis);
    return [
      concat(
        grouped(inputs).map((part) => concat(part, axis)),
        axis,
      ),
    ];
  },
  emit: ({ attributes }, inputs, emitter) => emitter.node('Concat', inputs, { axis: attributes.axis }),
};

/** WebGPU promises a kernel eight tensors in all, and some devices and browsers offer no more than ten. */
const MOST_BUFFERS = 7;

/** At most MOST_BUFFERS neighbouring groups. */
function grouped<T>(list: readonly T[]): T[][] {
  const size = Math.max(MOST_BUFFERS, Math.ceil(list.length / MOST_BUFFERS));
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size));
}

/** Joins tensors along an axis; all other axes must agree. */
export function concat(parts: readonly Tensor[], axis: number): Tensor {
  const at = checkAxis('concat', axis, parts[0].shape);
  const rest = (shape: Shape) => shape.toSpliced(at, 1);
  for (const { shape } of parts) {
    if (!sameShape(rest(shape), rest(parts[0].shape))) {
      throw shapeError(
        `concat: expected shapes equal but for axis ${at}, got ${showShape(parts[0].shape)} and ${showShape(shape)}.`,
      );
    }
  }
  const total = parts.reduce((sum, { shape }) => sum + shape[at], 0);
  return single(concatOp, parts, parts[0].shape.with(at, total), { axis: at });
}

const splitOp: Op = {
  name: 'split',
  gradient: ({ inputs: [x], attributes }, upstream) => {
    const axis = Number(attributes.axis);
    const sizes = attributes.sizes as readonly number[];
    return [
      concat(
        sizes.map((n, i) => upstream[i] ?? filled(0, x.shape.with(axis, n), x.dtype)),
        axis,
      ),
    ];
  },
  lower: ({ inputs: [x], attributes }, { runtime }) => {
    const sizes = attributes.sizes as readonly number[];
    if (runtime !== 'webgpu' || sizes.length <= MOST_BUFFERS) return;
    const axis = Number(attributes.axis);
    const groups = grouped(sizes);
    const totals = groups.map((part) => part.reduce((sum, n) => sum + n, 0));
    return split(x, axis, totals).flatMap((part, i) => split(part, axis, groups[i]));
  },
  emit: ({ attributes }, [x], emitter) => {
    const sizes = attributes.sizes as readonly number[];
    return emitter.node('Split', [x, emitter.integers(sizes)], { axis: attributes.axis }, { outputs: sizes.length });
  },
};

/** Cuts `x` along an axis into pieces of the given sizes. The gradient of all pieces is one concatenation. */
export function split(x: Tensor, axis: number, sizes: readonly number[]): Tensor[] {
  const at = checkAxis('split', axis, x.shape);
  const total = sizes.reduce((sum, n) => sum + n, 0);
  if (total !== x.shape[at] || sizes.some((n) => !Number.isInteger(n) || n < 1)) {
    throw shapeError(`split: expected sizes that sum to ${x.shape[at]}, got ${showShape(sizes)} along axis ${at}.`);
  }
  if (sizes.length === 1) return [x];
  const node = { op: splitOp, inputs: [x], attributes: { axis: at, sizes } };
  const dtype = sharedDtype('split', [x]);
  return sizes.map((n, index) => ({ node, index, shape: x.shape.with(at, n), dtype }));
}

/** Elements `start … end−1` of an axis. */
export function slice(x: Tensor, axis: number, start: number, end: number): Tensor {
  const at = checkAxis('slice', axis, x.shape);
  if (!(start >= 0 && start < end && end <= x.shape[at])) {
    throw shapeError(`slice: expected 0 ≤ start < end ≤ ${x.shape[at]}, got ${start} and ${end}.`);
  }
  const sizes = [start, end - start, x.shape[at] - end].filter((n) => n > 0);
  return split(x, at, sizes)[start > 0 ? 1 : 0];
}

const stridedOp: Op = {
  name: 'strided',
  gradient: ({ inputs: [x], attributes }, [dy]) => {
    if (!dy) return [];
    const starts = attributes.starts as Shape;
    const steps = attributes.steps as Shape;
    const spread = steps.reduce((sum: Tensor, step, axis) => dilate(sum, axis, step), dy);
    return [
      pad(
        spread,
        starts,
        spread.shape.map((n, axis) => x.shape[axis] - starts[axis] - n),
      ),
    ];
  },
  emit: ({ attributes, inputs }, [x], emitter) => {
    const [starts, ends, steps] = [attributes.starts, attributes.ends, attributes.steps].map((v) => v as Shape);
    const cut = inputs[0].shape.flatMap((n, i) => (starts[i] === 0 && ends[i] === n && steps[i] === 1 ? [] : [i]));
    const at = (v: Shape) => emitter.integers(cut.map((i) => v[i]));
    return emitter.node('Slice', [x, at(starts), at(ends), emitter.integers(cut), at(steps)]);
  },
};

/** Every `steps[i]`-th element of `starts[i] … ends[i]−1` along each axis i. */
export function strided(
  x: Tensor,
  starts: readonly number[],
  ends: readonly number[],
  steps: readonly number[] = x.shape.map(() => 1),
): Tensor {
  const shape = starts.map((start, i) => Math.ceil((ends[i] - start) / steps[i]));
  if (starts.some((start, i) => !(start >= 0 && start < ends[i] && ends[i] <= x.shape[i] && steps[i] >= 1))) {
    throw shapeError(
      `strided: expected ranges within ${showShape(x.shape)}, got ${showShape(starts)} to ${showShape(ends)}.`,
    );
  }
  if (sameShape(shape, x.shape)) return x;
  const value = constantValue(x);
  if (value !== undefined) return filled(value, shape, x.dtype);
  return single(stridedOp, [x], shape, { starts, ends, steps });
}

const padOp: Op = {
  name: 'pad',
  gradient: ({ inputs: [x], attributes }, [dy]) => {
    const before = attributes.before as Shape;
    return [
      dy &&
        strided(
          dy,
          before,
          before.map((n, i) => n + x.shape[i]),
        ),
    ];
  },
  emit: ({ inputs, attributes }, [x], emitter) =>
    emitter.node('Pad', [
      x,
      emitter.integers([...(attributes.before as Shape), ...(attributes.after as Shape)]),
      emitter.filled(Number(attributes.value), [], inputs[0].dtype),
    ]),
};

/** `x` with so many elements of a value before and after along each axis. */
export function pad(x: Tensor, before: readonly number[], after: readonly number[], value = 0): Tensor {
  if (before.length !== x.shape.length || after.length !== x.shape.length || [...before, ...after].some((n) => n < 0)) {
    throw shapeError(
      `pad: expected counts of 0 or more for each axis of ${showShape(x.shape)}, got ${showShape(before)} and ` +
        `${showShape(after)}.`,
    );
  }
  if ([...before, ...after].every((n) => n === 0)) return x;
  const shape = x.shape.map((n, i) => before[i] + n + after[i]);
  if (constantValue(x) === value) return filled(value, shape, x.dtype);
  return single(padOp, [x], shape, { before, after, value });
}

/** `step − 1` zeros between neighbours along an axis. */
export function dilate(x: Tensor, axis: number, step: number): Tensor {
  if (step === 1 || x.shape[axis] === 1) return x;
  const split = reshape(x, x.shape.toSpliced(axis + 1, 0, 1));
  const none = split.shape.map(() => 0);
  const spread = pad(split, none, none.with(axis + 1, step - 1));
  const flat = reshape(spread, x.shape.with(axis, x.shape[axis] * step));
  const whole = flat.shape.map(() => 0);
  return strided(flat, whole, flat.shape.with(axis, (x.shape[axis] - 1) * step + 1));
}

const reverseOp: Op = {
  name: 'reverse',
  gradient: ({ attributes }, [dy]) => [dy && reverse(dy, attributes.axes as Shape)],
  emit: ({ attributes }, [x], emitter) => {
    const axes = attributes.axes as Shape;
    const each = (value: number) => emitter.integers(axes.map(() => value));
    return emitter.node('Slice', [x, each(-1), each(-(2 ** 31)), emitter.integers(axes), each(-1)]);
  },
};

/** The elements along the axes in reverse order. */
export function reverse(x: Tensor, axes: readonly number[]): Tensor {
  const turned = axes.map((axis) => checkAxis('reverse', axis, x.shape)).filter((axis) => x.shape[axis] > 1);
  return turned.length === 0 ? x : single(reverseOp, [x], x.shape, { axes: turned });
}
