/** Reverse-mode differentiation: from an output back to the tensors asked for, as more nodes of the same graph. */
import { add } from './elementwise.ts';
import { reduceTo } from './reduce.ts';
import { filled, type Node, type Tensor } from './tensor.ts';
import { topological } from './topological.ts';

/**
 * Gradients of the *sum* of `output`'s elements with respect to each tensor of `wrt`; zeros where it does not depend
 * on one. Only nodes on a path between them are differentiated.
 */
export function gradient(output: Tensor, wrt: readonly Tensor[]): Tensor[] {
  const order = topological(output.node);
  const needed = new Set(wrt.map(({ node }) => node));
  for (const node of order) if (node.inputs.some((x) => needed.has(x.node))) needed.add(node);

  const adjoints = new Map<Node, (Tensor | undefined)[]>();
  const accumulate = ({ node, index }: Tensor, dy: Tensor) => {
    const held = adjoints.get(node) ?? [];
    const before = held[index];
    held[index] = before ? add(before, dy) : dy;
    adjoints.set(node, held);
  };
  accumulate(output, filled(1, output.shape, output.dtype));
  for (const node of order.toReversed()) {
    const held = adjoints.get(node);
    if (!held || !needed.has(node)) continue;
    node.op.gradient(node, held).forEach((dx, i) => {
      const x = node.inputs[i];
      if (dx && needed.has(x.node)) accumulate(x, reduceTo(dx, x.shape));
    });
  }
  return wrt.map((x) => adjoints.get(x.node)?.[x.index] ?? filled(0, x.shape, x.dtype));
}
