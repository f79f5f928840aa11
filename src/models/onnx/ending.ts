/** Probabilities at the output of an ONNX graph, and the logits that they are made of. */
import { constantData, type OnnxModel, type OnnxNode, opsetOf, sizeOfShape, type Tensor } from '../../graph/index.ts';

/**
 * What makes the outputs of a network probabilities. `softmax`: over all outputs of a row; `sigmoid`: of one logit, for the class
 * `positive`; `sigmoids`: each output by itself, which is no distribution over classes; `none`: nothing that the graph shows.
 */
export interface Ending {
  readonly kind: 'none' | 'softmax' | 'sigmoid' | 'sigmoids';
  /** Its operators, the last one first; empty for none. */
  readonly operators: readonly string[];
  /** Name of the logits, of the output for none. */
  readonly logits: string;
  readonly positive: 0 | 1;
}

/** Operators that hand on numbers in their order. */
const HANDING_ON = ['Identity', 'Dropout', 'Cast', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze'];
/** A clip that leaves this much of [0, 1] as it is only keeps probabilities off 0 and 1. */
const OPEN = [0.01, 0.99] as const;

/** `values` are all values of the graph by name, translated for `rows` rows. */
export function endingOf(model: OnnxModel, values: ReadonlyMap<string, Tensor>, rows: number): Ending {
  const { graph } = model;
  const makers = new Map(graph.node.flatMap((node) => node.output.map((name): [string, OnnxNode] => [name, node])));
  const output = graph.output[0].name;
  const none: Ending = { kind: 'none', operators: [], logits: output, positive: 1 };
  const operators: string[] = [];
  const number = (name: string | undefined) => {
    const known = name ? values.get(name) : undefined;
    const numbers = known && constantData(known);
    return numbers?.length === 1 ? numbers[0] : undefined;
  };
  /** The node behind `name` that changes numbers, with those that only hand on left out. */
  const behind = (name: string, seen?: string[]): { node: OnnxNode; output: string } | undefined => {
    const node = makers.get(name);
    if (!node) return undefined;
    const clips = node.opType === 'Clip' && leavesOpen(node, number);
    if (!clips && !HANDING_ON.includes(node.opType)) return { node, output: name };
    seen?.push(node.opType);
    return behind(node.input[0], seen);
  };

  let found = behind(output, operators);
  if (found && (found.node.opType === 'Exp' || found.node.opType === 'Log')) {
    const [outer, inner] = [found.node.opType, found.node.opType === 'Exp' ? 'LogSoftmax' : 'Softmax'];
    const next = behind(found.node.input[0]);
    if (next?.node.opType !== inner) return none;
    operators.push(outer);
    found = next;
  }
  if (!found) return none;
  const { node } = found;
  const width = sizeOfShape(values.get(output)!.shape) / rows;
  if (node.opType === 'Softmax' || node.opType === 'LogSoftmax') {
    if (!isOverOutputs(node, values.get(found.output)!, width, opsetOf(model))) return none;
    return { kind: 'softmax', operators: [...operators, node.opType], logits: node.input[0], positive: 1 };
  }
  if (node.opType === 'Sigmoid') {
    const kind = width === 1 ? 'sigmoid' : 'sigmoids';
    return { kind, operators: [...operators, 'Sigmoid'], logits: node.input[0], positive: 1 };
  }
  if (node.opType !== 'Concat' || node.input.length !== 2 || width !== 2) return none;
  const complement = (p: string, rest: string) => {
    const [one, other] = [behind(p), behind(rest)];
    if (one?.node.opType !== 'Sigmoid' || other?.node.opType !== 'Sub' || number(other.node.input[0]) !== 1)
      return undefined;
    return behind(other.node.input[1])?.node === one.node ? one.node.input[0] : undefined;
  };
  const [first, second] = node.input;
  const [asSecond, asFirst] = [complement(second, first), complement(first, second)];
  const logit = asSecond ?? asFirst;
  if (logit === undefined || values.get(node.output[0])!.shape[0] !== rows) return none;
  const all = [...operators, 'Concat', 'Sigmoid'];
  return { kind: 'sigmoid', operators: all, logits: logit, positive: asSecond ? 1 : 0 };
}

/** Whether a softmax is over the outputs of each row, and over nothing else; before opset 13 it was over all axes from one on. */
function isOverOutputs({ attribute }: OnnxNode, { shape }: Tensor, width: number, opset: number): boolean {
  const given = attribute.find(({ name }) => name === 'axis');
  const axis = given ? (given.i ?? 0) : opset < 13 ? 1 : -1;
  const place = axis < 0 ? axis + shape.length : axis;
  return place > 0 && (opset < 13 ? sizeOfShape(shape.slice(place)) : shape[place]) === width;
}

function leavesOpen({ input, attribute }: OnnxNode, number: (name: string | undefined) => number | undefined): boolean {
  const bound = (name: string, i: number, otherwise: number) =>
    input[i] ? number(input[i]) : (attribute.find((each) => each.name === name)?.f ?? otherwise);
  const [low, high] = [bound('min', 1, 0), bound('max', 2, 1)];
  return low !== undefined && high !== undefined && low <= OPEN[0] && high >= OPEN[1];
}
