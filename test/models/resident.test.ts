/** Chains that stay on the device against the plain sampler over the same gradients. */
import { describe, expect, it } from 'vitest';
import { TOLERABLE } from '../../src/engine/devices.ts';
import { residence } from '../../src/engine/resident.ts';
import { compile, type Device, inspectDevice } from '../../src/engine/session.ts';
import * as g from '../../src/graph/index.ts';
import { normals } from '../../src/math/random.ts';
import { fold, rootKey } from '../../src/math/threefry.ts';
import { gpt } from '../../src/models/gpt.ts';
import { lenet } from '../../src/models/lenet.ts';
import { type Likelihood, likelihood, tokens } from '../../src/models/likelihood.ts';
import { mlp } from '../../src/models/mlp.ts';
import type { Model } from '../../src/models/model.ts';
import { bayesianNetwork, initial, separateGraph, separateLogDensity } from '../../src/models/posterior.ts';
import { residentNetwork } from '../../src/models/resident.ts';
import { partialSums, segmentsOf, twoSum } from '../../src/models/resident-graphs.ts';
import type { Kept } from '../../src/residence.ts';
import { stepAsync } from '../../src/samplers/drive.ts';
import { residentSmile, SMILE_NAMES, type SmileName, smileSampler } from '../../src/samplers/smile.ts';
import type { Info, State } from '../../src/types.ts';
import { numbered } from './numbered.ts';

const gpu = await inspectDevice('webgpu');
if (gpu.fault) console.warn(`WebGPU tests of resident chains are skipped: ${gpu.fault}`);

const random = (seed: number, n: number) => {
  const values = new Float64Array(n);
  normals([seed, 5], values);
  return values;
};

interface Case {
  readonly model: Model;
  readonly chosen: Likelihood;
  readonly inputs: number;
  /** Numbers that lie together at most; absent: all do. */
  readonly largest?: number;
}
const CASES: Record<string, Case> = {
  mlp: {
    model: numbered(mlp({ inputs: 4, hidden: [12, 8], outputs: 1, activation: 'tanh' })),
    chosen: likelihood('gaussian', 1),
    inputs: 4,
    largest: 100,
  },
  lenet: {
    model: lenet({ input: [1, 14, 14], classes: 3 }),
    chosen: likelihood('softmax', 3),
    inputs: 196,
    largest: 5000,
  },
  gpt: {
    model: gpt({ vocabulary: 5, length: 6, width: 8, depth: 2, heads: 2 }),
    chosen: tokens(5, 6),
    inputs: 6,
  },
};
const ROWS = 16;
const SCALING = { priorScale: 0.5, factor: 8 };
const KEY = fold(rootKey(8), 1);

function batchOf({ chosen, inputs }: Case, t: number) {
  const isText = chosen.targets === inputs;
  const x = Float32Array.from(random(2 * t, inputs * ROWS), (v) => (isText ? Math.abs(Math.round(20 * v)) % 5 : v));
  const y = Float32Array.from(random(2 * t + 1, chosen.targets * ROWS), (v, i) => {
    if (chosen.name !== 'softmax') return v;
    return isText ? (t + i) % 5 : Number(Math.floor(i / ROWS) === (t + i) % 3);
  });
  return { x, y };
}

const norm = (v: ArrayLike<number>) => Math.sqrt(Array.from(v).reduce((sum, x) => sum + x * x, 0));
const gap = (a: ArrayLike<number>, b: ArrayLike<number>) => norm(Array.from(a, (x, i) => x - b[i]));

const OPTIONS = { stepSize: 0.05, energyEvery: 4, energyTarget: 1e-3 };

/** A device that counts the tensors that stay there. */
function counted(device: Device) {
  const where = residence({ device });
  const watch = { alive: 0, onKept: (_tensor: Kept): unknown => undefined };
  const born = (tensor: Kept) => {
    watch.alive++;
    watch.onKept(tensor);
    return tensor;
  };
  return {
    watch,
    where: {
      ...where,
      async compile(...graph: Parameters<typeof where.compile>) {
        const { run, release } = await where.compile(...graph);
        const counting: typeof run = async (feeds) => {
          const outcome = await run(feeds);
          Object.values(outcome.kept).forEach(born);
          return outcome;
        };
        return { run: counting, release };
      },
      put: async (...data: Parameters<typeof where.put>) => born(await where.put(...data)),
      free(tensor: Kept) {
        watch.alive--;
        where.free(tensor);
      },
    },
  };
}

