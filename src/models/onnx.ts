/** Networks that users bring as ONNX files: stored tensors become parameters, the rest stays as it is. */
import { shapeError } from '../errors.ts';
import {
  cast,
  concat,
  decodeModel,
  encodeModel,
  filled,
  importGraph,
  inlined,
  input as inputTensor,
  mul,
  type OnnxModel,
  type OnnxNode,
  opsetOf,
  reshape,
  sizeOfShape,
  storedNumbers,
  sub,
  type Tensor,
  tensorType,
  transpose,
  unsupported,
} from '../graph/index.ts';
import { eachChain, type Model, type Parameter, type Role } from './model.ts';

/** Which stored tensors are sampled: all that the network learned, those of its last layer, or the named ones. */
export type ParameterChoice = 'all' | 'last' | readonly string[];

/** A network as its file describes it. */
export interface OnnxNetwork {
  readonly source: string;
  readonly onnx: OnnxModel;
  readonly opset: number;
  /** Shape of one row of input; the first axis of the file's input counts rows. */
  readonly row: readonly number[];
  /** p: numbers in one row. */
  readonly inputs: number;
  /** Outputs of one row. */
  readonly outputs: number;
  /** What the file puts on its outputs and a likelihood puts there itself; left off. */
  readonly ending: 'none' | 'Softmax' | 'LogSoftmax' | 'Sigmoid';
  /** Stored tensors of reals in the file's order, their numbers, and whether the network learned them, as it seems. */
  readonly tensors: readonly (Required<Parameter> & {
    readonly values: ArrayLike<number>;
    readonly learned: boolean;
  })[];
  /** Names of the learned ones of the last layer. */
  readonly last: readonly string[];
}

/** Reads files that a model refers to, from beside it. */
export type External = (file: string) => Uint8Array;

/**
 * Reads an ONNX file. Throws a `ShapeError` for a file that is none or is damaged, an opset or operators that are not
 * known (every node of them is named), inputs of open shape, numbers other than float32, data that are missing.
 */
export function readOnnx(bytes: Uint8Array, source: string, external: External): OnnxNetwork {
  const onnx = decoded(bytes, source);
  try {
    return described(withoutExternal(onnx, external), source);
  } catch (cause) {
    throw shapeError(`${source}: ${(cause as Error).message}`, { cause });
  }
}

/** The file again, with everything it referred to inside. */
export const onnxBytes = ({ onnx }: OnnxNetwork): Uint8Array => encodeModel(onnx);

function decoded(bytes: Uint8Array, source: string): OnnxModel {
  let model: OnnxModel | undefined;
  let cause: unknown;
  try {
    model = decodeModel(bytes);
  } catch (error) {
    cause = error;
  }
  if (model?.graph && model.graph.node.length > 0 && model.opsetImport.length > 0) return model;
  throw shapeError(
    `${source}: expected an ONNX model, got ${bytes.length} bytes that are none, or only its beginning. ` +
      'Export the network again.',
    { cause },
  );
}

function withoutExternal(model: OnnxModel, external: External): OnnxModel {
  const initializer = model.graph.initializer.map((tensor) => inlined(`tensor '${tensor.name}'`, tensor, external));
  return { ...model, graph: { ...model.graph, initializer } };
}

const NONE: External = (file) => {
  throw shapeError(`expected the numbers in the file itself, got a reference to ${file}.`);
};

function described(model: OnnxModel, source: string): OnnxNetwork {
  const faults = unsupported(model);
  if (faults.length > 0) {
    throw shapeError(`expected operators that can be differentiated here, got:\n  ${faults.join('\n  ')}`);
  }
  const opset = opsetOf(model);
  const { onnx, ending } = withoutEnding(model);
  const row = rowShape(onnx);
  const tensors = storedTensors(onnx);
  const inputs = sizeOfShape(row);
  const outputs = outputWidth(onnx, row);
  return { source, onnx, opset, row, inputs, outputs, ending, tensors, last: lastLayer(onnx, tensors) };
}

/** Likelihoods take logits: a softmax or sigmoid at the end is left off. */
function withoutEnding(model: OnnxModel): { onnx: OnnxModel; ending: OnnxNetwork['ending'] } {
  const { graph } = model;
  const [output] = graph.output;
  const last = graph.node.find((node) => node.output.includes(output?.name));
  if (!last || !['Softmax', 'LogSoftmax', 'Sigmoid'].includes(last.opType)) return { onnx: model, ending: 'none' };
  const node = graph.node.filter((other) => other !== last);
  const trimmed = { ...graph, node, output: [{ ...output, name: last.input[0] }] };
  return { onnx: { ...model, graph: trimmed }, ending: last.opType as OnnxNetwork['ending'] };
}

