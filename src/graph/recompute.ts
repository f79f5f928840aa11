/**
 * Recomputation (rematerialisation): what the backward pass needs of the forward pass and can make again in a few passes
 * over memory is made again instead of kept. The numbers are the same to the bit.
 */
import { type Node, sizeOfShape, type Tensor } from './tensor.ts';
import { topological } from './topological.ts';

/** What is so much smaller than a tensor counts for nothing beside it. */
const SMALL = 1 / 16;

const costOf = (nodes: ReadonlySet<Node>) => [...nodes].reduce((sum, { op }) => sum + (op.passes ?? 0), 0);

/**
 * The same tensors over a graph whose backward pass makes again what takes at most `passes` over memory from what is
 * there anyway: inputs, constants, small tensors, and what the backward pass needs and cannot make again. `forward` is
 * the output whose making is the forward pass.
 */
export function recomputed(outputs: readonly Tensor[], forward: Tensor, passes: number): Tensor[] {
  const early = new Set(topological(forward.node));
  const order = topological(...outputs.map(({ node }) => node));
  const late = order.filter((node) => !early.has(node));
  const wanted = new Map(
    late.flatMap(({ inputs }) => inputs.filter((x) => early.has(x.node)).map((x) => [x.node, x] as const)),
  );
  const again = new Map<Node, Node>();
  const kept = new Set<Node>();

  /** What must be made again for a tensor of this size, inputs first; undefined where it takes too much. */
  const plan = (node: Node, size: number, found: Set<Node>): Set<Node> | undefined => {
    if (!node.op.passes) return;
    for (const x of node.inputs) {
      const there = x.node.inputs.length === 0 || kept.has(x.node) || sizeOfShape(x.shape) <= SMALL * size;
      if (!there && !found.has(x.node) && !plan(x.node, size, found)) return;
    }
    found.add(node);
    return costOf(found) <= passes ? found : undefined;
  };
  const copy = (node: Node): Node => {
    const inputs = node.inputs.map((x) => ({ ...x, node: again.get(x.node) ?? x.node }));
    return { ...node, inputs, again: true };
  };
  for (const node of order) {
    const tensor = wanted.get(node);
    if (!tensor || node.inputs.length === 0) continue;
    const found = plan(node, sizeOfShape(tensor.shape), new Set());
    if (!found) kept.add(node);
    else for (const part of found) if (!again.has(part)) again.set(part, copy(part));
  }

  const moved = new Map<Node, Node>(again);
  const follow = (tensor: Tensor): Tensor => ({ ...tensor, node: moved.get(tensor.node) ?? tensor.node });
  for (const node of late) moved.set(node, { ...node, inputs: node.inputs.map(follow) });
  return outputs.map((tensor) => (early.has(tensor.node) ? tensor : follow(tensor)));
}
