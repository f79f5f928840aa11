/** Chains that stay on the device against the plain sampler over the same gradients. */
import { describe, expect, it } from 'vitest';
import { inspectDevice, TOLERABLE } from '../../src/engine/devices.ts';
import { residence } from '../../src/engine/resident.ts';
import { compile, type Device } from '../../src/engine/session.ts';
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
import { partialSums, twoSum } from '../../src/models/resident-graphs.ts';
import { stepAsync } from '../../src/samplers/drive.ts';
import { residentSmile, SMILE_NAMES, type SmileName, smileSampler } from '../../src/samplers/smile.ts';
import type { Info, State } from '../../src/types.ts';

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
}
const CASES: Record<string, Case> = {
  mlp: {
    model: mlp({ inputs: 4, hidden: [12, 8], outputs: 1, activation: 'tanh' }),
    chosen: likelihood('gaussian', 1),
    inputs: 4,
  },
  lenet: { model: lenet({ input: [1, 14, 14], classes: 3 }), chosen: likelihood('softmax', 3), inputs: 196 },
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
  const where = residence({ device });
  const graphs = await residentNetwork(network, where, { rows: ROWS, scaling: SCALING, preconditioned });
  const chain = graphs.chain();
  const scalars = resident.init([KEY], network.dim);
  await resident.start(scalars, 0, chain, theta);
  return {
    network,
    state,
    scalars,
    chain,
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
  const { velocity, slope, multiplier, mean, variance } = await chain.read();
  const [a, b] = [scalars.ofGradient[0], scalars.ofVelocity[0]];
  const m = (i: number) => multiplier?.[i] ?? 1;
  return {
    theta: await chain.position(),
    velocity: Float64Array.from(velocity, (u, i) => a * m(i) * slope[i] + b * u),
    gradient: Float64Array.from(slope),
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
  it.each(['smile-naive', 'psmile-naive'] as const)('%s: 50 steps end where the plain sampler’s do', async (sampler) => {
    // The error of u adds up over t steps, and θ goes along: t · ROUNDINGS · UNIT of the way.
    const both = await pair('mlp', sampler);
    let way = 0;
    for (let t = 0; t < 50; t++) {
      const { expected } = await both.step(t);
      way += expected.moved[0];
      expect(gap(await both.chain.position(), both.state.theta)).toBeLessThan(way * (t + 1) * ROUNDINGS * UNIT);
    }
    await both.release();
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
