/** ONNX operators in our ops: what an imported network may be made of. */
import * as act from '../activation.ts';
import * as cmp from '../compare.ts';
import { type ConvOptions, conv, conv1d, convTranspose } from '../conv.ts';
import { einsum } from '../einsum.ts';
import * as el from '../elementwise.ts';
import { gather } from '../gather.ts';
import { matmul } from '../linear.ts';
import { batchNorm, groupNorm, layerNorm, rmsNorm } from '../norm.ts';
import { averagePool, maxPool } from '../pool.ts';
import { logSumExp, reduceMax, reduceMean, reduceSum } from '../reduce.ts';
import { concat, expand, pad, reshape, reverse, split, strided, transpose } from '../shape.ts';
import { logSoftmax, softmax } from '../softmax.ts';
import { checkAxis, constant, constantData, data, type Shape, sizeOfShape, type Tensor } from '../tensor.ts';

/** One node to translate. */
export interface Call {
  /** Its inputs; undefined where an optional one is left out. */
  readonly inputs: readonly (Tensor | undefined)[];
  readonly opset: number;
  readonly outputs: number;
  int(name: string, otherwise: number): number;
  ints(name: string): readonly number[] | undefined;
  float(name: string, otherwise: number): number;
  text(name: string, otherwise: string): string;
  /** Refuses the node, with the reason. */
  fail(reason: string): never;
}

type Translate = (call: Call) => Tensor | readonly Tensor[];

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

/** Integers that must be known when the graph is built: input `i`, or in old opsets an attribute. */
function integers(call: Call, i: number, attribute?: string): number[] | undefined {
  const listed = attribute && call.ints(attribute);
  if (listed) return [...listed];
  const input = call.inputs[i];
  if (!input) return undefined;
  const values = constantData(input) ?? call.fail(`its input ${i} is computed from data, and must be constant here`);
  return Array.from(values);
}

const front = (axes: readonly number[], shape: Shape) => axes.map((axis) => checkAxis('axis', axis, shape));

