/** Elementwise arithmetic with NumPy broadcasting, and the activations. */
import { ELEMENT } from './onnx/schema.ts';
import { reduceTo } from './reduce.ts';
import { expand } from './shape.ts';
import {
  broadcastShape,
  constant,
  constantValue,
  type Dtype,
  filled,
  type Node,
  type Op,
  sameShape,
  single,
  type Tensor,
} from './tensor.ts';

/** The output of a one-output node, as its gradient rule needs it. */
const outputOf = (node: Node): Tensor => ({ node, index: 0, shape: node.inputs[0].shape, dtype: node.inputs[0].dtype });

type Partials = (a: Tensor, b: Tensor, dy: Tensor) => readonly [Tensor, Tensor];

function binary(name: string, type: string, partials: Partials): (a: Tensor, b: Tensor) => Tensor {
  const op: Op = {
    name,
    gradient: ({ inputs: [a, b] }, [dy]) => {
      if (!dy) return [];
      const [da, db] = partials(a, b, dy);
      return [reduceTo(da, a.shape), reduceTo(db, b.shape)];
    },
    emit: (_node, inputs, emitter) => emitter.node(type, inputs),
  };
  return (a, b) => single(op, [a, b], broadcastShape(name, a.shape, b.shape));
}

function unary(
  name: string,
  type: string,
  partial: (x: Tensor, y: Tensor, dy: Tensor) => Tensor,
): (x: Tensor) => Tensor {
  const op: Op = {
    name,
    gradient: (node, [dy]) => [dy && partial(node.inputs[0], outputOf(node), dy)],
    emit: (_node, inputs, emitter) => emitter.node(type, inputs),
  };
  return (x) => single(op, [x], x.shape);
}

const rawAdd = binary('add', 'Add', (_a, _b, dy) => [dy, dy]);
const rawMul = binary('mul', 'Mul', (a, b, dy) => [mul(dy, b), mul(dy, a)]);
const rawNeg = unary('neg', 'Neg', (_x, _y, dy) => neg(dy));

/** a + b. */
export function add(a: Tensor, b: Tensor): Tensor {
  if (constantValue(b) === 0 && sameShape(broadcastShape('add', a.shape, b.shape), a.shape)) return a;
  if (constantValue(a) === 0 && sameShape(broadcastShape('add', a.shape, b.shape), b.shape)) return b;
  return rawAdd(a, b);
}

/** a · b elementwise. Constants fold: a factor of one goes, a constant tensor becomes a scalar factor. */
export function mul(a: Tensor, b: Tensor): Tensor {
  const shape = broadcastShape('mul', a.shape, b.shape);
  const [left, right] = [constantValue(a), constantValue(b)];
  if (left !== undefined && right !== undefined) return filled(left * right, shape, a.dtype);
  if (left !== undefined) return mul(b, a);
  if (right === undefined) return rawMul(a, b);
  const wide = expand(a, shape);
  return right === 1 ? wide : rawMul(wide, constant(right, a));
}

/** −x. */
export function neg(x: Tensor): Tensor {
  const value = constantValue(x);
  return value === undefined ? rawNeg(x) : filled(-value, x.shape, x.dtype);
}

/** a − b. */
export const sub = binary('sub', 'Sub', (_a, _b, dy) => [dy, neg(dy)]);
/** a / b. */
export const div = binary('div', 'Div', (a, b, dy) => [div(dy, b), neg(div(mul(dy, a), square(b)))]);
export const exp = unary('exp', 'Exp', (_x, y, dy) => mul(dy, y));
/** Natural logarithm. */
export const log = unary('log', 'Log', (x, _y, dy) => div(dy, x));
export const tanh = unary('tanh', 'Tanh', (x, y, dy) => mul(dy, sub(constant(1, x), square(y))));
/** 1/(1 + e^{−x}). */
export const sigmoid = unary('sigmoid', 'Sigmoid', (x, y, dy) => mul(dy, mul(y, sub(constant(1, x), y))));
/** max(x, 0); its gradient at 0 is 0. */
export const relu = unary('relu', 'Relu', (_x, y, dy) => mul(dy, step(y)));

const castOp: Op = {
  name: 'cast',
  gradient: ({ inputs: [x] }, [dy]) => [dy && cast(dy, x.dtype)],
  emit: ({ attributes }, [x], emitter) => emitter.node('Cast', [x], { to: ELEMENT[attributes.to as Dtype] }),
};

/** The same numbers in another type. */
export function cast(x: Tensor, to: Dtype): Tensor {
  if (x.dtype === to) return x;
  const value = constantValue(x);
  if (value !== undefined) return filled(value, x.shape, to);
  return { node: { op: castOp, inputs: [x], attributes: { to } }, index: 0, shape: x.shape, dtype: to };
}

/** x². */
export const square = (x: Tensor): Tensor => mul(x, x);

/** Steeper than any slope that matters, and finite in float32 for |x| < 3.4e8. */
const STEEP = 1e30;

/**
 * 1 for x > 0, else 0, for x ≥ 0: Clip(1e30·x, 0, 1), several times faster in the engine than Sign or Where. Values
 * below 1e-30 give a number between 0 and 1. Its own gradient is 0.
 */
const stepOp: Op = {
  name: 'step',
  gradient: () => [],
  emit: ({ inputs: [{ dtype }] }, [x], emitter) => {
    const [steep] = emitter.node('Mul', [x, emitter.filled(STEEP, [], dtype)]);
    return emitter.node('Clip', [steep, emitter.filled(0, [], dtype), emitter.filled(1, [], dtype)]);
  },
};
const step = (x: Tensor): Tensor => single(stepOp, [x], x.shape);

/** x · sigmoid(x). */
export const silu = (x: Tensor): Tensor => mul(x, sigmoid(x));

/** The tanh form of GELU: ½x(1 + tanh(√(2/π)(x + 0.044715x³))). */
export function gelu(x: Tensor): Tensor {
  const cubed = mul(mul(square(x), x), constant(0.044715, x));
  const inner = mul(add(x, cubed), constant(Math.sqrt(2 / Math.PI), x));
  return mul(mul(x, constant(0.5, x)), add(tanh(inner), constant(1, x)));
}
