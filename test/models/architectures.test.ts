import { describe, expect, it } from 'vitest';
import { compile } from '../../src/engine/session.ts';
import * as g from '../../src/graph/index.ts';
import { normals } from '../../src/math/random.ts';
import { sumOf, sumOfSquares } from '../../src/math/sums.ts';
import { gpt } from '../../src/models/gpt.ts';
import { lenet } from '../../src/models/lenet.ts';
import { type Likelihood, likelihood, tokens } from '../../src/models/likelihood.ts';
import { dimensionOf, type Model, unflatten } from '../../src/models/model.ts';
import {
  bayesianNetwork,
  initial,
  networkLogDensity,
  posteriorGraph,
  separateGraph,
  separateLogDensity,
} from '../../src/models/posterior.ts';
import { resnet, resnet7 } from '../../src/models/resnet.ts';
import { vit } from '../../src/models/vit.ts';

const random = (seed: number, n: number, scale = 1) => {
  const values = new Float64Array(n);
  normals([seed, 9], values);
  return values.map((z) => z * scale);
};

const norm = (v: Float64Array) => Math.sqrt(sumOfSquares(v, 0, v.length));
const bits = ({ buffer, byteOffset, byteLength }: Float32Array | Float64Array) =>
  Buffer.from(buffer, byteOffset, byteLength);

describe('parameter counts of the paper', () => {
  it.each([
    [lenet({ input: [1, 28, 28], classes: 10 }), 61_706],
    [resnet7({ input: [3, 32, 32], classes: 10 }), 428_272],
    [resnet({ input: [3, 32, 32], classes: 10 }), 11_178_782],
    [vit({ input: [3, 160, 160], classes: 10 }), 22_032_522],
    [gpt({ vocabulary: 65, length: 256 }), 10_770_048],
    [gpt({ vocabulary: 65, length: 256, order: 'pre-norm' }), 10_770_048],
  ])('$name', (model, count) => {
    expect(dimensionOf(model.parameters)).toBe(count);
    expect(new Set(model.parameters.map(({ name }) => name)).size).toBe(model.parameters.length);
  });
});

const softmax = likelihood('softmax', 3);
const small: [Model, Likelihood, number][] = [
  [lenet({ input: [1, 14, 14], classes: 3 }), softmax, 196],
  [resnet7({ input: [2, 8, 8], classes: 3 }), softmax, 128],
  [resnet({ input: [2, 8, 8], classes: 3, blocks: [1, 1] }), softmax, 128],
  [vit({ input: [2, 8, 8], classes: 3, patch: 4, width: 8, depth: 2, heads: 2, head: 6 }), softmax, 128],
  [gpt({ vocabulary: 5, length: 6, width: 8, depth: 2, heads: 2 }), tokens(5, 6), 6],
  [gpt({ vocabulary: 5, length: 6, width: 8, depth: 2, heads: 2, order: 'pre-norm' }), tokens(5, 6), 6],
];

/** Inputs and targets `[C, …, B]` that fit the model. */
function batchFor(chosen: Likelihood, inputs: number, chains: number, rows: number) {
  const isText = chosen.targets === inputs;
  const whole = (seed: number, n: number, below: number) =>
    random(seed, n, 100).map((z) => Math.abs(Math.round(z)) % below);
  const x = isText ? whole(2, chains * inputs * rows, chosen.outputs) : random(2, chains * inputs * rows);
  const y = isText ? whole(3, chains * inputs * rows, chosen.outputs) : new Float64Array(chains * 3 * rows);
  if (!isText)
    for (let c = 0; c < chains; c++) for (let r = 0; r < rows; r++) y[(c * 3 + ((r + c) % 3)) * rows + r] = 1;
  return { x, y };
}

