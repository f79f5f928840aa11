/** ONNX operators in our ops: what an imported network may be made of. */
import * as act from '../activation.ts';
import * as cmp from '../compare.ts';
import { einsum } from '../einsum.ts';
import * as el from '../elementwise.ts';
import { matmul } from '../linear.ts';
import { batchNorm, groupNorm, layerNorm, rmsNorm } from '../norm.ts';
import { logSumExp, reduceMax, reduceMean, reduceSum } from '../reduce.ts';
import { concat, expand, reshape, split, transpose } from '../shape.ts';
import { logSoftmax, softmax } from '../softmax.ts';
import { checkAxis, constant, sizeOfShape, type Tensor } from '../tensor.ts';
import type { Shape } from '../types.ts';
import { type Call, integers, reducedAxes, type Translate } from './call.ts';
import { gathered, padded, reshaped, sliced, splitUp, squeezed, unsqueezed } from './moving.ts';
import { WINDOWS } from './windows.ts';

const unary =
  (f: (x: Tensor) => Tensor): Translate =>
  ({ inputs: [x] }) =>
    f(x!);
const binary =
  (f: (a: Tensor, b: Tensor) => Tensor): Translate =>
  ({ inputs: [a, b] }) =>
    f(a!, b!);
const folded =
  (f: (a: Tensor, b: Tensor) => Tensor): Translate =>
  ({ inputs }) =>
    inputs.map((x) => x!).reduce(f);

const reduction =
  (f: (x: Tensor, axes: readonly number[], keep: boolean) => Tensor): Translate =>
  (call) => {
    const x = call.inputs[0]!;
    const axes = reducedAxes(call);
    return axes ? f(x, axes, call.int('keepdims', 1) === 1) : x;
  };

/** A reduction of one axis at a time. */
const byAxis = (f: (x: Tensor, axis: number) => Tensor) =>
  reduction((x, axes, keep) => {
    const reduced = axes.reduce(f, x);
    return keep
      ? reduced
      : reshape(
          reduced,
          x.shape.filter((_, i) => !axes.includes(i)),
        );
  });

/** Softmax over one axis; before opset 13 over all axes from the given one on. */
const softmaxOf =
  (f: (x: Tensor, axis: number) => Tensor): Translate =>
  (call) => {
    const x = call.inputs[0]!;
    if (call.opset >= 13) return f(x, checkAxis('softmax', call.int('axis', -1), x.shape));
    const axis = checkAxis('softmax', call.int('axis', 1), x.shape);
    const rows = sizeOfShape(x.shape.slice(0, axis));
    return reshape(f(reshape(x, [rows, sizeOfShape(x.shape) / rows]), 1), x.shape);
  };

function gemm(call: Call): Tensor {
  const [a, b, c] = call.inputs;
  const product = matmul(a!, b!, {
    transposeA: call.int('transA', 0) === 1,
    transposeB: call.int('transB', 0) === 1,
    alpha: call.float('alpha', 1),
  });
  return c ? el.add(product, el.mul(c, constant(call.float('beta', 1), c))) : product;
}

/** Products of tensors of any rank, vectors included, as NumPy's matmul. */
function product(a: Tensor, b: Tensor): Tensor {
  const left = a.shape.length === 1 ? reshape(a, [1, a.shape[0]]) : a;
  const right = b.shape.length === 1 ? reshape(b, [b.shape[0], 1]) : b;
  // Rows times one matrix: as one product, not as a batch of them.
  const flat = right.shape.length === 2 && left.shape.length > 2;
  const rows = flat ? reshape(left, [sizeOfShape(left.shape.slice(0, -1)), left.shape.at(-1)!]) : left;
  const y = matmul(rows, right);
  const shape = flat ? [...left.shape.slice(0, -1), y.shape[1]] : [...y.shape];
  const kept = shape.filter(
    (_, i) => !(a.shape.length === 1 && i === shape.length - 2) && !(b.shape.length === 1 && i === shape.length - 1),
  );
  return reshape(y, kept);
}

function normalised(call: Call): Tensor {
  const [x, scale, bias] = call.inputs;
  const axis = checkAxis('LayerNormalization', call.int('axis', -1), x!.shape);
  const width = sizeOfShape(x!.shape.slice(axis));
  if (call.outputs > 1) call.fail('its outputs beside the first are not supported');
  const rows = reshape(x!, [sizeOfShape(x!.shape) / width, width]);
  const flat = (t: Tensor) => reshape(expand(t, x!.shape.slice(axis)), [width]);
  return reshape(layerNorm(rows, flat(scale!), bias && flat(bias), call.float('epsilon', 1e-5)), x!.shape);
}