/** The plain sampler and the resident one at the same place, each on graphs of its own. */
async function pair(name: string, sampler: SmileName, device: Device = 'cpu', options = OPTIONS) {
  const one = CASES[name];
  const network = bayesianNetwork(one.model, one.chosen, one.inputs);
  const theta = initial(network, [3, 1]);
  const plain = smileSampler(sampler, options);
  const compiled = await compile(separateGraph(network, ROWS, SCALING.factor));
  const density = separateLogDensity(compiled, network, SCALING);
  const state = plain.init(theta, [KEY]);
  const resident = residentSmile(sampler, options);
  const { preconditioned } = resident;
  const { where, watch } = counted(device);
  const graphs = await residentNetwork(network, where, {
    rows: ROWS,
    scaling: SCALING,
    preconditioned,
    ...(one.largest && { largest: one.largest }),
  });
  const chain = graphs.chain();
  const scalars = resident.init([KEY], network.dim);
  await resident.start(scalars, 0, chain, theta);
  return {
    network,
    state,
    scalars,
    chain,
    watch,
    async step(t: number, batch = batchOf(one, t)) {
      const expected = await stepAsync(plain, state, density, batch, t);
      return { expected, got: await resident.step(scalars, [chain], () => batch, t) };
    },
    async release() {
      await chain.release();
      await graphs.release();
      await where.release();
      await compiled.release();
    },
  };
}
type Pair = Awaited<ReturnType<typeof pair>>;

/** The resident chain's vectors as the plain sampler's state names them, u brought up to date. */
async function vectorsOf({ chain, scalars }: Pair): Promise<State> {
  const { velocity, slope, noise, multiplier, mean, variance } = await chain.read();
  const [a, b] = [scalars.ofGradient[0], scalars.ofVelocity[0]];
  const m = (i: number) => multiplier?.[i] ?? 1;
  return {
    theta: await chain.position(),
    velocity: Float64Array.from(velocity, (u, i) => a * m(i) * slope[i] + b * u),
    gradient: Float64Array.from(slope),
    noiseVariance: Float64Array.from(noise),
    ...(multiplier && {
      multiplier: Float64Array.from(multiplier),
      noiseMean: Float64Array.from(mean),
      noiseSquare: Float64Array.from(variance),
    }),
  };
}

/** Puts the plain sampler where the resident one stands. */
async function synchronise(both: Pair): Promise<void> {
  for (const [field, values] of Object.entries({ ...both.scalars, ...(await vectorsOf(both)) })) {
    both.state[field]?.set(values);
  }
}

/** Half the spacing of float32 numbers next to 1, and how many roundings a step may take: three runs of some ten each. */
const UNIT = 2 ** -24;
const ROUNDINGS = 64;

/**
 * One step both ways from the same place, then everything compared. Both see float32 gradients, of positions that differ in the
 * last digits: they may differ by `tolerable` of their norm. Beyond that the resident chain rounds u, factors and products:
 * u turns by ROUNDINGS · UNIT, and by the gradients' error times the angle of the kicks; θ is off by so much of the way; ΔE
 * by the rounding of the log density, and by ‖g‖ times the error of θ; ε ∝ |ΔE|^(−1/3) by a third of ΔE's relative error.
 */
