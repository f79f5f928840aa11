/** Activation functions. */
import erfc from '@stdlib/math-base-special-erfc';
import { greater, relu, select } from './compare.ts';
import { abs, add, div, exp, log, mul, neg, square, sub } from './elementwise.ts';
import { composite, constant, type Op, outputOf, single, type Tensor } from './tensor.ts';
import { MICROSOFT } from './types.ts';
import { unary } from './unary.ts';

export const tanh = unary('tanh', 'Tanh', Math.tanh, (x, y, dy) => mul(dy, sub(constant(1, x), square(y))));

/** 1/(1 + e^{−x}). */
export const sigmoid = unary(
  'sigmoid',
  'Sigmoid',
  (x) => 1 / (1 + Math.exp(-x)),
  (x, y, dy) => mul(dy, mul(y, sub(constant(1, x), y))),
);

/** The error function. float32 only: the runtime has no other. */
export const erf = unary(
  'erf',
  'Erf',
  (x) => 1 - erfc(x),
  (x, _y, dy) => mul(dy, mul(exp(neg(square(x))), constant(2 / Math.sqrt(Math.PI), x))),
);

/** log(1 + e^x), safe for inputs of any size. */
export const softplus = (x: Tensor): Tensor => add(relu(x), log(add(exp(neg(abs(x))), constant(1, x))));

/** x/(1 + |x|). */
export const softsign = (x: Tensor): Tensor => div(x, add(abs(x), constant(1, x)));

/** x · sigmoid(x), also called swish. */
export const silu = composite(
  'silu',
  (x) => mul(x, sigmoid(x)),
  ([x], y, dy) => {
    const s = sigmoid(x);
    return [mul(dy, add(s, sub(y, mul(y, s))))];
  },
);

/** x for x > 0, else `slope`·x. */
export const leakyRelu = (x: Tensor, slope = 0.01): Tensor =>
  select(greater(x, constant(0, x)), x, mul(x, constant(slope, x)));

/** x for x > 0, else α(e^x − 1). */
export function elu(x: Tensor, alpha = 1): Tensor {
  const zero = constant(0, x);
  const below = select(greater(x, zero), zero, x);
  return select(greater(x, zero), x, mul(sub(exp(below), constant(1, x)), constant(alpha, x)));
}

/** max(0, min(1, αx + β)). */
export const hardSigmoid = (x: Tensor, alpha = 1 / 6, beta = 0.5): Tensor => {
  const line = add(mul(x, constant(alpha, x)), constant(beta, x));
  return sub(relu(line), relu(sub(line, constant(1, x))));
};

/** x² and the inner function x(a + bx²) of GELU's sigmoid form. */
function geluParts(x: Tensor) {
  const a = 2 * Math.sqrt(2 / Math.PI);
  const slope = add(mul(square(x), constant(0.044715 * a, x)), constant(a, x));
  return { a, slope, s: sigmoid(mul(x, slope)) };
}

const geluOp: Op = {
  name: 'gelu',
  passes: 2,
  lower: ({ inputs: [x] }, { runtime }) =>
    runtime === 'cpu' && x.dtype === 'float32' ? undefined : [mul(x, geluParts(x).s)],
  gradient: (node, [dy]) => {
    if (!dy) return [];
    const [x] = node.inputs;
    const y = outputOf(node);
    const { a, slope, s } = geluParts(x);
    const inner = sub(mul(slope, constant(3, x)), constant(2 * a, x));
    return [mul(dy, add(s, mul(sub(y, mul(y, s)), inner)))];
  },
  emit: (_node, inputs, emitter) => emitter.node('FastGelu', inputs, {}, MICROSOFT),
};

/**
 * The tanh form of GELU, ½x(1 + tanh(√(2/π)(x + 0.044715x³))): one node where the runtime has it, else, and for the
 * gradient, x·sigmoid(x(a + bx²)), the same function with fewer passes over memory.
 */
export const gelu = (x: Tensor): Tensor => single(geluOp, [x], x.shape);

/** GELU itself, x·Φ(x) = ½x(1 + erf(x/√2)). */
export const geluExact = (x: Tensor): Tensor =>
  mul(mul(x, constant(0.5, x)), add(erf(mul(x, constant(Math.SQRT1_2, x))), constant(1, x)));
