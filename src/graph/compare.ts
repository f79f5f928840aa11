/** Comparisons, which give `bool`, and what chooses by them. */
import { cast, mul, sub } from './elementwise.ts';
import { broadcastShape, constant, filled, type Op, sharedDtype, single, type Tensor } from './tensor.ts';
import { unary } from './unary.ts';

function comparison(name: string, type: string): (a: Tensor, b: Tensor) => Tensor {
  const op: Op = {
    name,
    passes: 1,
    gradient: () => [],
    emit: (_node, inputs, emitter) => emitter.node(type, inputs),
  };
  return (a, b) => {
    sharedDtype(name, [a, b]);
    return single(op, [a, b], broadcastShape(name, a.shape, b.shape), {}, 'bool');
  };
}

/** a > b. */
export const greater = comparison('greater', 'Greater');
/** a ≥ b. */
export const greaterOrEqual = comparison('greaterOrEqual', 'GreaterOrEqual');
/** a = b. */
export const equal = comparison('equal', 'Equal');

const notOp: Op = {
  name: 'not',
  passes: 1,
  gradient: () => [],
  emit: (_node, inputs, emitter) => emitter.node('Not', inputs),
};
/** True where `x` is false. */
export const not = (x: Tensor): Tensor => single(notOp, [x], x.shape);

const selectOp: Op = {
  name: 'select',
  passes: 1,
  gradient: ({ inputs: [condition] }, [dy]) => {
    if (!dy) return [];
    const zero = filled(0, [], dy.dtype);
    return [undefined, select(condition, dy, zero), select(condition, zero, dy)];
  },
  emit: (_node, inputs, emitter) => emitter.node('Where', inputs),
};

/** `a` where the condition holds, else `b`. What is not chosen gets no gradient, not even that of a NaN. */
export function select(condition: Tensor, a: Tensor, b: Tensor): Tensor {
  const dtype = sharedDtype('select', [a, b]);
  const shape = broadcastShape('select', broadcastShape('select', a.shape, b.shape), condition.shape);
  return single(selectOp, [condition, a, b], shape, {}, dtype);
}

function extreme(name: string, type: string, wins: (a: Tensor, b: Tensor) => Tensor) {
  const op: Op = {
    name,
    passes: 1,
    gradient: ({ inputs: [a, b] }, [dy]) => {
      if (!dy) return [];
      const first = mul(dy, cast(wins(a, b), dy.dtype));
      return [first, sub(dy, first)];
    },
    emit: (_node, inputs, emitter) => emitter.node(type, inputs),
  };
  return (a: Tensor, b: Tensor): Tensor => single(op, [a, b], broadcastShape(name, a.shape, b.shape));
}

/** The larger of two. Where they are equal the gradient goes to `a`. */
export const maximum = extreme('maximum', 'Max', (a, b) => greaterOrEqual(a, b));
/** The smaller of two. Where they are equal the gradient goes to `a`. */
export const minimum = extreme('minimum', 'Min', (a, b) => greaterOrEqual(b, a));

/** Nothing beside the rounding of a number near one, and large enough that products with slopes and weights stay normal. */
const TINY = 2 ** -66;

/**
 * Shares of a whole, those below 2⁻⁶⁶ as zeros in float32. Left as they are they become gradients of denormal numbers, which
 * take some processors fifty times as long. NaN stays.
 */
export const withoutTiny = (shares: Tensor): Tensor => {
  if (shares.dtype !== 'float32') return shares;
  const tiny = constant(TINY, shares);
  return sub(maximum(shares, tiny), tiny);
};

/** `x` kept within bounds; its gradient is 0 outside and 1 on the bounds. */
export const clip = (x: Tensor, low: number, high: number): Tensor =>
  minimum(maximum(x, constant(low, x)), constant(high, x));

/** Steeper than any slope that matters, and finite in float32 for |x| < 3.4e8. */
const STEEP = 1e30;

const stepOp: Op = {
  name: 'step',
  passes: 1,
  gradient: () => [],
  lower: ({ inputs: [x] }) => (x.dtype === 'float64' ? [clip(mul(x, constant(STEEP, x)), 0, 1)] : undefined),
  emit: (_node, inputs, emitter) => emitter.node('HardSigmoid', inputs, {}, { floats: { alpha: STEEP, beta: 0 } }),
};

/**
 * 1 for x > 0, else 0: max(0, min(1, 1e30·x)), which the engine has as HardSigmoid, several times faster than Sign or
 * Where. Values below 1e-30 give a number between 0 and 1. Its own gradient is 0.
 */
const step = (x: Tensor): Tensor => single(stepOp, [x], x.shape);

/** max(x, 0); its gradient at 0 is 0. */
export const relu = unary(
  'relu',
  'Relu',
  (x) => Math.max(x, 0),
  (_x, y, dy) => mul(dy, step(y)),
  { increasing: true },
);