async function compareStep(both: Pair, t: number, tolerable: number, batch?: Parameters<Pair['step']>[1]) {
  const before = { noiseCount: both.state.noiseCount?.[0] ?? 0, stepSize: both.state.stepSize[0] };
  const { expected, got } = await both.step(t, batch);
  const { state, scalars, network } = both;
  const vectors = await vectorsOf(both);
  const where = `step ${t}`;
  const told = ({ reset, nonFinite, gradients }: Info) => ({ reset: reset[0], nonFinite: nonFinite[0], gradients });
  expect(told(got), where).toEqual(told(expected));
  const unit = Math.max(ROUNDINGS * UNIT, tolerable / 10);
  const slope = norm(state.gradient);
  const m = Math.max(1, ...(state.multiplier ?? []));
  const turning = unit + (tolerable * m * before.stepSize * slope) / (network.dim - 1);
  const wayError = turning * before.stepSize * m;
  const valueError = unit * (Math.abs(expected.logDensity[0]) + ROWS * SCALING.factor) + 2 * slope * wayError;
  const near = (a: number, b: number, error: number, what: string) =>
    expect(Math.abs(a - b), `${where}: ${what}`).toBeLessThanOrEqual(error);
  near(gap(vectors.theta, state.theta), 0, wayError, 'θ');
  near(gap(vectors.velocity, state.velocity), 0, turning, 'u');
  near(gap(vectors.gradient, state.gradient), 0, tolerable * slope, 'g');
  near(got.moved[0], expected.moved[0], 2 * wayError, 'moved');
  near(got.logDensity[0], expected.logDensity[0], valueError, 'log density');
  expect(scalars.cached[0], where).toBe(state.cached[0]);
  const energy = expected.energyChange[0];
  expect(Number.isNaN(got.energyChange[0]), where).toBe(Number.isNaN(energy));
  const energyError = 2 * valueError;
  if (!Number.isNaN(energy)) near(got.energyChange[0], energy, energyError, 'ΔE');
  const stepError = Number.isFinite(energy) ? energyError / (3 * Math.abs(energy)) : 0;
  near(scalars.stepSize[0] / state.stepSize[0], 1, stepError + 1e-12, 'ε');
  expect(scalars.noiseSamples[0], where).toBe(state.noiseSamples[0]);
  const noiseError = tolerable * slope * (slope + norm(Array.from(state.noiseVariance, Math.sqrt)));
  near(gap(vectors.noiseVariance, state.noiseVariance), 0, noiseError, 'V');
  if (state.multiplier) {
    const weight = Math.max(1 / (before.noiseCount + 1), 1e-3);
    const largest = Math.max(...state.gradient.map((x, i) => Math.abs(x - state.noiseMean[i])), slope);
    const squareError = 2 * weight * largest * tolerable * slope + unit * norm(state.noiseSquare);
    near(gap(vectors.noiseMean, state.noiseMean), 0, tolerable * slope + unit * norm(state.noiseMean), 'μ');
    near(gap(vectors.noiseSquare, state.noiseSquare), 0, squareError, 'S²');
    const average = state.noiseSquare.reduce((sum, s) => sum + s, 0) / network.dim;
    if (average > 0) {
      const error = m ** 3 * (squareError / average) + unit * norm(state.multiplier);
      near(gap(vectors.multiplier, state.multiplier), 0, error, 'm');
    }
  }
  await synchronise(both);
  return { expected, got };
}

/** The error of u adds up over t steps, and θ goes along: t · ROUNDINGS · UNIT of the way, however small the steps. */
async function march(sampler: SmileName, stepSize: number, steps: number, device: Device = 'cpu', tolerable = 0) {
  const both = await pair('mlp', sampler, device, { ...OPTIONS, stepSize });
  const start = both.state.theta.slice();
  let way = 0;
  for (let t = 0; t < steps; t++) {
    const { expected } = await both.step(t);
    way += expected.moved[0];
    const error = way * Math.max((t + 1) * ROUNDINGS * UNIT, tolerable);
    expect(gap(await both.chain.position(), both.state.theta), `step ${t}`).toBeLessThan(error);
  }
  expect(gap(both.state.theta, start)).toBeGreaterThan(0.5 * way);
  await both.release();
}

/** Vectors that a preconditioned chain holds: eight, and what the mark keeps of three of them. */
const HELD = 11;

describe.each(Object.keys(CASES))('%s on the processor', (name) => {
  it.each(SMILE_NAMES)('%s: every step is the plain sampler’s', async (sampler) => {
    const both = await pair(name, sampler);
    expect(both.network.parameters.length).toBeGreaterThan(2);
    await synchronise(both);
    let [energies, way] = [0, 0];
    for (let t = 0; t < 24; t++) {
      const { expected } = await compareStep(both, t, TOLERABLE);
      energies += Number.isNaN(expected.energyChange[0]) ? 0 : 1;
      way += expected.moved[0];
    }
    expect(energies).toBe(sampler.endsWith('naive') ? 1 : 6);
    expect(way).toBeGreaterThan(1);
    await both.release();
  });
});

