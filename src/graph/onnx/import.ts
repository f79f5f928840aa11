/** Reads an ONNX model as a graph of ours, so that it can be differentiated. */
import { shapeError } from '../../errors.ts';
import { data, type Tensor } from '../tensor.ts';
import type { OnnxModel, OnnxNode, OnnxTensor } from './schema.ts';
import { describeNode, isKnown, translate } from './translate.ts';
import { dtypeOf, numbersOf } from './values.ts';

/** The opsets whose operators are read as they were then. */
const OPSETS = { oldest: 1, newest: 24 } as const;

/** Nodes that cannot be differentiated here, each with its reason. Empty where the whole network can. */
export function unsupported({ graph }: OnnxModel): string[] {
  const named = graph.node.flatMap((node) => {
    if (isKnown(node)) return [];
    const control = node.attribute.some(({ g }) => g);
    return [`${describeNode(node)}: ${control ? 'control flow is not supported' : 'no such operator here'}`];
  });
  return [...new Set(named)];
}

/** The opset of the standard's operators. Throws for one that is not known. */
export function opsetOf({ opsetImport }: OnnxModel): number {
  const version = opsetImport.find(({ domain = '' }) => domain === '' || domain === 'ai.onnx')?.version;
  if (version !== undefined && version >= OPSETS.oldest && version <= OPSETS.newest) return version;
  throw shapeError(
    `model: expected opset ${OPSETS.oldest} to ${OPSETS.newest}, got ${version ?? 'none'}. ` +
      'Export the network with one of them (opset_version=18, for example).',
  );
}

/** Reads files that a model refers to. */
export type External = (file: string) => Uint8Array;

/**
 * Translates the graph with the given tensors in place of its inputs and of any stored tensor of their names, and
 * returns its outputs. Throws a `ShapeError` that names the node that cannot be translated, and why.
 */
export function importGraph(model: OnnxModel, given: ReadonlyMap<string, Tensor>, external: External): Tensor[] {
  const values = importValues(model, given, external);
  return model.graph.output.map(({ name }) => {
    const found = values.get(name);
    if (found) return found;
    throw shapeError(`model: expected its output '${name}' from a node, got none. Export it again.`);
  });
}

/** The same with every value of the graph by name. `before` may put another node in a node's place, seeing its inputs. */
export function importValues(
  model: OnnxModel,
  given: ReadonlyMap<string, Tensor>,
  external: External,
  before: (node: OnnxNode, inputs: readonly (Tensor | undefined)[]) => OnnxNode = (node) => node,
): Map<string, Tensor> {
  const opset = opsetOf(model);
  const { graph } = model;
  const values = new Map(given);
  const store = (tensor: OnnxTensor) => {
    const where = `tensor '${tensor.name}'`;
    values.set(tensor.name, data(numbersOf(where, tensor, external), tensor.dims, dtypeOf(where, tensor.dataType)));
  };
  for (const stored of graph.initializer) if (!values.has(stored.name)) store(stored);
  for (const written of graph.node) {
    const inputsOf = ({ input }: OnnxNode) => input.map((name) => (name === '' ? undefined : values.get(name)));
    const missing = written.input.find((name) => name !== '' && !values.has(name));
    if (missing) throw shapeError(`${describeNode(written)}: expected its input '${missing}' before it, got none.`);
    const node = before(written, inputsOf(written));
    const results = translate(node, inputsOf(node), opset, external);
    node.output.forEach((name, i) => {
      if (name && results[i]) values.set(name, results[i]);
    });
  }
  return values;
}
