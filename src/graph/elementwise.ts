/** Elementwise arithmetic with NumPy broadcasting. Operations on uniform constants fold as the graph is built. */
import { expand } from './shape.ts';
import { broadcastShape, constant, constantValue, filled, type Op, sameShape, single, type Tensor } from './tensor.ts';
import type { Dtype } from './types.ts';
import { unary } from './unary.ts';

type Partials = (a: Tensor, b: Tensor, dy: Tensor) => readonly [Tensor, Tensor];

function binary(
  name: string,
  type: string,
  fold: (a: number, b: number) => number,
  partials: Partials,
): (a: Tensor, b: Tensor) => Tensor {
  const op: Op = {
    name,
    passes: 1,
    gradient: ({ inputs: [a, b] }, [dy]) => (dy ? partials(a, b, dy) : []),
    emit: (_node, inputs, emitter) => emitter.node(type, inputs),
  };
  return (a, b) => {
    const shape = broadcastShape(name, a.shape, b.shape);
    const [left, right] = [constantValue(a), constantValue(b)];
    if (left !== undefined && right !== undefined) return filled(fold(left, right), shape, a.dtype);
    return single(op, [a, b], shape);
  };
}

const rawAdd = binary(
  'add',
  'Add',
  (a, b) => a + b,
  (_a, _b, dy) => [dy, dy],
);
const rawSub = binary(
  'sub',
  'Sub',
  (a, b) => a - b,
  (_a, _b, dy) => [dy, neg(dy)],
);
const rawMul = binary(
  'mul',
  'Mul',
  (a, b) => a * b,
  (a, b, dy) => [mul(dy, b), mul(dy, a)],
);

/** Does `b`, broadcast with `a`, leave the shape of `a`? */
const absorbs = (where: string, a: Tensor, b: Tensor) => sameShape(broadcastShape(where, a.shape, b.shape), a.shape);

/** a + b. */
export function add(a: Tensor, b: Tensor): Tensor {
  if (constantValue(b) === 0 && absorbs('add', a, b)) return a;
  if (constantValue(a) === 0 && absorbs('add', b, a)) return b;
  return rawAdd(a, b);
}

/** a − b. */
export const sub = (a: Tensor, b: Tensor): Tensor =>
  constantValue(b) === 0 && absorbs('sub', a, b) ? a : rawSub(a, b);

/** a · b elementwise. A factor of one goes, a constant tensor becomes a scalar factor. */
export function mul(a: Tensor, b: Tensor): Tensor {
  const [left, right] = [constantValue(a), constantValue(b)];
  if (left !== undefined && right === undefined) return mul(b, a);
  if (left !== undefined || right === undefined) return rawMul(a, b);
  const wide = expand(a, broadcastShape('mul', a.shape, b.shape));
  return right === 1 ? wide : rawMul(wide, constant(right, a));
}

/** −x. */
export const neg = unary(
  'neg',
  'Neg',
  (x) => -x,
  (_x, _y, dy) => neg(dy),
);
/** a / b. */
export const div = binary(
  'div',
  'Div',
  (a, b) => a / b,
  (a, b, dy) => [div(dy, b), neg(div(mul(dy, a), square(b)))],
);
export const exp = unary('exp', 'Exp', Math.exp, (_x, y, dy) => mul(dy, y));
/** Natural logarithm. */
export const log = unary('log', 'Log', Math.log, (x, _y, dy) => div(dy, x));
export const sqrt = unary('sqrt', 'Sqrt', Math.sqrt, (x, y, dy) => div(mul(dy, constant(0.5, x)), y));
/** 1/x. */
export const reciprocal = unary(
  'reciprocal',
  'Reciprocal',
  (x) => 1 / x,
  (_x, y, dy) => neg(mul(dy, square(y))),
);
/** |x|; its gradient at 0 is 0. */
export const abs = unary('abs', 'Abs', Math.abs, (x, _y, dy) => mul(dy, sign(x)));
/** −1, 0 or 1. Its gradient is 0. */
export const sign = unary('sign', 'Sign', Math.sign, () => undefined);
/** The largest integer below or at x. Its gradient is 0. */
export const floor = unary('floor', 'Floor', Math.floor, () => undefined);
/** The smallest integer above or at x. Its gradient is 0. */
export const ceil = unary('ceil', 'Ceil', Math.ceil, () => undefined);
export const sin = unary('sin', 'Sin', Math.sin, (x, _y, dy) => mul(dy, cos(x)));
export const cos = unary('cos', 'Cos', Math.cos, (x, _y, dy) => neg(mul(dy, sin(x))));

/** x². */
export const square = (x: Tensor): Tensor => mul(x, x);

const rawPow = binary(
  'pow',
  'Pow',
  (a, p) => a ** p,
  (a, p, dy) => [mul(dy, mul(p, rawPow(a, sub(p, constant(1, p))))), mul(dy, mul(rawPow(a, p), log(a)))],
);

/** aᵖ. Its gradient with respect to the exponent needs a > 0. */
export function pow(a: Tensor, p: Tensor): Tensor {
  const exponent = constantValue(p);
  if (exponent === 1) return expand(a, broadcastShape('pow', a.shape, p.shape));
  if (exponent === 2) return expand(square(a), broadcastShape('pow', a.shape, p.shape));
  if (exponent === 0.5) return expand(sqrt(a), broadcastShape('pow', a.shape, p.shape));
  return rawPow(a, p);
}

const castOp: Op = {
  name: 'cast',
  passes: 1,
  gradient: ({ inputs: [x] }, [dy]) => [dy && isReal(x.dtype) ? cast(dy, x.dtype) : undefined],
  emit: ({ inputs: [{ dtype }], attributes }, [x], emitter) => {
    const to = emitter.element(attributes.to as Dtype);
    return to === emitter.element(dtype) ? [x] : emitter.node('Cast', [x], { to });
  },
};

const isReal = (dtype: Dtype) => dtype === 'float32' || dtype === 'float64';

/** The same numbers in another type. */
export function cast(x: Tensor, to: Dtype): Tensor {
  if (x.dtype === to) return x;
  const value = constantValue(x);
  return value === undefined ? single(castOp, [x], x.shape, { to }, to) : filled(value, x.shape, to);
}
