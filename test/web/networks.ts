/** Small posteriors, the same in Node and in a page: what they give through any `compile`. */
import * as smile from '../../src/everywhere.ts';
import type { GraphSpec } from '../../src/models/posterior.ts';

export const NETWORKS = ['mlp', 'lenet', 'gpt'] as const;
export type NetworkName = (typeof NETWORKS)[number];

const ROWS = 3;

function networkOf(name: NetworkName): smile.BayesianNetwork {
  const { bayesianNetwork, likelihood } = smile;
  if (name === 'mlp') {
    const model = smile.mlp({ inputs: 4, hidden: [8, 8], outputs: 3, activation: 'gelu' });
    return bayesianNetwork(model, likelihood('softmax', 3), 4);
  }
  if (name === 'lenet') {
    return bayesianNetwork(smile.lenet({ input: [1, 12, 12], classes: 3 }), likelihood('softmax', 3), 144);
  }
  const model = smile.gpt({ vocabulary: 5, length: 6, width: 8, depth: 2, heads: 2 });
  return bayesianNetwork(model, smile.tokens(5, 6), 6);
}

type Compile = (graph: GraphSpec) => Promise<smile.CompiledGraph>;

/** Log density and gradient at fixed places on fixed rows. */
export async function posteriorOf(name: NetworkName, compile: Compile): Promise<{ value: number[]; grad: number[] }> {
  const network = networkOf(name);
  const { dim, inputs, likelihood } = network;
  const chains = name === 'mlp' ? 2 : 1;
  const scaling = { priorScale: 0.7, factor: 4 };
  const compiled = await compile(smile.posteriorGraph(network, chains, ROWS, scaling));
  const density = smile.networkLogDensity(compiled, dim, scaling);
  const theta = Float64Array.from(Array.from({ length: chains }, (_, c) => [...smile.initial(network, [c, 5])]).flat());
  const symbols = name === 'gpt';
  const x = Float32Array.from({ length: chains * inputs * ROWS }, (_, i) => (symbols ? (7 * i) % 5 : Math.sin(i * i)));
  const y = Float32Array.from({ length: chains * likelihood.targets * ROWS }, (_, i) =>
    symbols ? (3 * i) % 5 : Number(Math.floor(i / ROWS) % likelihood.targets === i % ROWS),
  );
  const [value, grad] = [new Float64Array(chains), new Float64Array(theta.length)];
  // Twice: the second one runs over the arrays of the first.
  await density.evaluate(
    theta.map(() => 0.1),
    { x, y },
    value,
    grad,
  );
  await density.evaluate(theta, { x, y }, value, grad);
  await compiled.release();
  return { value: [...value], grad: [...grad] };
}
