/**
 * Which path is faster for the network of the regression room: plain TypeScript, or the graph in ONNX Runtime (here the native one,
 * which no browser beats)? Gradients of a block of 8 chains on 32 rows each: `npx tsx bench/curve.ts`.
 */
import { compile } from '../src/engine/session.ts';
import { normals } from '../src/math/random.ts';
import { rootKey } from '../src/math/threefry.ts';
import { likelihood } from '../src/models/likelihood.ts';
import { mlp } from '../src/models/mlp.ts';
import { bayesianNetwork, networkLogDensity, posteriorGraph } from '../src/models/posterior.ts';
import { curveNetwork } from '../web/curve/network.ts';

const [CHAINS, ROWS, ROUNDS, CALLS] = [8, 32, 15, 200];
const scaling = { priorScale: 1, factor: 2 };
const hidden = [16, 16];
const plain = curveNetwork(hidden);
const network = bayesianNetwork(
  mlp({ inputs: 1, hidden, outputs: 1, activation: 'relu' }),
  likelihood('gaussian', 1),
  1,
);
const compiled = await compile(posteriorGraph(network, CHAINS, ROWS, scaling));
const theta = new Float64Array(CHAINS * plain.dim);
normals(rootKey(1), theta);
const x = new Float64Array(CHAINS * ROWS);
normals(rootKey(2), x);
const [value, grad] = [new Float64Array(CHAINS), new Float64Array(theta.length)];
const wide = plain.posterior(scaling);
const narrow = networkLogDensity(compiled, network.dim, scaling);
const batch = { x: Float32Array.from(x), y: Float32Array.from(x) };

const times = { plain: [] as number[], graph: [] as number[] };
for (let round = 0; round < ROUNDS; round++) {
  let began = performance.now();
  for (let k = 0; k < CALLS; k++) wide.evaluate(theta, { x, y: x }, value, grad);
  times.plain.push((1000 * (performance.now() - began)) / CALLS);
  began = performance.now();
  for (let k = 0; k < CALLS; k++) await narrow.evaluate(theta, batch, value, grad);
  times.graph.push((1000 * (performance.now() - began)) / CALLS);
}
const median = (list: number[]) => list.sort((a, b) => a - b)[list.length >> 1];
const [ours, graph] = [median(times.plain), median(times.graph)];
console.log(
  `plain TypeScript ${ours.toFixed(0)} µs, native ONNX Runtime ${graph.toFixed(0)} µs: ratio ${(ours / graph).toFixed(2)}`,
);
await compiled.release();
