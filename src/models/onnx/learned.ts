/**
 * Which stored tensors of an ONNX graph are parameters that the network learned, as far as the graph shows it: what layers multiply
 * by, what is added to their products, scales and shifts on the way from one layer to the next. The rest are constants of the
 * network, each with the reason.
 */
import type { OnnxModel, OnnxNode, Tensor } from '../../graph/index.ts';
import type { Role } from '../model.ts';
import { affineConstant, isMask, isOne, type Numbers } from './constants.ts';
import { isWeighted, placeOf, WEIGHTED } from './layers.ts';
import { isData, MOVING, type Origins, originsOf, turnedRole } from './origins.ts';

/** What a stored tensor is: a learned parameter with its role, or a constant with the reason. */
type Standing = { readonly role: Role } | { readonly constant: string };

export interface Learned {
  readonly standings: ReadonlyMap<string, Standing>;
  /** Names of the learned ones of the last layer, of all heads where there are several. */
  readonly last: readonly string[];
}

/**
 * `values` are all values of the graph by name, translated; `numbers` the stored tensors of reals. The first node that uses a tensor
 * decides; weights of Einsum, of stacked products, and those computed from several tensors are `other`.
 */
export function learnedTensors(
  { graph }: OnnxModel,
  values: ReadonlyMap<string, Tensor>,
  numbers: ReadonlyMap<string, Numbers>,
): Learned {
  const origins = originsOf(graph, numbers);
  const standings = new Map<string, Standing>();
  const used = new Map<OnnxNode, string[]>();
  /** Values that data have met a weight on the way to. */
  const open = new Set<string>();
  /** Products of a layer to which no bias was added yet. */
  const bare = new Set<string>();
  const layers = new Set<OnnxNode>();
  const affine: { node: OnnxNode; name: string }[] = [];

  const learn = (node: OnnxNode, from: Origins, role: Role, place: number) => {
    for (const [name, straight] of from) {
      const only = straight !== undefined;
      const reason = only ? undefined : computedConstant(numbers.get(name)!);
      if (!standings.has(name)) {
        standings.set(
          name,
          reason ? { constant: reason } : { role: only ? turnedRole(node, place, role, straight) : 'other' },
        );
      }
      if (!reason) used.set(node, [...(used.get(node) ?? []), name]);
    }
  };
  const stay = (from: Origins, constant: string) => {
    for (const name of from.keys()) if (!standings.has(name)) standings.set(name, { constant });
  };

  for (const node of graph.node) {
    const { opType, input, output } = node;
    if (!output.some((name) => isData(origins, name))) continue;
    const from = input.map((name) => origins.get(name) as Origins | 'data' | undefined);
    const stored = (i: number) => (from[i] instanceof Map && from[i].size > 0 ? from[i] : undefined);
    const data = input.filter((_, i) => from[i] === 'data');
    const widens = opType === 'Mul' && data.length === 1 && larger(values, output[0], data[0]);
    const layer = isWeighted(node, (i) => stored(i) !== undefined) || (widens && from.some((_, i) => stored(i)));
    if (layer) layers.add(node);
    const helper = normalisationHelper(node, (i) => constantNumbers(stored(i), numbers));
    for (const [i] of input.entries()) {
      const tensors = stored(i);
      if (!tensors) continue;
      const role = widens ? 'other' : placeOf(node, i, values);
      if (role && helper) stay(tensors, helper);
      else if (role) learn(node, tensors, role, i);
      else if (opType === 'Add' && data.some((name) => bare.has(name))) learn(node, tensors, 'bias', i);
      else if (SCALING.includes(opType) && !data.some((name) => open.has(name)))
        stay(tensors, 'it scales the data before the first weight');
      else if (!AFFINE.includes(opType) || !data.some((name) => open.has(name)))
        stay(tensors, statistics(node, i) ?? 'no weight, bias or scale of a layer');
      else for (const name of tensors.keys()) affine.push({ node, name });
    }
    const keeps = MOVING.includes(opType) && data.some((name) => bare.has(name));
    const without = layer && !(opType !== 'Mul' && WEIGHTED.includes(opType) && stored(2));
    if (without || keeps) bare.add(output[0]);
    if (layer || data.some((name) => open.has(name))) for (const name of output) open.add(name);
  }

  const leading = leadingTo(graph.node, layers);
  for (const { node, name } of affine) {
    const constant = affineConstant(numbers.get(name)!, leading.has(node.output[0]));
    if (constant) stay(new Map([[name, false]]), constant);
    else learn(node, new Map([[name, false]]), node.opType === 'Add' ? 'bias' : 'other', 0);
  }
  return { standings, last: lastLayers(graph, layers, used) };
}

/** Operators whose stored operand may be a scale or a shift, or tokens that are put before the data. */
const AFFINE = ['Add', 'Mul', 'Concat'];

/** Operators that bring data to another unit. */
const SCALING = ['Add', 'Mul', 'Sub', 'Div'];

const larger = (values: ReadonlyMap<string, Tensor>, output: string, input: string) => {
  const count = (name: string) => values.get(name)?.shape.reduce((product, n) => product * n, 1) ?? 0;
  return count(output) > count(input);
};

/** Why a tensor that a weight is computed from, with others, is none itself. */
const computedConstant = (numbers: Numbers): string | undefined =>
  isOne(numbers) && numbers.shape.length < 2
    ? 'one number, and no bias of a layer'
    : isMask(numbers)
      ? 'a mask: two different numbers only'
      : undefined;

const constantNumbers = (from: Origins | undefined, numbers: ReadonlyMap<string, Numbers>) =>
  from?.size === 1 ? numbers.get([...from.keys()][0]) : undefined;

/** Whether a normalisation has scale and shift only because the format asks for them. */
function normalisationHelper({ opType, input }: OnnxNode, at: (i: number) => Numbers | undefined): string | undefined {
  if (!opType.endsWith('Normalization')) return undefined;
  const all = (numbers: Numbers | undefined, value: number) =>
    numbers && Array.from(numbers.values).every((v) => v === value);
  const plain = all(at(1), 1) && (input.length < 3 || input[2] === '' || all(at(2), 0));
  return plain ? 'ones and zeros of a normalisation that has no scale and shift' : undefined;
}

const statistics = ({ opType }: OnnxNode, i: number) =>
  opType === 'BatchNormalization' && i > 2 ? 'means and variances of a normalisation' : undefined;

/** Values on the way to a layer. */
function leadingTo(nodes: readonly OnnxNode[], layers: ReadonlySet<OnnxNode>): Set<string> {
  const leading = new Set<string>();
  for (const node of nodes.toReversed()) {
    if (layers.has(node) || node.output.some((name) => leading.has(name)))
      for (const name of node.input) leading.add(name);
  }
  return leading;
}

/** Names of the learned tensors between the output and the first layers that are met on the way back from it. */
function lastLayers(
  { node, output, initializer }: OnnxModel['graph'],
  layers: ReadonlySet<OnnxNode>,
  used: ReadonlyMap<OnnxNode, readonly string[]>,
): string[] {
  const wanted = new Set(output.map(({ name }) => name));
  const found = new Set<string>();
  for (const each of node.toReversed()) {
    if (!each.output.some((name) => wanted.has(name))) continue;
    for (const name of used.get(each) ?? []) found.add(name);
    if (!layers.has(each)) for (const name of each.input) wanted.add(name);
  }
  return initializer.flatMap(({ name }) => (found.has(name) ? [name] : []));
}