function batchNormalised(call: Call): Tensor {
  const [x, scale, bias, mean, variance] = call.inputs.map((t) => t!);
  if (call.int('training_mode', 0)) call.fail('it is in training mode; export the network in evaluation mode');
  if (call.outputs > 1) call.fail('its outputs beside the first are not supported');
  return batchNorm(x, { scale, bias, mean, variance }, call.float('epsilon', 1e-5));
}

function groupNormalised(call: Call): Tensor {
  const [x, scale, bias] = call.inputs.map((t) => t!);
  const groups = call.int('num_groups', 1);
  // Before opset 21 scale and bias were given per group.
  const each = (v: Tensor) => {
    const repeats = x.shape[1] / v.shape[0];
    return reshape(expand(reshape(v, [v.shape[0], 1]), [v.shape[0], repeats]), [x.shape[1]]);
  };
  return groupNorm(x, groups, each(scale), each(bias), call.float('epsilon', 1e-5));
}

function clipped(call: Call): Tensor {
  const [x, low, high] = call.inputs;
  const bound = (given: Tensor | undefined, name: string, otherwise: number) =>
    given ?? constant(call.float(name, otherwise), x!);
  return cmp.minimum(cmp.maximum(x!, bound(low, 'min', -3.4e38)), bound(high, 'max', 3.4e38));
}

const SELU = { alpha: 1.6732631921768188, gamma: 1.0507010221481323 };
const ALPHA = 0.2;