describe.each(small)('$name', (model, chosen, inputs) => {
  const network = bayesianNetwork(model, chosen, inputs);
  const scaling = { priorScale: 0.7, factor: 2 };
  const start = (chains: number) =>
    Float64Array.from(Array.from({ length: chains }, (_, c) => [...initial(network, [c, 5])]).flat()).map(
      (v, i) => v + 0.3 * Math.sin(i),
    );

  it('has the gradient of central differences in float64, along random directions', async () => {
    const rows = 2;
    const graph = await compile(posteriorGraph(network, 1, rows, scaling, 'float64'));
    const theta = start(1);
    const { x, y } = batchFor(chosen, inputs, 1, rows);
    const value = async (at: Float64Array) => {
      const { logLikelihood } = await graph.run({ theta: at, x, y });
      const prior = at.reduce((sum, v) => sum - (0.5 * v * v) / scaling.priorScale ** 2, 0);
      return prior + scaling.factor * sumOf(logLikelihood, 0, rows);
    };
    const { gradient } = await graph.run({ theta, x, y });
    const slope = Float64Array.from(gradient);
    for (let k = 0; k < 6; k++) {
      // The last direction of each half touches few parameters, so that small gradients are seen too.
      const raw = random(40 + k, network.dim).map((v, i) => (k % 3 === 2 && i % 17 !== k ? 0 : v));
      const length = norm(raw);
      const direction = raw.map((v) => v / length);
      const h = 1e-5;
      const moved = (s: number) => theta.map((v, i) => v + s * h * direction[i]);
      const difference = ((await value(moved(1))) - (await value(moved(-1)))) / (2 * h);
      const exact = slope.reduce((sum, v, i) => sum + v * direction[i], 0);
      expect(Math.abs(exact - difference)).toBeLessThan(1e-7 * norm(slope));
    }
    await graph.release();
  });

  it('gives each chain of a block the bits that it has alone', async () => {
    const [chains, rows] = [2, 3];
    const theta = start(chains);
    const batch = batchFor(chosen, inputs, chains, rows);
    const [x, y] = [Float32Array.from(batch.x), Float32Array.from(batch.y)];
    const block = await compile(posteriorGraph(network, chains, rows, scaling));
    const alone = await compile(posteriorGraph(network, 1, rows, scaling));
    const all = await block.run({ theta, x, y });
    for (let c = 0; c < chains; c++) {
      const own = <A extends Float32Array | Float64Array>(v: A) =>
        v.slice((c * v.length) / chains, ((c + 1) * v.length) / chains) as A;
      const one = await alone.run({ theta: own(theta), x: own(x), y: own(y) });
      for (const name of ['logLikelihood', 'gradient']) expect(bits(one[name]).equals(bits(own(all[name])))).toBe(true);
    }
    await block.release();
    await alone.release();
  });

  it('has the same density fed parameter by parameter', async () => {
    const [chains, rows] = [2, 3];
    const theta = start(chains);
    const batch = batchFor(chosen, inputs, chains, rows);
    const [x, y] = [Float32Array.from(batch.x), Float32Array.from(batch.y)];
    const results = [];
    for (const separate of [false, true]) {
      const graph = separate ? separateGraph(network, rows, scaling.factor) : posteriorGraph(network, 1, rows, scaling);
      const compiled = await compile(graph);
      const density = separate
        ? separateLogDensity(compiled, network, scaling)
        : networkLogDensity(compiled, network.dim, scaling, 1);
      const [value, gradient] = [new Float64Array(chains), new Float64Array(theta.length)];
      await density.evaluate(theta, { x, y }, value, gradient);
      results.push({ value, gradient });
      await compiled.release();
    }
    const [joint, own] = results;
    for (let c = 0; c < chains; c++)
      expect(Math.abs(own.value[c] - joint.value[c])).toBeLessThan(1e-4 * Math.abs(joint.value[c]));
    expect(norm(own.gradient.map((v, i) => v - joint.gradient[i]))).toBeLessThan(1e-5 * norm(joint.gradient));
  });

  it('computes in float32 what it computes in float64', async () => {
    const rows = 3;
    const theta = start(1);
    const batch = batchFor(chosen, inputs, 1, rows);
    const wide = await (await compile(posteriorGraph(network, 1, rows, scaling, 'float64'))).run({ theta, ...batch });
    const narrow = await (await compile(posteriorGraph(network, 1, rows, scaling))).run({
      theta,
      x: Float32Array.from(batch.x),
      y: Float32Array.from(batch.y),
    });
    const slope = Float64Array.from(wide.gradient);
    expect(norm(slope.map((v, i) => v - narrow.gradient[i]))).toBeLessThan(1e-4 * norm(slope));
    wide.logLikelihood.forEach((v, i) => {
      expect(Math.abs(v - narrow.logLikelihood[i])).toBeLessThan(1e-4 * (1 + Math.abs(v)));
    });
  });
});

it('causal attention lets no place see a later one', async () => {
  const model = gpt({ vocabulary: 5, length: 6, width: 8, depth: 2, heads: 2 });
  const theta = g.input('theta', [1, dimensionOf(model.parameters)]);
  const network = bayesianNetwork(model, tokens(5, 6), 6);
  const x = g.input('x', [1, 6, 1]);
  const logits = model.forward(unflatten(theta, model.parameters), x);
  const compiled = await compile({ inputs: { theta, x }, outputs: { logits } });
  const feeds = { theta: Float32Array.from(initial(network, [1, 1])), x: Float32Array.of(0, 1, 2, 3, 4, 0) };
  const before = (await compiled.run(feeds)).logits.slice();
  const after = (await compiled.run({ ...feeds, x: Float32Array.of(0, 1, 2, 3, 1, 4) })).logits;
  for (let k = 0; k < 5; k++)
    for (let place = 0; place < 6; place++) {
      const same = before[k * 6 + place] === after[k * 6 + place];
      expect(same).toBe(place < 4);
    }
});
