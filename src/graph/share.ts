/** Common subexpressions: nodes that compute the same become one. */
import type { Node, Op, Tensor } from './tensor.ts';
import { topological } from './topological.ts';

/** Lists up to so long are equal when their numbers are, longer ones when they are the same object. */
const isShort = ({ length }: ArrayLike<number>) => length <= 4096;

/** JSON knows neither −0 nor NaN nor infinities. */
const exact = (value: number | string | boolean) =>
  typeof value === 'number' ? (Object.is(value, -0) ? '-0' : `${value}`) : value;

/** The same tensors over a graph in which no two nodes of one op have the same inputs and attributes. */
export function shared(outputs: readonly Tensor[]): Tensor[] {
  const numbers = new Map<object, number>();
  const numberOf = (thing: object) => {
    const known = numbers.get(thing) ?? numbers.size;
    numbers.set(thing, known);
    return known;
  };
  const first = new Map<string, Node>();
  const moved = new Map<Node, Node>();
  const follow = (tensor: Tensor): Tensor => ({ ...tensor, node: moved.get(tensor.node)! });
  for (const node of topological(...outputs.map(({ node }) => node))) {
    const inputs = node.inputs.map(follow);
    const key = JSON.stringify([
      numberOf(node.op satisfies Op),
      inputs.map((x) => [numberOf(x.node), x.index]),
      Object.entries(node.attributes).map(([name, value]) => [
        name,
        typeof value === 'object' ? (isShort(value) ? [...value].map(exact) : numberOf(value)) : exact(value),
      ]),
    ]);
    const known = first.get(key) ?? { ...node, inputs };
    first.set(key, known);
    moved.set(node, known);
  }
  return outputs.map(follow);
}
