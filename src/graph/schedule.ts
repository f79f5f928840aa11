/** The order in which ONNX Runtime runs the nodes of a graph that we write: it decides how long each tensor lives. */
import type { Node } from './tensor.ts';
import { topological } from './topological.ts';

/**
 * From the last output to the first, each with all that it needs and is not done yet; of a node's inputs the one written
 * last comes first. With parameters in the order of the forward pass, each slope is thus made as soon as the backward
 * pass has come so far, and lets go of what it needed.
 */
export function executionOrder(outputs: readonly Node[]): Node[] {
  const written = new Map(topological(...outputs).map((node, i) => [node, i]));
  const place = (node: Node) => written.get(node)!;
  const order: Node[] = [];
  const seen = new Set<Node>();
  const stack = outputs.map((node) => ({ node, done: false }));
  for (let top = stack.pop(); top; top = stack.pop()) {
    const { node, done } = top;
    if (done) order.push(node);
    else if (!seen.has(node)) {
      seen.add(node);
      stack.push({ node, done: true });
      const inputs = node.inputs.map((x) => x.node).sort((a, b) => place(a) - place(b));
      for (const input of inputs) stack.push({ node: input, done: false });
    }
  }
  return order;
}