describe('on the processor', () => {
  it.each([
    ['smile-naive', 0.05],
    ['psmile-naive', 0.05],
    ['smile-naive', 1e-7],
    ['psmile-naive', 1e-7],
  ] as const)('%s: 50 steps of ε = %d end where the plain sampler’s do', async (sampler, stepSize) => {
    await march(sampler, stepSize, 50);
  });

  it('a chain read and written goes on to the bit', async () => {
    const [first, second] = [await pair('mlp', 'psmile'), await pair('mlp', 'psmile')];
    for (let t = 0; t < 14; t++) await first.step(t);
    await second.chain.write(await first.chain.read());
    for (const [field, values] of Object.entries(first.scalars)) second.scalars[field].set(values);
    for (let t = 14; t < 40; t++) {
      await first.step(t);
      await second.step(t);
    }
    expect(await second.chain.read()).toEqual(await first.chain.read());
    expect(second.scalars).toEqual(first.scalars);
    await expect(second.chain.write({ high: new Float32Array(3) })).rejects.toThrow("numbers of 'high', got 3");
    await first.release();
    await second.release();
  });

  it('holds the same memory after 300 steps: freed arrays are written again', async () => {
    const both = await pair('mlp', 'psmile');
    const seen = new Set<unknown>();
    const held: number[] = [];
    both.watch.onKept = (tensor) => seen.add((tensor as unknown as { data: Float32Array }).data);
    for (let t = 0; t < 300; t++) {
      const { x, y } = batchOf(CASES.mlp, t);
      await both.step(t, { x, y: t % 40 === 9 ? y.fill(Number.NaN) : y });
      held.push(both.watch.alive);
    }
    const tensors = segmentsOf(both.network.parameters, CASES.mlp.largest).length;
    expect(Math.max(...held)).toBeLessThanOrEqual(HELD * tensors);
    expect(seen.size).toBeLessThanOrEqual(2 * HELD * tensors);
    await both.release();
    expect(both.watch.alive).toBe(0);
  });

  it('bad batches are rejected, and leave everything but u and ε as it was', async () => {
    const both = await pair('mlp', 'psmile');
    await synchronise(both);
    const poison = (t: number) => {
      const { x, y } = batchOf(CASES.mlp, t);
      return { x, y: y.fill(Number.NaN) };
    };
    let nonFinite = 0;
    for (let t = 0; t < 20; t++) {
      const bad = t < 2 || t === 8 || t === 10;
      const { got } = await compareStep(both, t, TOLERABLE, bad ? poison(t) : undefined);
      nonFinite += got.nonFinite[0];
    }
    expect(nonFinite).toBe(4);
    await both.release();
  });

  it('outliers of the energy are rejected as the plain sampler rejects them', async () => {
    const both = await pair('mlp', 'smile', 'cpu', { ...OPTIONS, energyEvery: 1 });
    await synchronise(both);
    let resets = 0;
    for (let t = 0; t < 80; t++) {
      if (t === 60 || t === 66) for (const { stepSize } of [both.state, both.scalars]) stepSize[0] *= 8;
      const { got } = await compareStep(both, t, TOLERABLE);
      resets += got.reset[0];
    }
    expect(resets).toBeGreaterThan(0);
    await both.release();
  });
});

