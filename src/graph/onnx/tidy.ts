/** An ONNX model in the form that the rest reads: numbers in stored tensors, reals in float32. */
import { ELEMENT, type OnnxAttribute, type OnnxModel, type OnnxNode, type OnnxTensor } from './schema.ts';
import { inlined, numbersOf } from './values.ts';

const TENSORS = ['value', 'value_float', 'value_floats'];

/**
 * The model with reals of Constant nodes as stored tensors of their names, numbers of other files (which `external` reads) inside,
 * and float64 as float32: what the engine computes in.
 */
export function tidied(model: OnnxModel, external: (file: string) => Uint8Array): OnnxModel {
  const { graph } = model;
  const hoisted = graph.node.flatMap((node) => stored(node) ?? []);
  const initializer = [...graph.initializer, ...hoisted].map((tensor) =>
    narrowTensor(inlined(`tensor '${tensor.name}'`, tensor, external)),
  );
  const node = graph.node.filter((each) => !stored(each)).map(narrowNode);
  const narrowed = <V extends OnnxModel['graph']['input'][number]>(value: V): V => {
    const { tensorType } = value.type;
    if (tensorType?.elemType !== ELEMENT.float64) return value;
    return { ...value, type: { ...value.type, tensorType: { ...tensorType, elemType: ELEMENT.float32 } } };
  };
  return {
    ...model,
    graph: { ...graph, node, initializer, input: graph.input.map(narrowed), output: graph.output.map(narrowed) },
  };
}

/** Whether a model computes in float64. */
export const isDouble = ({ graph }: OnnxModel): boolean =>
  graph.initializer.some(({ dataType }) => dataType === ELEMENT.float64) ||
  graph.node.some(({ attribute }) => attribute.some(({ t }) => t?.dataType === ELEMENT.float64));

/** The reals of a Constant node as a stored tensor. */
function stored({ opType, attribute, output }: OnnxNode): OnnxTensor | undefined {
  if (opType !== 'Constant') return undefined;
  const found = attribute.find(({ name }) => TENSORS.includes(name));
  if (!found) return undefined;
  const [name] = output;
  if (found.t) return isReal(found.t) ? { ...found.t, name } : undefined;
  const values = found.name === 'value_float' ? [found.f ?? 0] : (found.floats ?? []);
  const dims = found.name === 'value_float' ? [] : [values.length];
  return { name, dims, dataType: ELEMENT.float32, rawData: bytesOf(values) };
}

const isReal = ({ dataType }: OnnxTensor) => dataType === ELEMENT.float32 || dataType === ELEMENT.float64;

const bytesOf = (values: ArrayLike<number>) => new Uint8Array(Float32Array.from(values).buffer);

function narrowTensor(tensor: OnnxTensor): OnnxTensor {
  if (tensor.dataType !== ELEMENT.float64) return tensor;
  const { name, dims } = tensor;
  const values = numbersOf(`tensor '${name}'`, tensor, () => new Uint8Array());
  return { name, dims, dataType: ELEMENT.float32, rawData: bytesOf(values) };
}

function narrowNode(node: OnnxNode): OnnxNode {
  const narrow = (attribute: OnnxAttribute): OnnxAttribute => {
    const { name, i, t } = attribute;
    if (node.opType === 'Cast' && name === 'to' && i === ELEMENT.float64) return { ...attribute, i: ELEMENT.float32 };
    return t ? { ...attribute, t: narrowTensor(t) } : attribute;
  };
  return { ...node, attribute: node.attribute.map(narrow) };
}