/** By operator type of the standard's own domain, and of ONNX Runtime's where they have it. */
export const OPERATORS: Readonly<Record<string, Translate>> = {
  Identity: unary((x) => x),
  Dropout: (call) => {
    if (call.outputs > 1) call.fail('its mask is not supported');
    const [training] = integers(call, 2) ?? [0];
    return training ? call.fail('it is in training mode; export the network in evaluation mode') : call.inputs[0]!;
  },
  Add: binary(el.add),
  Sub: binary(el.sub),
  Mul: binary(el.mul),
  Div: binary(el.div),
  Pow: ({ inputs: [a, p] }) => el.pow(a!, el.cast(p!, a!.dtype)),
  Sum: folded(el.add),
  Max: folded(cmp.maximum),
  Min: folded(cmp.minimum),
  Mean: ({ inputs }) => {
    const sum = inputs.map((x) => x!).reduce(el.add);
    return el.mul(sum, constant(1 / inputs.length, sum));
  },
  Neg: unary(el.neg),
  Abs: unary(el.abs),
  Sign: unary(el.sign),
  Floor: unary(el.floor),
  Ceil: unary(el.ceil),
  Exp: unary(el.exp),
  Log: unary(el.log),
  Sqrt: unary(el.sqrt),
  Reciprocal: unary(el.reciprocal),
  Sin: unary(el.sin),
  Cos: unary(el.cos),
  Erf: unary(act.erf),
  Tanh: unary(act.tanh),
  Sigmoid: unary(act.sigmoid),
  Relu: unary(cmp.relu),
  Softplus: unary(act.softplus),
  Softsign: unary(act.softsign),
  Mish: unary((x) => el.mul(x, act.tanh(act.softplus(x)))),
  HardSwish: unary((x) => el.mul(x, act.hardSigmoid(x))),
  HardSigmoid: (call) => act.hardSigmoid(call.inputs[0]!, call.float('alpha', ALPHA), call.float('beta', 0.5)),
  LeakyRelu: (call) => act.leakyRelu(call.inputs[0]!, call.float('alpha', 0.01)),
  Elu: (call) => act.elu(call.inputs[0]!, call.float('alpha', 1)),
  Selu: (call) => {
    const y = act.elu(call.inputs[0]!, call.float('alpha', SELU.alpha));
    return el.mul(y, constant(call.float('gamma', SELU.gamma), y));
  },
  Gelu: (call) => (call.text('approximate', 'none') === 'tanh' ? act.gelu : act.geluExact)(call.inputs[0]!),
  FastGelu: ({ inputs: [x, bias] }) => act.gelu(bias ? el.add(x!, bias) : x!),
  QuickGelu: (call) => {
    const x = call.inputs[0]!;
    return el.mul(x, act.sigmoid(el.mul(x, constant(call.float('alpha', 1.702), x))));
  },
  PRelu: ({ inputs: [x, slope] }) => el.add(cmp.relu(x!), el.mul(slope!, cmp.minimum(x!, constant(0, x!)))),
  Clip: clipped,
  Where: ({ inputs: [condition, a, b] }) => cmp.select(condition!, a!, b!),
  Greater: binary(cmp.greater),
  GreaterOrEqual: binary(cmp.greaterOrEqual),
  Less: binary((a, b) => cmp.greater(b, a)),
  LessOrEqual: binary((a, b) => cmp.greaterOrEqual(b, a)),
  Equal: binary(cmp.equal),
  Not: unary(cmp.not),
  MatMul: binary(product),
  Gemm: gemm,
  ...WINDOWS,
  Einsum: (call) => einsum(call.text('equation', ''), ...call.inputs.map((x) => x!)),
  GlobalAveragePool: ({ inputs: [x] }) => reduceMean(x!, x!.shape.map((_, i) => i).slice(2), true),
  GlobalMaxPool: ({ inputs: [x] }) =>
    x!.shape
      .map((_, i) => i)
      .slice(2)
      .reduce(reduceMax, x!),
  BatchNormalization: batchNormalised,
  LayerNormalization: normalised,
  GroupNormalization: groupNormalised,
  InstanceNormalization: (call) => {
    const [x, scale, bias] = call.inputs.map((t) => t!);
    return groupNorm(x, x.shape[1], scale, bias, call.float('epsilon', 1e-5));
  },
  RMSNormalization: (call) => rmsNorm(call.inputs[0]!, call.inputs[1]!, call.float('epsilon', 1e-5)),
  Softmax: softmaxOf(softmax),
  LogSoftmax: softmaxOf(logSoftmax),
  Reshape: reshaped,
  Flatten: (call) => {
    const x = call.inputs[0]!;
    const axis = call.int('axis', 1);
    const rows = sizeOfShape(x.shape.slice(0, axis < 0 ? axis + x.shape.length : axis));
    return reshape(x, [rows, sizeOfShape(x.shape) / rows]);
  },
  Squeeze: squeezed,
  Unsqueeze: unsqueezed,
  Transpose: (call) => {
    const x = call.inputs[0]!;
    return transpose(x, call.ints('perm') ?? x.shape.map((_, i) => x.shape.length - 1 - i));
  },
  Concat: (call) =>
    concat(
      call.inputs.map((x) => x!),
      call.int('axis', 0),
    ),
  Split: splitUp,
  Slice: sliced,
  Pad: padded,
  Gather: gathered,
  Expand: (call) => {
    const x = call.inputs[0]!;
    const asked = integers(call, 1)!;
    const rank = Math.max(asked.length, x.shape.length);
    const lead = (shape: Shape) => [...new Array(rank - shape.length).fill(1), ...shape];
    const [from, to] = [lead(x.shape), lead(asked)];
    return expand(
      x,
      from.map((n, i) => (n === 1 ? to[i] : n)),
    );
  },
  ReduceSum: reduction(reduceSum),
  ReduceMean: reduction(reduceMean),
  ReduceMax: byAxis(reduceMax),
  ReduceMin: byAxis((x, axis) => el.neg(reduceMax(el.neg(x), axis))),
  ReduceProd: byAxis((x, axis) => split(x, axis, new Array(x.shape[axis]).fill(1)).reduce((a, b) => el.mul(a, b))),
  ReduceLogSumExp: byAxis(logSumExp),
  ReduceLogSum: reduction((x, axes, keep) => el.log(reduceSum(x, axes, keep))),
  ReduceSumSquare: reduction((x, axes, keep) => reduceSum(el.square(x), axes, keep)),
  ReduceL2: reduction((x, axes, keep) => el.sqrt(reduceSum(el.square(x), axes, keep))),
  ReduceL1: reduction((x, axes, keep) => reduceSum(el.abs(x), axes, keep)),
};

/** Operators of ONNX Runtime's own domain that mean what ours of the name mean. */
export const MICROSOFT_OPERATORS: ReadonlySet<string> = new Set(['Gelu', 'FastGelu', 'QuickGelu']);