/** The one input that is not stored. */
function openInput({ graph }: OnnxModel) {
  const stored = new Set(graph.initializer.map(({ name }) => name));
  const open = graph.input.filter(({ name }) => !stored.has(name));
  if (open.length === 1 && graph.output.length === 1) return open[0];
  throw shapeError(
    `expected one input and one output, got inputs ${open.map(({ name }) => name).join(', ') || 'none'} and outputs ` +
      `${graph.output.map(({ name }) => name).join(', ') || 'none'}. Export the part between one of each.`,
  );
}

function rowShape(model: OnnxModel): number[] {
  const { name, type } = openInput(model);
  const axes = type.tensorType?.shape?.dim ?? [];
  const open = axes.findIndex(({ dimValue }, i) => i > 0 && !(dimValue && dimValue > 0));
  if (axes.length >= 2 && open < 0) return axes.slice(1).map(({ dimValue }) => dimValue!);
  const shown = axes.map(({ dimValue, dimParam }) => dimParam || dimValue || '?').join(', ');
  throw shapeError(
    `input '${name}': expected rows along the first axis and fixed lengths of the others, got [${shown}]. ` +
      'Export the network with a dynamic first axis only.',
  );
}

/** Learned inputs by operator: what lies at each place, null for what is not learned. */
const LEARNED: Readonly<Record<string, readonly (Role | null)[]>> = {
  MatMul: ['outIn', 'inOut'],
  Gemm: ['outIn', 'inOut', 'bias'],
  Conv: [null, 'outIn', 'bias'],
  ConvTranspose: [null, 'inOut', 'bias'],
  Einsum: ['other', 'other'],
  Gather: ['other'],
  PRelu: [null, 'other'],
  BatchNormalization: [null, 'other', 'bias'],
  LayerNormalization: [null, 'other', 'bias'],
  InstanceNormalization: [null, 'other', 'bias'],
  GroupNormalization: [null, 'other', 'bias'],
  RMSNormalization: [null, 'other'],
};
const WEIGHTED = ['MatMul', 'Gemm', 'Conv', 'ConvTranspose', 'Einsum', 'Gather'];
/** Biases and scales, once the data have met a weight; before that they scale the data and are not learned. */
const AFFINE: Readonly<Record<string, Role>> = { Add: 'bias', Mul: 'other' };
const PASSING = ['Transpose', 'Identity'];

const FLOAT = 1;

/**
 * Every stored tensor of reals; those that a file does not show to be learned are sampled only when they are named. The
 * first node that uses one decides its role; weights of Einsum and of stacked products are `other`.
 */
function storedTensors({ graph }: OnnxModel): OnnxNetwork['tensors'] {
  const open = new Set<string>();
  const ranks = new Map(graph.initializer.map(({ name, dims }) => [name, dims.length]));
  const roles = new Map<string, Role>();
  const origin = new Map<string, { readonly name: string; readonly turned: boolean }>();
  for (const node of graph.node) {
    const { opType, input, output } = node;
    const from = input.map((name) => origin.get(name) ?? { name, turned: false });
    if (PASSING.includes(opType) && ranks.has(from[0].name)) {
      origin.set(output[0], { ...from[0], turned: from[0].turned !== (opType === 'Transpose') });
    }
    const after = input.some((name) => open.has(name));
    from.forEach(({ name, turned }, i) => {
      const role = LEARNED[opType]?.[i] ?? (after ? AFFINE[opType] : undefined);
      if (!role || roles.has(name)) return;
      const stacked = opType === 'MatMul' && ranks.get(name) !== 2;
      roles.set(name, stacked ? 'other' : turned === transposes(node, i) ? role : (TURNED[role] ?? role));
    });
    if (after || (WEIGHTED.includes(opType) && from.some(({ name }) => ranks.has(name)))) {
      for (const name of output) open.add(name);
    }
  }
  return graph.initializer
    .filter(({ dims, dataType }) => dataType === FLOAT && dims.length > 0)
    .map((tensor) => ({
      name: tensor.name,
      shape: tensor.dims,
      start: { constant: 0 },
      role: roles.get(tensor.name) ?? 'other',
      learned: roles.has(tensor.name),
      values: storedNumbers(`tensor '${tensor.name}'`, tensor, NONE),
    }));
}

const TURNED: Partial<Record<Role, Role>> = { outIn: 'inOut', inOut: 'outIn' };

/** Whether a node takes its input i transposed. */
const transposes = ({ opType, attribute }: OnnxNode, i: number): boolean =>
  opType === 'Gemm' && attribute.some(({ name, i: set }) => name === ['transA', 'transB'][i] && set === 1);

