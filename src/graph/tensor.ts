/**
 * The tensor graph: an immutable expression DAG with static shapes. Ops build nodes, `gradient` builds more of them,
 * `onnx/write` turns what is reachable into a model. Nothing here computes.
 */
import { shapeError } from '../errors.ts';
import type { Attributes, Dtype, Emitter, NumberArray, Shape, Target } from './types.ts';

/** What an operation is to the rest: its reverse mode and its ONNX form. Adding an op is adding one of these. */
export interface Op {
  readonly name: string;
  /** What it costs to do again, in passes over memory, where it works element by element. */
  readonly passes?: number;
  /** It never falls as its first input rises, and its other inputs are the same all over a plane: it commutes with maxima. */
  readonly increasing?: boolean;
  /** The node's outputs in other ops, where the target has no kernel for it or fewer nodes do; else undefined. */
  lower?(node: Node, target: Target): readonly Tensor[] | undefined;
  /**
   * Gradients with respect to the inputs, from those of the outputs (undefined where none arrived). Where an input was
   * broadcast, its gradient may still have the wide shape: `gradient` sums it.
   */
  gradient(node: Node, upstream: readonly (Tensor | undefined)[]): readonly (Tensor | undefined)[];
  /** Emits ONNX nodes over the named inputs and returns the names of the outputs. */
  emit(node: Node, inputs: readonly string[], emitter: Emitter): readonly string[];
}

export interface Node {
  readonly op: Op;
  readonly inputs: readonly Tensor[];
  readonly attributes: Attributes;
  /** Computes what an equal node has computed already, and was not kept. */
  readonly again?: boolean;
}

/** An output of a node. */
export interface Tensor {
  readonly node: Node;
  /** Which of the node's outputs. */
  readonly index: number;
  readonly shape: Shape;
  readonly dtype: Dtype;
}

/** A node with one output, of its inputs' type unless another is given. */
export function single(
  op: Op,
  inputs: readonly Tensor[],
  shape: Shape,
  attributes: Attributes = {},
  dtype: Dtype = sharedDtype(op.name, inputs),
): Tensor {
  return { node: { op, inputs, attributes }, index: 0, shape, dtype };
}

/** The first output of a node, as its gradient rule needs it. */
export const outputOf = (node: Node, shape: Shape = node.inputs[0].shape): Tensor => ({
  node,
  index: 0,
  shape,
  dtype: node.inputs[0].dtype,
});

/** The common type of a node's inputs. Throws where they differ. */
export function sharedDtype(where: string, inputs: readonly Tensor[]): Dtype {
  const [{ dtype }] = inputs;
  const other = inputs.find((tensor) => tensor.dtype !== dtype);
  if (other) {
    throw shapeError(`${where}: expected inputs of one type, got ${dtype} and ${other.dtype}. Cast one of them.`);
  }
  return dtype;
}

/**
 * A function written in other ops, with a gradient of its own where the rule of each part would cost more. What the
 * gradient builds again of the forward pass is shared with it when the graph is written.
 */
export function composite(
  name: string,
  build: (...inputs: Tensor[]) => Tensor,
  gradient: (inputs: readonly Tensor[], y: Tensor, dy: Tensor) => readonly (Tensor | undefined)[],
  traits: Pick<Op, 'increasing'> = {},
): (...inputs: Tensor[]) => Tensor {
  const op: Op = {
    name,
    ...traits,
    lower: ({ inputs }) => [build(...inputs)],
    gradient: (node, [dy]) => (dy ? gradient(node.inputs, { ...build(...node.inputs), node, index: 0 }, dy) : []),
    emit: () => {
      throw new Error(`${name}: a composite is lowered before it is written`);
    },
  };
  return (...inputs) => ({ ...build(...inputs), node: { op, inputs, attributes: {} }, index: 0 });
}

const inputOp: Op = {
  name: 'input',
  gradient: () => [],
  emit: (node) => [String(node.attributes.name)],
};

/** A named input, fed at every run. */
export function input(name: string, shape: Shape, dtype: Dtype = 'float32'): Tensor {
  return { node: { op: inputOp, inputs: [], attributes: { name } }, index: 0, shape, dtype };
}

const constantOp: Op = {
  name: 'constant',
  gradient: () => [],
  emit: (node, _inputs, emitter) => [
    emitter.filled(Number(node.attributes.value), node.attributes.shape as Shape, node.attributes.dtype as Dtype),
  ],
};

/** A tensor of one value everywhere. */
export function filled(value: number, shape: Shape, dtype: Dtype): Tensor {
  return { node: { op: constantOp, inputs: [], attributes: { value, shape, dtype } }, index: 0, shape, dtype };
}

const dataOp: Op = {
  name: 'data',
  gradient: () => [],
  emit: (node, _inputs, emitter) => [
    emitter.data(node.attributes.values as NumberArray, node.attributes.shape as Shape, node.attributes.dtype as Dtype),
  ],
};

/** A tensor of given numbers, row-major. The array is not copied: do not change it afterwards. */
export function data(values: NumberArray, shape: Shape, dtype: Dtype): Tensor {
  if (values.length !== sizeOfShape(shape)) {
    throw shapeError(`data: expected ${sizeOfShape(shape)} numbers for ${showShape(shape)}, got ${values.length}.`);
  }
  return { node: { op: dataOp, inputs: [], attributes: { values, shape, dtype } }, index: 0, shape, dtype };
}

/** The numbers of a constant tensor, uniform or not; undefined for anything that must be computed. */
export function constantData(tensor: Tensor): NumberArray | undefined {
  const { op, attributes } = tensor.node;
  if (op === dataOp) return attributes.values as NumberArray;
  return op === constantOp ? new Array(sizeOfShape(tensor.shape)).fill(Number(attributes.value)) : undefined;
}

/** A scalar of the same type as `like`. */
export const constant = (value: number, like: Tensor): Tensor => filled(value, [], like.dtype);

/** The value of a constant tensor, or undefined. */
export const constantValue = (tensor: Tensor): number | undefined =>
  tensor.node.op === constantOp ? Number(tensor.node.attributes.value) : undefined;

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((n, i) => n === b[i]);
export const sizeOfShape = (shape: Shape): number => shape.reduce((product, n) => product * n, 1);
export const showShape = (shape: Shape): string => `[${shape.join(', ')}]`;

/** The NumPy broadcast of two shapes. Throws where an axis differs and neither is 1. */
export function broadcastShape(where: string, a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const m = a[a.length - rank + i] ?? 1;
    const n = b[b.length - rank + i] ?? 1;
    if (m !== n && m !== 1 && n !== 1) {
      throw shapeError(
        `${where}: expected shapes that broadcast, got ${showShape(a)} and ${showShape(b)}. Reshape one of them.`,
      );
    }
    return m === 1 ? n : m;
  });
}

/** An axis counted from the front, within range. */
export function checkAxis(where: string, axis: number, shape: Shape): number {
  const front = axis < 0 ? axis + shape.length : axis;
  if (!Number.isInteger(axis) || front < 0 || front >= shape.length) {
    throw shapeError(`${where}: expected an axis of ${showShape(shape)}, got ${axis}. Axes count from 0.`);
  }
  return front;
}