const reduction =
  (f: (x: Tensor, axes: readonly number[], keep: boolean) => Tensor): Translate =>
  (call) => {
    const x = call.inputs[0]!;
    const given = integers(call, 1, 'axes') ?? [];
    const all = given.length === 0;
    if (all && call.int('noop_with_empty_axes', 0)) return x;
    return f(x, all ? x.shape.map((_, i) => i) : front(given, x.shape), call.int('keepdims', 1) === 1);
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

/** Zeros around, `[top, left, bottom, right]` or `[left, right]`, from `pads` or `auto_pad`. */
function padding(call: Call, lengths: Shape, kernel: Shape, strides: Shape, dilations: Shape): readonly number[] {
  const auto = call.text('auto_pad', 'NOTSET');
  if (auto === 'VALID') return new Array(2 * lengths.length).fill(0);
  if (auto === 'NOTSET') return call.ints('pads') ?? new Array(2 * lengths.length).fill(0);
  const total = lengths.map((n, i) => {
    const reach = dilations[i] * (kernel[i] - 1) + 1;
    return Math.max((Math.ceil(n / strides[i]) - 1) * strides[i] + reach - n, 0);
  });
  const near = total.map((n) => (auto === 'SAME_LOWER' ? Math.ceil(n / 2) : Math.floor(n / 2)));
  return [...near, ...total.map((n, i) => n - near[i])];
}

function convOptions(call: Call, x: Tensor, w: Tensor): Required<ConvOptions> {
  const rank = x.shape.length - 2;
  if (rank < 1 || rank > 2) call.fail(`it has ${rank} spatial axes; one and two are supported`);
  const unit = new Array(rank).fill(1);
  const strides = call.ints('strides') ?? unit;
  const dilations = call.ints('dilations') ?? unit;
  const pads = padding(call, x.shape.slice(2), w.shape.slice(2), strides, dilations);
  return { strides, dilations, pads, groups: call.int('group', 1) };
}

/** Calls a function of images with a series given as an image of height one. */
function asImage(x: Tensor, f: (x: Tensor) => Tensor): Tensor {
  if (x.shape.length === 4) return f(x);
  const y = f(reshape(x, [x.shape[0], x.shape[1], 1, x.shape[2]]));
  return reshape(y, [y.shape[0], y.shape[1], y.shape[3]]);
}

function pooling(call: Call, pool: (x: Tensor, options: Parameters<typeof averagePool>[1]) => Tensor): Tensor {
  const x = call.inputs[0]!;
  const kernel = call.ints('kernel_shape')!;
  if (kernel.length > 2) call.fail(`it has ${kernel.length} spatial axes; one and two are supported`);
  if (call.int('ceil_mode', 0)) call.fail('ceil_mode is not supported');
  if (call.ints('dilations')?.some((n) => n !== 1)) call.fail('dilated pooling is not supported');
  if (call.outputs > 1) call.fail('its second output, the places of the maxima, is not supported');
  const strides = call.ints('strides') ?? kernel.map(() => 1);
  const pads = padding(
    call,
    x.shape.slice(2),
    kernel,
    strides,
    kernel.map(() => 1),
  );
  const wide = (v: Shape, fill: number) => (v.length === 1 ? [fill, v[0]] : v);
  const around = pads.length === 2 ? [0, pads[0], 0, pads[1]] : pads;
  const excludePads = call.int('count_include_pad', 0) === 0;
  return asImage(x, (image) =>
    pool(image, { kernel: wide(kernel, 1), strides: wide(strides, 1), pads: around, excludePads }),
  );
}

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

function reshaped(call: Call): Tensor {
  const x = call.inputs[0]!;
  const asked = integers(call, 1, 'shape')!;
  const known = asked.map((n, i) => (n === 0 && !call.int('allowzero', 0) ? x.shape[i] : n));
  const rest = sizeOfShape(known.filter((n) => n !== -1));
  if (rest === 0) call.fail('tensors without elements are not supported');
  return reshape(
    x,
    known.map((n) => (n === -1 ? sizeOfShape(x.shape) / rest : n)),
  );
}

function sliced(call: Call): Tensor {
  const x = call.inputs[0]!;
  const starts = integers(call, 1, 'starts')!;
  const ends = integers(call, 2, 'ends')!;
  const axes = front(integers(call, 3, 'axes') ?? starts.map((_, i) => i), x.shape);
  const steps = integers(call, 4) ?? starts.map(() => 1);
  let y = x;
  axes.forEach((axis, k) => {
    const n = y.shape[axis];
    const clamp = (v: number, low: number, high: number) => Math.min(Math.max(v < 0 ? v + n : v, low), high);
    let [start, end, step] = [clamp(starts[k], 0, n), clamp(ends[k], 0, n), steps[k]];
    if (step < 0) {
      y = reverse(y, [axis]);
      [start, end, step] = [n - 1 - clamp(starts[k], 0, n - 1), n - 1 - clamp(ends[k], -1, n - 1), -step];
    }
    if (end <= start) call.fail('it cuts out nothing');
    const none = y.shape.map(() => 0);
    y = strided(y, none.with(axis, start), y.shape.with(axis, end), none.fill(1).with(axis, step));
  });
  return y;
}

function splitUp(call: Call): readonly Tensor[] {
  const x = call.inputs[0]!;
  const axis = checkAxis('Split', call.int('axis', 0), x.shape);
  const length = Math.ceil(x.shape[axis] / call.outputs);
  const even = Array.from({ length: call.outputs }, (_, i) => Math.min(length, x.shape[axis] - i * length));
  return split(x, axis, integers(call, 1, 'split') ?? even);
}

function padded(call: Call): Tensor {
  const x = call.inputs[0]!;
  if (call.text('mode', 'constant') !== 'constant') call.fail(`mode ${call.text('mode', '')} is not supported`);
  const counts = integers(call, 1, 'pads')!;
  const axes = front(integers(call, 3) ?? x.shape.map((_, i) => i), x.shape);
  const [value] = call.inputs[2] ? integers(call, 2)! : [call.float('value', 0)];
  const [before, after] = [0, axes.length].map((from) => {
    const each = x.shape.map(() => 0);
    axes.forEach((axis, i) => {
      each[axis] = counts[from + i];
    });
    return each;
  });
  const cut = strided(
    x,
    before.map((n) => Math.max(-n, 0)),
    x.shape.map((n, i) => n - Math.max(-after[i], 0)),
  );
  const outside = (counts: number[]) => counts.map((n) => Math.max(n, 0));
  return pad(cut, outside(before), outside(after), value);
}

function unsqueezed(call: Call): Tensor {
  const x = call.inputs[0]!;
  const axes = integers(call, 1, 'axes')!;
  const rank = x.shape.length + axes.length;
  const at = axes.map((axis) => (axis < 0 ? axis + rank : axis));
  const rest = [...x.shape];
  return reshape(
    x,
    Array.from({ length: rank }, (_, i) => (at.includes(i) ? 1 : rest.shift()!)),
  );
}

function squeezed(call: Call): Tensor {
  const x = call.inputs[0]!;
  const given = integers(call, 1, 'axes');
  const axes = given ? front(given, x.shape) : x.shape.flatMap((n, i) => (n === 1 ? [i] : []));
  return reshape(
    x,
    x.shape.filter((_, i) => !axes.includes(i)),
  );
}

function gathered(call: Call): Tensor {
  const [x, indices] = call.inputs.map((t) => t!);
  const axis = checkAxis('Gather', call.int('axis', 0), x.shape);
  const known = constantData(indices);
  if (!known) return gather(x, indices, axis);
  const places = Array.from(known, (i) => (i < 0 ? i + x.shape[axis] : i));
  if (places.some((i) => i < 0 || i >= x.shape[axis])) call.fail(`an index lies outside of axis ${axis}`);
  if (places.length > 1) return gather(x, data(places, indices.shape, 'int64'), axis);
  const from = x.shape.map(() => 0).with(axis, places[0]);
  const one = strided(x, from, x.shape.with(axis, places[0] + 1));
  return reshape(one, x.shape.toSpliced(axis, 1, ...indices.shape));
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

function prelu({ inputs: [x, slope] }: Call): Tensor {
  const zero = constant(0, x!);
  return el.add(
    cmp.relu(x!),
    el.mul(
      slope!,
      cmp.minimum(
        x!,
        expand(
          reshape(
            zero,
            x!.shape.map(() => 1),
          ),
          x!.shape,
        ),
      ),
    ),
  );
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
  PRelu: prelu,
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
  Einsum: (call) => einsum(call.text('equation', ''), ...call.inputs.map((x) => x!)),
  Conv: (call) => {
    const [x, w, bias] = call.inputs;
    const f = x!.shape.length === 3 ? conv1d : conv;
    return f(x!, w!, { ...convOptions(call, x!, w!), ...(bias && { bias }) });
  },
  ConvTranspose: (call) => {
    const [x, w, bias] = call.inputs;
    if (x!.shape.length !== 4) call.fail('only two spatial axes are supported');
    if (call.ints('output_shape') || call.text('auto_pad', 'NOTSET') !== 'NOTSET')
      call.fail('output_shape and auto_pad are not supported; give pads and output_padding');
    const outputPadding = call.ints('output_padding') ?? [0, 0];
    const y = convTranspose(x!, w!, { ...convOptions(call, x!, w!), outputPadding });
    return bias ? el.add(y, reshape(bias, [bias.shape[0], 1, 1])) : y;
  },
  MaxPool: (call) => pooling(call, maxPool),
  AveragePool: (call) => pooling(call, averagePool),
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
  ReduceLogSumExp: byAxis(logSumExp),
  ReduceSumSquare: reduction((x, axes, keep) => reduceSum(el.square(x), axes, keep)),
  ReduceL2: reduction((x, axes, keep) => el.sqrt(reduceSum(el.square(x), axes, keep))),
  ReduceL1: reduction((x, axes, keep) => reduceSum(el.abs(x), axes, keep)),
};

/** Operators of ONNX Runtime's own domain that mean what ours of the name mean. */
export const MICROSOFT_OPERATORS: ReadonlySet<string> = new Set(['Gelu', 'FastGelu', 'QuickGelu']);