/** The learned tensors from the last weighted node on. */
function lastLayer({ graph }: OnnxModel, tensors: OnnxNetwork['tensors']): string[] {
  const names = new Set(tensors.flatMap(({ name, learned }) => (learned ? [name] : [])));
  const makers = new Map(graph.node.flatMap((node) => node.output.map((name): [string, OnnxNode] => [name, node])));
  const origin = (name: string): string => {
    const maker = makers.get(name);
    return maker && PASSING.includes(maker.opType) ? origin(maker.input[0]) : name;
  };
  const found = new Set<string>();
  for (const node of graph.node.toReversed()) {
    if (PASSING.includes(node.opType)) continue;
    const mine = node.input.map(origin).filter((name) => names.has(name));
    for (const name of mine) found.add(name);
    if (mine.length > 0 && WEIGHTED.includes(node.opType)) break;
  }
  return tensors.flatMap(({ name }) => (found.has(name) ? [name] : []));
}

/** Runs the shapes of two rows through the graph. */
function outputWidth(onnx: OnnxModel, row: readonly number[]): number {
  const { name, type } = openInput(onnx);
  const dtype = tensorType(`input '${name}'`, type.tensorType!.elemType);
  const [y] = importGraph(onnx, new Map([[name, inputTensor(name, [2, ...row], dtype)]]), NONE);
  const width = sizeOfShape(y.shape) / 2;
  if (y.shape[0] === 2 && y.shape.slice(2).every((n) => n === 1)) return width;
  throw shapeError(
    `output: expected [rows, outputs], got [${y.shape.join(', ')}] for two rows. ` +
      'Export the network with a dynamic first axis, up to one vector for each row.',
  );
}

export interface OnnxModelOptions {
  readonly parameters: ParameterChoice;
  /** K for classes; 0 for a real target. */
  readonly classes: number;
  /** Mean and deviation that the target was standardised with. Default 0 and 1. */
  readonly target?: { readonly mean: number; readonly sd: number };
}

/**
 * The network as a model whose parameters are the chosen tensors and whose start is what the file holds. Outputs are
 * logits for classes; for a real target the mean, and where there are two the log deviation, in the file's units,
 * which are brought to those of the standardised target. Throws a `ShapeError` for names or outputs that do not fit.
 */
export function onnxModel(network: OnnxNetwork, { parameters, classes, target }: OnnxModelOptions): Model {
  const { onnx, row, source, outputs } = network;
  const sampled = chosenTensors(network, parameters);
  const { name, type } = openInput(onnx);
  const dtype = tensorType(`input '${name}'`, type.tensorType!.elemType);
  const expected = classes === 0 ? [1, 2] : classes === 2 ? [1, 2] : [classes];
  if (!expected.includes(outputs)) {
    throw shapeError(
      `${source}: expected ${expected.join(' or ')} outputs for ${classes === 0 ? 'a real target' : `${classes} classes`}, ` +
        `got ${outputs}. Check the target, or the network.`,
    );
  }
  return {
    name: `${source} (${sampled.length} of ${network.tensors.length} tensors)`,
    parameters: sampled.map(({ name, shape, start, role }) => ({ name, shape, start, role })),
    initial: () => Float64Array.from(sampled.flatMap(({ values }) => Array.from(values))),
    forward: eachChain((named, x) => {
      const rows = x.shape[0];
      const given = new Map(sampled.map((tensor) => [tensor.name, named[tensor.name]]));
      given.set(name, cast(reshape(x, [rows, ...row]), dtype === 'float32' ? x.dtype : dtype));
      const [y] = importGraph(onnx, given, NONE);
      return adapted(transpose(reshape(y, [rows, outputs]), [1, 0]), classes, target);
    }),
  };
}

function chosenTensors({ tensors, last, source }: OnnxNetwork, choice: ParameterChoice): OnnxNetwork['tensors'] {
  const all = tensors.flatMap(({ name, learned }) => (learned ? [name] : []));
  const wanted = choice === 'all' ? all : choice === 'last' ? last : choice;
  const strange = wanted.filter((name) => !tensors.some((tensor) => tensor.name === name));
  if (strange.length === 0 && wanted.length > 0) return tensors.filter(({ name }) => wanted.includes(name));
  throw shapeError(
    `${source}: expected names of its tensors (${tensors.map(({ name }) => name).join(', ') || 'it has none'}), ` +
      `got ${strange.join(', ') || 'none'}. See smile inspect.`,
  );
}

/** Outputs `[outputs, rows]` as the likelihoods take them. */
function adapted(y: Tensor, classes: number, { mean, sd } = { mean: 0, sd: 1 }): Tensor {
  const [outputs, rows] = y.shape;
  if (classes === 2 && outputs === 1) return concat([filled(0, [1, rows], y.dtype), y], 0);
  if (classes > 0) return y;
  const shift = [mean, Math.log(sd)].slice(0, outputs);
  const scale = [1 / sd, 1].slice(0, outputs);
  const column = (values: number[]) =>
    concat(
      values.map((v) => filled(v, [1, 1], y.dtype)),
      0,
    );
  return mean === 0 && sd === 1 ? y : mul(sub(y, column(shift)), column(scale));
}
