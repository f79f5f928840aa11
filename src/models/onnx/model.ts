/** A network from an ONNX file as a model: chosen tensors are its parameters, outputs are what likelihoods take. */
import { shapeError } from '../../errors.ts';
import {
  add,
  cast,
  concat,
  constant,
  data,
  filled,
  importGraph,
  importValues,
  input,
  log,
  maximum,
  mul,
  reshape,
  sizeOfShape,
  sub,
  type Tensor,
  tensorType,
  transpose,
} from '../../graph/index.ts';
import { dimensionOf, eachChain, type Model } from '../model.ts';
import type { GraphSpec } from '../posterior.ts';
import type { OnnxNetwork } from './network.ts';
import { NONE, openInput } from './read.ts';

/** Which stored tensors are sampled: all that the network learned, those of its last layer, or the named ones. */
export type ParameterChoice = 'all' | 'last' | readonly string[];

/** What the outputs of a classifier are: logits, or probabilities, whose logits are found; auto: what the graph shows. */
export type OutputChoice = 'auto' | 'logits' | 'probabilities';

export interface OnnxModelOptions {
  readonly parameters: ParameterChoice;
  /** Parameters are offsets from the given weights, as `aroundWeights` has them, and chains start at none. Default false. */
  readonly around?: boolean;
  /** K for classes; 0 for a real target. */
  readonly classes: number;
  /** What the outputs are, for classes. Default auto. */
  readonly outputs?: OutputChoice;
  /** Mean and deviation that the target was standardised with. Default 0 and 1. */
  readonly target?: { readonly mean: number; readonly sd: number };
}

/**
 * The network as a model whose parameters are the chosen tensors and whose start is what the file holds. Outputs are
 * logits for classes; for a real target the mean, and where there are two the log deviation, in the file's units,
 * which are brought to those of the standardised target. Throws a `ShapeError` for names or outputs that do not fit.
 */
export function onnxModel(network: OnnxNetwork, options: OnnxModelOptions): Model {
  const { row, source, tensors } = network;
  const { parameters, classes, target, around = false } = options;
  const sampled = chosenTensors(network, parameters);
  checkOutputs(network, classes);
  checkStarts(network, sampled, around);
  const { name, type } = openInput(network.onnx);
  const dtype = tensorType(`input '${name}'`, type.tensorType!.elemType);
  const { output, adapt } = classes > 0 ? logitsOf(network, options) : { output: undefined, adapt: inUnitsOf(target) };
  const { graph } = network.onnx;
  const onnx = output
    ? { ...network.onnx, graph: { ...graph, output: [{ ...graph.output[0], name: output }] } }
    : network.onnx;
  return {
    name: `${source} (${sampled.length} of ${tensors.length} tensors)`,
    parameters: sampled.map(({ name, shape, start, role }) => ({ name, shape, start, role })),
    initial: (_key, chain = 0) => (around ? new Float64Array(dimensionOf(sampled)) : startOf(network, sampled, chain)),
    forward: eachChain((named, x) => {
      const rows = x.shape[0];
      const given = new Map(
        sampled.map((tensor) => {
          const value = named[tensor.name];
          return [tensor.name, around ? aroundWeights(tensor, value) : value];
        }),
      );
      given.set(name, cast(reshape(x, [rows, ...row]), dtype === 'float32' ? x.dtype : dtype));
      const [y] = importGraph(onnx, given, NONE);
      return adapt(transpose(reshape(y, [rows, sizeOfShape(y.shape) / rows]), [1, 0]));
    }),
  };
}

type Sampled = OnnxNetwork['tensors'][number];

/** Where chain k starts: at the weights of the file, or of further starts, in turn. */
function startOf({ starts }: OnnxNetwork, sampled: readonly Sampled[], chain: number): Float64Array {
  const own = chain % (starts.length + 1);
  const values = (tensor: Sampled) => (own === 0 ? tensor.values : starts[own - 1].get(tensor.name)!);
  return Float64Array.from(sampled.flatMap((tensor) => Array.from(values(tensor))));
}

/** Several starts are one posterior where they share all that is not sampled, and no weights that the prior is around. */
function checkStarts({ source, starts, tensors }: OnnxNetwork, sampled: readonly Sampled[], around: boolean): void {
  if (starts.length === 0) return;
  if (around) {
    throw shapeError(
      `${source}: expected one network for a prior around its weights, got ${starts.length + 1}. Give one, or leave the prior out.`,
    );
  }
  const fixed = tensors.filter((tensor) => !sampled.includes(tensor));
  const other = fixed.find(({ name, values }) =>
    starts.some((weights) => Array.from(values).some((v, i) => v !== weights.get(name)?.[i])),
  );
  if (!other) return;
  throw shapeError(
    `${source}: expected tensors that are not sampled to be the same in all networks, got others in '${other.name}'. ` +
      'Sample it (--parameters), or give one network.',
  );
}

