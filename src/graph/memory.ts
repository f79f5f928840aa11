/** What a graph will hold in memory, from its shapes alone. */
import { prepared, type WriteOptions } from './passes.ts';
import { executionOrder } from './schedule.ts';
import { type Node, sizeOfShape, type Tensor } from './tensor.ts';
import type { Dtype } from './types.ts';

const WIDTH: Readonly<Record<Dtype, number>> = { float32: 4, float64: 8, int64: 8, bool: 1 };

/** Ops whose result shares the memory of their input. */
const VIEWS = ['reshape'];

/**
 * Bytes at the fullest moment of a run: a tensor lives from its node to its last use, inputs and constants throughout. An
 * estimate: the runtime's own workspace comes on top.
 */
export function peakBytes(outputs: Readonly<Record<string, Tensor>>, options: WriteOptions = {}): number {
  const results = prepared(outputs, options);
  const order = executionOrder(results.map(({ node }) => node));
  const bytes = new Map<Node, number>();
  const measured = (tensors: readonly Tensor[]) => {
    const each = new Map(tensors.map((tensor) => [tensor.index, sizeOfShape(tensor.shape) * WIDTH[tensor.dtype]]));
    return [...each.values()].reduce((sum, size) => sum + size, 0);
  };
  const uses = new Map<Node, Tensor[]>();
  for (const tensor of [...order.flatMap(({ inputs }) => inputs), ...results]) {
    uses.set(tensor.node, [...(uses.get(tensor.node) ?? []), tensor]);
  }
  for (const [node, tensors] of uses) bytes.set(node, measured(tensors));
  const owner = (node: Node): Node => (VIEWS.includes(node.op.name) ? owner(node.inputs[0].node) : node);
  const last = new Map<Node, number>();
  order.forEach((node, i) => {
    for (const { node: input } of node.inputs) last.set(owner(input), i);
  });
  for (const { node } of results) last.set(owner(node), order.length);
  const ending = new Map<number, Node[]>();
  for (const [node, i] of last) ending.set(i, [...(ending.get(i) ?? []), node]);
  let held = 0;
  let peak = 0;
  order.forEach((node, i) => {
    if (owner(node) === node) held += bytes.get(node) ?? 0;
    peak = Math.max(peak, held);
    for (const done of ending.get(i) ?? []) if (done.inputs.length > 0) held -= bytes.get(done) ?? 0;
  });
  return peak;
}
