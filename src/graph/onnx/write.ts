/** Turns the reachable part of a graph into an ONNX model. */
import { BLOCKED } from '../blocked.ts';
import { prepared, type WriteOptions } from '../passes.ts';
import type { Node, Tensor } from '../tensor.ts';
import { topological } from '../topological.ts';
import { MICROSOFT } from '../types.ts';
import { OnnxEmitter } from './emitter.ts';
import { encodeModel, type OnnxModel, type OnnxValueInfo } from './schema.ts';

/** Opset 18: axes are inputs of all reductions. IR 9 is the version that came with it. */
const OPSET = 18;
const IR_VERSION = 9;

/** The model of named inputs and outputs. Nodes that no output needs are not written. */
export function buildOnnx(
  inputs: Readonly<Record<string, Tensor>>,
  outputs: Readonly<Record<string, Tensor>>,
  options: WriteOptions = {},
): OnnxModel {
  const emitter = new OnnxEmitter({ runtime: options.runtime ?? 'cpu' });
  const names = new Map<Node, readonly string[]>();
  const nameOf = ({ node, index }: Tensor) => names.get(node)![index];
  const valueInfo = ([name, { shape, dtype }]: [string, Tensor]): OnnxValueInfo => ({
    name,
    type: { tensorType: { elemType: emitter.element(dtype), shape: { dim: shape.map((dimValue) => ({ dimValue })) } } },
  });
  const results = prepared(outputs, options);
  for (const node of topological(...results.map(({ node }) => node))) {
    emitter.again = node.again ?? false;
    names.set(node, node.op.emit(node, node.inputs.map(nameOf), emitter));
  }
  for (const [i, name] of Object.keys(outputs).entries()) {
    emitter.nodes.push({ opType: 'Identity', input: [nameOf(results[i])], output: [name], attribute: [] });
  }
  return {
    irVersion: IR_VERSION,
    producerName: 'smile-bayes',
    opsetImport: [
      { domain: '', version: OPSET },
      { ...MICROSOFT, version: 1 },
      ...(options.blocks ? [{ ...BLOCKED, version: 1 }] : []),
    ],
    graph: {
      name: 'graph',
      node: emitter.nodes,
      initializer: emitter.initializers,
      input: Object.entries(inputs).map(valueInfo),
      output: Object.entries(outputs).map(valueInfo),
    },
  };
}

/** The bytes of `buildOnnx`'s model. */
export const writeOnnx = (...build: Parameters<typeof buildOnnx>): Uint8Array => encodeModel(buildOnnx(...build));
