/**
 * The sampler's own share of a step: a whole SMILE step (two gradients, batches, prior, kicks) of 10 chains of the
 * airfoil network against two bare calls of the same compiled graph, interleaved in one run.
 *
 * Command:  npx tsx bench/step.ts
 * Cost:     about ten seconds. Prints medians in microseconds, their ratio and the share of the step beyond the two calls.
 * Result:   docs/reproduction.md, "Cost of a step".
 */
import { batchStream } from '../src/data/batches.ts';
import { tableRows } from '../src/data/table/rows.ts';
import { compile } from '../src/engine/session.ts';
import { normals } from '../src/math/random.ts';
import { fold, rootKey, stream } from '../src/math/threefry.ts';
import { likelihood } from '../src/models/likelihood.ts';
import { mlp } from '../src/models/mlp.ts';
import { bayesianNetwork, initial, networkLogDensity, posteriorGraph } from '../src/models/posterior.ts';
import { stepAsync } from '../src/samplers/drive.ts';
import { SMILE_NAMES, smileSampler } from '../src/samplers/smile.ts';

const [CHAINS, ROWS, INPUTS, BATCH] = [10, 1052, 5, 256];
const ROUNDS = 40;
const STEPS_PER_ROUND = 50;

const random = (seed: number, n: number) => {
  const values = new Float64Array(n);
  normals([seed, 1], values);
  return values;
};
const network = bayesianNetwork(
  mlp({ inputs: INPUTS, hidden: [16, 16, 16], outputs: 1, activation: 'relu' }),
  likelihood('gaussian', 1),
  INPUTS,
);
const keys = Array.from({ length: CHAINS }, (_, c) => fold(rootKey(1), c));
const x = Float32Array.from(random(1, ROWS * INPUTS));
const source = tableRows({ x, y: random(2, ROWS), inputs: INPUTS, targets: 1 });
const batches = batchStream(
  source,
  keys.map((key) => stream(key, 'batch')),
  BATCH,
);
const scaling = { priorScale: 1, factor: batches.factor };
const graph = await compile(posteriorGraph(network, CHAINS, BATCH, scaling));
const density = networkLogDensity(graph, network.dim, scaling);
const start = Float64Array.from(keys.flatMap((key) => [...initial(network, key)]));
const feeds = { theta: start, ...batches.at(0) };

const timed = async (work: () => Promise<unknown>) => {
  const began = performance.now();
  for (let i = 0; i < STEPS_PER_ROUND; i++) await work();
  return ((performance.now() - began) / STEPS_PER_ROUND) * 1000;
};
const median = (numbers: number[]) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

for (const name of SMILE_NAMES) {
  const sampler = smileSampler(name, { stepSize: 1e-3, energyEvery: Number.POSITIVE_INFINITY });
  const state = sampler.init(start, keys);
  let t = 0;
  const step = () => stepAsync(sampler, state, density, batches.at(t), t++);
  const bare = async () => {
    await graph.run(feeds);
    await graph.run(feeds);
  };
  const times: { step: number[]; bare: number[] } = { step: [], bare: [] };
  for (let round = 0; round < ROUNDS; round++) {
    times.bare.push(await timed(bare));
    times.step.push(await timed(step));
  }
  const [whole, calls] = [median(times.step), median(times.bare)];
  const share = median(times.step.map((value, i) => 1 - times.bare[i] / value));
  console.log(
    `${name.padEnd(13)} step ${whole.toFixed(0)} µs, two calls ${calls.toFixed(0)} µs, ratio ${(whole / calls).toFixed(3)}, ` +
      `own share ${(100 * share).toFixed(1)} % (${CHAINS} chains × ${network.dim} parameters, batch ${BATCH})`,
  );
}