describe.skipIf(gpu.fault)('on WebGPU', () => {
  /** Relative error of a gradient: the project bears a thousandth of devices whose sine is only good to that. */
  const BORNE = 1e-3;

  it.each([
    ['mlp', 'smile-naive', 5],
    ['mlp', 'psmile', 9],
    ['lenet', 'psmile', 4],
    ['gpt', 'psmile', 4],
  ] as const)('%s, %s: every step is the plain sampler’s', async (name, sampler, steps) => {
    const both = await pair(name, sampler, 'webgpu');
    await synchronise(both);
    for (let t = 0; t < steps; t++) {
      const { x, y } = batchOf(CASES[name], t);
      await compareStep(both, t, BORNE, { x, y: t === 3 ? y.fill(Number.NaN) : y });
    }
    await both.release();
    expect(both.watch.alive).toBe(0);
  });

  it('steps far below the spacing of float32 numbers arrive', async () => {
    await march('psmile-naive', 1e-7, 12, 'webgpu', BORNE);
  });

  it('a chain read and written goes on from there', async () => {
    const [first, second] = [await pair('mlp', 'psmile', 'webgpu'), await pair('mlp', 'psmile', 'webgpu')];
    let way = 0;
    for (let t = 0; t < 6; t++) {
      if (t === 3) {
        await second.chain.write(await first.chain.read());
        for (const [field, values] of Object.entries(first.scalars)) second.scalars[field].set(values);
      }
      way += (await first.step(t)).got.moved[0];
      if (t >= 3) await second.step(t);
    }
    expect(gap(await second.chain.position(), await first.chain.position())).toBeLessThan(BORNE * way);
    await first.release();
    await second.release();
  });

  it('gives back the buffers of every step', async () => {
    const both = await pair('mlp', 'psmile', 'webgpu');
    const held: number[] = [];
    for (let t = 0; t < 40; t++) {
      await both.step(t);
      held.push(both.watch.alive);
    }
    expect(Math.max(...held)).toBeLessThanOrEqual(HELD * segmentsOf(both.network.parameters, CASES.mlp.largest).length);
    await both.release();
  });
});

it('segments keep the order of the parameters, few numbers together but a large parameter whole', () => {
  const parameters = [5, 3, 200, 2, 90, 9].map((n) => ({ name: `p${n}`, shape: [n], start: { constant: 0 } }));
  const segments = segmentsOf(parameters, 100);
  expect(segments.map(({ size }) => size)).toEqual([8, 200, 92, 9]);
  expect(segments.flatMap((segment) => segment.parameters)).toEqual(parameters);
  expect(segmentsOf(parameters).map(({ size }) => size)).toEqual([309]);
});

describe.each(['cpu', 'webgpu'] as const)('exact sums on %s', (device) => {
  const skipped = device === 'webgpu' && gpu.fault !== undefined;

  it.skipIf(skipped)('TwoSum keeps what float32 addition loses: no optimiser folds (a + b) − a', async () => {
    const n = 4000;
    const [a, b] = [g.input('a', [n]), g.input('b', [n])];
    const [sum, error] = twoSum(a, b);
    const compiled = await compile({ inputs: { a, b }, outputs: { sum, error } }, { device });
    // Exponents up to 24 apart, so that float64 holds the sum of two float32 exactly.
    const spread = random(5, n);
    const feeds = {
      a: Float32Array.from(random(6, n)),
      b: Float32Array.from(random(7, n), (z, i) => z * 2 ** Math.round(-12 + 12 * Math.tanh(spread[i]))),
    };
    const got = await compiled.run(feeds);
    let lost = 0;
    feeds.a.forEach((x, i) => {
      expect(got.sum[i]).toBe(Math.fround(x + feeds.b[i]));
      expect(got.sum[i] + got.error[i]).toBe(x + feeds.b[i]);
      lost += Number(got.error[i] !== 0);
    });
    expect(lost).toBeGreaterThan(n / 2);
    await compiled.release();
  });

  it.skipIf(skipped)('partial sums have few terms and add up, whatever the size', async () => {
    for (const size of [1, 7, 1000, 1024, 1025, 2053, 3000, 4099, 50_257]) {
      const x = g.input('x', [1, size]);
      const compiled = await compile({ inputs: { x }, outputs: { sums: partialSums(x) } }, { device });
      const values = Float32Array.from(random(size, size));
      const { sums } = await compiled.run({ x: values });
      expect(sums.length).toBeGreaterThanOrEqual(size / 1024);
      expect(sums.length).toBeLessThanOrEqual(Math.max(1, size / 128));
      const total = (v: ArrayLike<number>) => Array.from(v).reduce((all, part) => all + part, 0);
      // Each partial sum is off by no more than a rounding for each term, of the sum of sizes.
      expect(Math.abs(total(sums) - total(values))).toBeLessThan(1024 * UNIT * total(values.map(Math.abs)));
      await compiled.release();
    }
  });
});
