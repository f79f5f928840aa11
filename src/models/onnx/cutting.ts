/** Where to cut a network that ends in what cannot be sampled through: labels, lists, several outputs. */
import { type OnnxModel, type OnnxNode, unsupported } from '../../graph/index.ts';
import { WEIGHTED } from './layers.ts';

/** A sentence that names the values to cut at, with the call that does it; empty where layers come after them. */
export function cuttingHint(model: Pick<OnnxModel, 'graph'>, source: string): string {
  const { graph } = model;
  const stored = new Set(graph.initializer.map(({ name }) => name));
  const inputs = graph.input.map(({ name }) => name).filter((name) => !stored.has(name));
  const lost = new Set<string>();
  const last = new Set<string>();
  const isStrange = (node: OnnxNode) =>
    unsupported({ ...model, graph: { ...graph, node: [node] } } as OnnxModel).length > 0;
  for (const node of graph.node) {
    const behind = node.input.some((name) => lost.has(name));
    if (behind && WEIGHTED.includes(node.opType)) return '';
    if (!behind && !isStrange(node)) continue;
    for (const name of node.output) lost.add(name);
    for (const name of node.input) if (!lost.has(name) && !stored.has(name)) last.add(name);
  }
  const made = new Set(graph.node.flatMap(({ output }) => output));
  const ends = lost.size > 0 ? [...last] : graph.output.map(({ name }) => name);
  const places = ends.filter((name) => made.has(name) && !lost.has(name));
  if (places.length === 0 || inputs.length !== 1) return '';
  const names = places.map((name) => `'${name}'`).join(' or ');
  return (
    `\nCut the network at ${names}, for example in Python: ` +
    `onnx.utils.extract_model("${source}", "cut.onnx", ["${inputs[0]}"], ["${places[0]}"])`
  );
}
