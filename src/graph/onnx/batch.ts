/** A batch size that an exporter wrote into the shapes of a network, made free again. */
import { constantData, sizeOfShape, type Tensor } from '../tensor.ts';
import type { Shape } from '../types.ts';
import { type External, importValues } from './import.ts';
import { ATTRIBUTE, ELEMENT, type OnnxAttribute, type OnnxModel, type OnnxNode } from './schema.ts';

/**
 * The model with Reshapes to constant lengths that follow the rows, where the file was written for `rows` rows: `inputs` makes the
 * tensors of its inputs for some count of them. A Reshape of what has rows along an axis keeps them there: numbers lie in the same
 * order, so that the axis of its result that begins where that axis begins has them.
 */
export function withFreeRows(
  model: OnnxModel,
  rows: number,
  inputs: (rows: number) => ReadonlyMap<string, Tensor>,
  external: External,
): OnnxModel {
  const written = importValues(model, inputs(rows), external);
  const freed = new Map<string, readonly number[]>();
  const free = (node: OnnxNode, [x, asked]: readonly (Tensor | undefined)[]): OnnxNode => {
    const [source, result] = [written.get(node.input[0]), written.get(node.output[0])];
    if (node.opType !== 'Reshape' || !x || !source || !result) return node;
    const lengths = freeLengths(source.shape, x.shape, result.shape, rows);
    const given = (asked && constantData(asked)) ?? node.attribute.find(({ name }) => name === 'shape')?.ints;
    if (!lengths || (given && lengths.every((n, i) => n === given[i]))) return node;
    freed.set(node.output[0], lengths);
    return {
      ...node,
      input: [node.input[0]],
      attribute: [{ name: 'shape', type: ATTRIBUTE.ints, ints: [...lengths] }],
    };
  };
  importValues(model, inputs(2 * rows), external, free);
  const node = model.graph.node.map((each) =>
    freed.has(each.output[0])
      ? { ...each, input: [each.input[0], lengthsOf(each.output[0])], attribute: [] as OnnxAttribute[] }
      : each,
  );
  const lengths = [...freed].map(([output, values]) => ({
    name: lengthsOf(output),
    dims: [values.length],
    dataType: ELEMENT.int64,
    rawData: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
  }));
  return { ...model, graph: { ...model.graph, node, initializer: [...model.graph.initializer, ...lengths] } };
}

const lengthsOf = (output: string) => `lengths of ${output}`;

/** The lengths of a Reshape from `from` (of `rows` rows) to `to`, −1 where the rows lie; `twice` is `from` with twice the rows. */
function freeLengths(from: Shape, twice: Shape, to: Shape, rows: number): readonly number[] | undefined {
  const axis = from.findIndex((n, i) => twice[i] !== n);
  if (axis < 0) return undefined;
  const outer = sizeOfShape(from.slice(0, axis));
  const before = to.map((_, i) => sizeOfShape(to.slice(0, i)));
  const begins = to.findIndex((n, i) => before[i] === outer && n % rows === 0);
  const holds = to.findIndex((n, i) => before[i] <= outer && outer < before[i] * n && n % rows === 0);
  const place = begins >= 0 ? begins : holds;
  return place < 0 ? undefined : to.with(place, -1);
}
