/** Rewrites a graph in the ops that a target has kernels for. */
import type { Node, Tensor } from './tensor.ts';
import { topological } from './topological.ts';
import type { Target } from './types.ts';

/** The same tensors, every node that the target cannot run replaced by what its op lowers to. */
export function lowered(outputs: readonly Tensor[], target: Target): Tensor[] {
  const done = new Map<Node, readonly Tensor[] | Node>();
  const follow = (tensor: Tensor): Tensor => {
    const replaced = done.get(tensor.node);
    if (replaced === undefined) return tensor;
    return 'op' in replaced ? { ...tensor, node: replaced } : replaced[tensor.index];
  };
  const visit = (roots: readonly Tensor[]) => {
    for (const node of topological(...roots.map(({ node }) => node))) {
      if (done.has(node)) continue;
      const inputs = node.inputs.map(follow);
      const moved = inputs.every((x, i) => x.node === node.inputs[i].node && x.index === node.inputs[i].index);
      const current = moved ? node : { ...node, inputs };
      const simpler = node.op.lower?.(current, target);
      if (simpler) visit(simpler);
      done.set(node, simpler ? simpler.map(follow) : current);
      if (current !== node && !simpler) done.set(current, current);
    }
  };
  visit(outputs);
  return outputs.map(follow);
}
