/** Reverse-mode differentiation: from an output back to the tensors asked for, as more nodes of the same graph. */
import { add } from './elementwise.ts';
import { filled, type Node, type Tensor } from './tensor.ts';

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
      if (dx && needed.has(node.inputs[i].node)) accumulate(node.inputs[i], dx);
    });
  }
  return wrt.map((x) => adjoints.get(x.node)?.[x.index] ?? filled(0, x.shape, x.dtype));
}

/** All nodes below `root`, inputs before users. Iterative: graphs may be deeper than the call stack. */
export function topological(...roots: readonly Node[]): Node[] {
  const order: Node[] = [];
  const seen = new Set<Node>();
  const stack = roots.toReversed().map((node) => ({ node, next: 0 }));
  while (stack.length > 0) {
    const top = stack[stack.length - 1];
    if (seen.has(top.node)) {
      stack.pop();
    } else if (top.next < top.node.inputs.length) {
      stack.push({ node: top.node.inputs[top.next++].node, next: 0 });
    } else {
      seen.add(top.node);
      order.push(top.node);
      stack.pop();
    }
  }
  return order;
}
