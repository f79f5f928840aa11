/**
 * A whole psmile step of one chain with the sampler's vectors on the host against one whose vectors stay on the device: milliseconds, and
 * bytes that go to and come from the graphs. The two alternate in rounds; medians of the rounds.
 *
 * Command:  npx tsx bench/resident.ts [network] [device] [rows] [steps]     e.g. resnet7 webgpu 128 200
 * Networks: mlp-small, mlp, lenet, resnet7, resnet18, vit, gpt (the paper's sizes; mlp has 1.2 million parameters)
 * Cost:     steps (default 40) of each kind and as many to warm up; lenet on the processor about ten seconds.
 * Result:   docs/networks.md, "Steps on the device".
 */
import { residence } from '../src/engine/resident.ts';
import { compile, type Device } from '../src/engine/session.ts';
import { normals } from '../src/math/random.ts';
import { fold, rootKey } from '../src/math/threefry.ts';
import { gpt } from '../src/models/gpt.ts';
import { lenet } from '../src/models/lenet.ts';
import { type Likelihood, likelihood, tokens } from '../src/models/likelihood.ts';
import { mlp } from '../src/models/mlp.ts';
import type { Model } from '../src/models/model.ts';
import { bayesianNetwork, initial, separateGraph, separateLogDensity } from '../src/models/posterior.ts';
import { residentNetwork } from '../src/models/resident.ts';
import { resnet, resnet7 } from '../src/models/resnet.ts';
import { vit } from '../src/models/vit.ts';
import type { ResidentGraph } from '../src/residence.ts';
import { stepAsync } from '../src/samplers/drive.ts';
import { residentSmile, smileSampler } from '../src/samplers/smile.ts';
import type { CompiledGraph } from '../src/types.ts';

const image = (model: Model, inputs: number): [Model, Likelihood, number] => [model, likelihood('softmax', 10), inputs];
const NETWORKS: Record<string, () => [Model, Likelihood, number]> = {
  'mlp-small': () => [
    mlp({ inputs: 16, hidden: [64, 64], outputs: 1, activation: 'relu' }),
    likelihood('gaussian', 1),
    16,
  ],
  mlp: () => [mlp({ inputs: 64, hidden: [1024, 1024], outputs: 1, activation: 'relu' }), likelihood('gaussian', 1), 64],
  lenet: () => image(lenet({ input: [1, 28, 28], classes: 10 }), 28 * 28),
  resnet7: () => image(resnet7({ input: [3, 32, 32], classes: 10 }), 3 * 32 * 32),
  resnet18: () => image(resnet({ input: [3, 32, 32], classes: 10 }), 3 * 32 * 32),
  vit: () => image(vit({ input: [3, 160, 160], classes: 10 }), 3 * 160 * 160),
  gpt: () => [gpt({ vocabulary: 65, length: 256 }), tokens(65, 256), 256],
};
const [name = 'lenet', device = 'cpu', rowsGiven = '32', stepsGiven = '40'] = process.argv.slice(2);
const [rows, steps] = [Number(rowsGiven), Number(stepsGiven)];
const ROUNDS = 8;

const [model, chosen, inputs] = NETWORKS[name]();
const network = bayesianNetwork(model, chosen, inputs);
const random = new Float64Array(inputs * rows);
normals([1, 2], random);
const text = chosen.targets === inputs;
const batch = {
  x: Float32Array.from(random, (v) => (text ? Math.abs(Math.round(20 * v)) % 65 : v)),
  y: Float32Array.from({ length: chosen.targets * rows }, (_, i) =>
    text ? i % 65 : chosen.targets === 1 ? Math.sin(i) : Number(Math.floor(i / rows) === i % 10),
  ),
};
const scaling = { priorScale: 1, factor: 100 };
const options = { stepSize: 1e-3 };
const key = fold(rootKey(1), 0);
const theta = initial(network, key);

const traffic = { up: 0, down: 0 };
const bytes = (values: Readonly<Record<string, unknown>>) =>
  Object.values(values).reduce<number>((sum, v) => sum + (ArrayBuffer.isView(v) ? v.byteLength : 0), 0);
const countedHost = ({ run, release }: CompiledGraph): CompiledGraph => ({
  async run(feeds, into) {
    traffic.up += bytes(feeds);
    const results = await run(feeds, into);
    traffic.down += bytes(results);
    return results;
  },
  release,
});
const countedDevice = ({ run, release }: ResidentGraph): ResidentGraph => ({
  async run(feeds) {
    traffic.up += bytes(feeds);
    const outcome = await run(feeds);
    traffic.down += bytes(outcome.read);
    return outcome;
  },
  release,
});

async function hostStep() {
  const graph = countedHost(await compile(separateGraph(network, rows, scaling.factor), { device: device as Device }));
  const density = separateLogDensity(graph, network, scaling);
  const sampler = smileSampler('psmile', options);
  const state = sampler.init(theta, [key]);
  return {
    step: async (t: number) => void (await stepAsync(sampler, state, density, batch, t)),
    end: () => sampler.endWarmup(state),
  };
}

async function deviceStep() {
  const sampler = residentSmile('psmile', options);
  const where = residence({ device: device as Device });
  const compiling = async (...graph: Parameters<typeof where.compile>) => countedDevice(await where.compile(...graph));
  const { preconditioned } = sampler;
  const graphs = await residentNetwork(network, { ...where, compile: compiling }, { rows, scaling, preconditioned });
  const chain = graphs.chain();
  const state = sampler.init([key], network.dim);
  await sampler.start(state, 0, chain, theta);
  return {
    step: async (t: number) => void (await sampler.step(state, [chain], () => batch, t)),
    end: () => sampler.endWarmup(state),
  };
}

const median = (numbers: number[]) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const sides = { host: await hostStep(), device: await deviceStep() };
console.log(`${name}: ${network.dim} parameters in ${network.parameters.length} tensors, batch ${rows}, on ${device}`);
for (const phase of ['warm-up', 'sampling'] as const) {
  const times: Record<string, number[]> = { host: [], device: [] };
  const moved: Record<string, { up: number; down: number }> = { host: { up: 0, down: 0 }, device: { up: 0, down: 0 } };
  const each = Math.max(4, Math.ceil(steps / ROUNDS));
  const from = phase === 'warm-up' ? 0 : ROUNDS * each;
  for (let round = 0; round < ROUNDS; round++) {
    for (const [side, { step }] of Object.entries(sides)) {
      Object.assign(traffic, { up: 0, down: 0 });
      const began = performance.now();
      for (let i = 0; i < each; i++) await step(from + round * each + i);
      times[side].push((performance.now() - began) / each);
      moved[side].up += traffic.up / (each * ROUNDS);
      moved[side].down += traffic.down / (each * ROUNDS);
    }
  }
  for (const side of ['host', 'device']) {
    const { up, down } = moved[side];
    console.log(
      `${phase.padEnd(9)} ${side.padEnd(7)} ${median(times[side]).toFixed(2).padStart(9)} ms a step, ` +
        `${(up / 1e3).toFixed(1)} kB to and ${(down / 1e3).toFixed(1)} kB from the graphs`,
    );
  }
  for (const { end } of Object.values(sides)) end();
}
process.exit(0);