/** The unit of offsets from the weights of a tensor: their root mean square, and at least 1. */
export function unitOf({ values }: Pick<Sampled, 'values'>): number {
  let square = 0;
  for (let i = 0; i < values.length; i++) square += values[i] ** 2;
  return Math.max(1, Math.sqrt(square / values.length));
}

/** Weights from offsets: those of the file plus the offset in their unit. */
function aroundWeights(tensor: Sampled, offset: Tensor): Tensor {
  const given = data(Float64Array.from(tensor.values), tensor.shape, offset.dtype);
  return add(given, mul(offset, constant(unitOf(tensor), offset)));
}

function checkOutputs({ source, outputs }: OnnxNetwork, classes: number): void {
  const expected = classes === 0 || classes === 2 ? [1, 2] : [classes];
  if (expected.includes(outputs)) return;
  throw shapeError(
    `${source}: expected ${expected.join(' or ')} outputs for ${classes === 0 ? 'a real target' : `${classes} classes`}, ` +
      `got ${outputs}. Check the target, or the network.`,
  );
}

/** The tensors that a choice samples. Throws a `ShapeError` for names that are none. */
export function chosenTensors({ tensors, last, source }: OnnxNetwork, choice: ParameterChoice): OnnxNetwork['tensors'] {
  const all = tensors.flatMap(({ name, learned }) => (learned ? [name] : []));
  const wanted = choice === 'all' ? all : choice === 'last' ? last : choice;
  const strange = wanted.filter((name) => !tensors.some((tensor) => tensor.name === name));
  if (strange.length === 0 && wanted.length > 0) return tensors.filter(({ name }) => wanted.includes(name));
  throw shapeError(
    `${source}: expected names of its tensors (${tensors.map(({ name }) => name).join(', ') || 'it has none'}), ` +
      `got ${strange.join(', ') || 'none'}. See smile inspect.`,
  );
}

/**
 * What the network of the file says of rows `x` `[rows, p]`, with nothing left off: `y` `[rows × outputs]`, and `logits`, which its
 * probabilities are made of, or `y` again.
 */
export function writtenOutputs(network: OnnxNetwork, rows: number): GraphSpec {
  const { onnx, row, inputs, ending } = network;
  const { name, type } = openInput(onnx);
  const dtype = tensorType(`input '${name}'`, type.tensorType!.elemType);
  const x = input('x', [rows, inputs]);
  const values = importValues(onnx, new Map([[name, cast(reshape(x, [rows, ...row]), dtype)]]), NONE);
  const flat = (value: string) => reshape(values.get(value)!, [sizeOfShape(values.get(value)!.shape)]);
  return {
    inputs: { x },
    outputs: { y: flat(onnx.graph.output[0].name), logits: mul(flat(ending.logits), constant(1, flat(ending.logits))) },
  };
}

/** The value of the graph to take, and logits `[K, rows]` from it `[width, rows]`. */
function logitsOf({ ending }: OnnxNetwork, { classes, outputs = 'auto' }: OnnxModelOptions) {
  const cut = outputs !== 'logits' && (ending.kind === 'softmax' || ending.kind === 'sigmoid');
  const output = cut ? ending.logits : undefined;
  if (outputs === 'probabilities' && !cut) return { output, adapt: (y: Tensor) => logOdds(y) };
  const first = cut && ending.positive === 0;
  const adapt = (y: Tensor) => {
    if (classes !== 2 || y.shape[0] !== 1) return y;
    const zero = filled(0, y.shape, y.dtype);
    return concat(first ? [y, zero] : [zero, y], 0);
  };
  return { output, adapt };
}

/** Probabilities below this are taken for it, so that their logarithms are numbers. */
const LEAST = 1e-30;

/** Logarithms of probabilities `[K, rows]`, which are logits of them; one is the probability of the second class. */
function logOdds(p: Tensor): Tensor {
  const all = p.shape[0] === 1 ? concat([sub(constant(1, p), p), p], 0) : p;
  return log(maximum(all, constant(LEAST, all)));
}

/** Mean, and log deviation where there are two outputs, brought from the units of the file to the standardised target. */
function inUnitsOf({ mean, sd } = { mean: 0, sd: 1 }) {
  return (y: Tensor): Tensor => {
    const outputs = y.shape[0];
    const shift = [mean, Math.log(sd)].slice(0, outputs);
    const scale = [1 / sd, 1].slice(0, outputs);
    const column = (values: number[]) =>
      concat(
        values.map((v) => filled(v, [1, 1], y.dtype)),
        0,
      );
    return mean === 0 && sd === 1 ? y : mul(sub(y, column(shift)), column(scale));
  };
}
