/** What every registered sampler must do, whatever it is. */
import { describe, expect, it } from 'vitest';
import { partOf, standingState } from '../../src/chains/checkpoint.ts';
import type { SamplingStanding } from '../../src/chains/checkpointed.ts';
import { effectiveSampleSize } from '../../src/math/autocorrelation.ts';
import { normals } from '../../src/math/random.ts';
import { fold, rootKey } from '../../src/math/threefry.ts';
import { stepAsync, stepSync } from '../../src/samplers/drive.ts';
import { SAMPLERS, type SamplerName, type SamplerOptions } from '../../src/samplers/registry.ts';
import { standardNormal } from '../../src/targets/gaussian.ts';
import type { Info, Key, LogDensity, Sampler, State } from '../../src/types.ts';
import { gaussian } from './targets.ts';

const NAMES = Object.keys(SAMPLERS) as SamplerName[];
const D = 6;
const VARIANCE = [0.5, 1, 1, 2, 1, 0.7];

/** Settings under which each sampler mixes well on a standard normal. */
const TUNED: Record<SamplerName, SamplerOptions> = {
  'smile-naive': { stepSize: 0.4, decoherence: 2 },
  'psmile-naive': { stepSize: 0.4, decoherence: 2 },
  smile: { stepSize: 0.3, decoherence: 2, energyTarget: 1e-5, resetQuantile: 1 },
  psmile: { stepSize: 0.3, decoherence: 2, energyTarget: 1e-5, resetQuantile: 1 },
  'psmile-full': { stepSize: 0.4, decoherence: 2 },
  'psmile-low-rank': { stepSize: 0.4, decoherence: 2 },
  'psmile-auto': {},
  mclmc: { stepSize: 0.4, warmup: 600 },
  // MILE's own goal is far coarser, and its bias in few dimensions far beyond these errors.
  mile: { stepSize: 0.4, warmup: 600, energyTargets: [5e-4, 5e-4] },
  sgld: { stepSize: 0.01 },
  psgld: { stepSize: 0.01 },
  csgld: { stepSize: 0.01, finalStepSize: 0.005, steps: 20_600, cycles: 2, exploration: 0 },
  sghmc: { stepSize: 0.002, friction: 0.05 },
  adasghmc: { stepSize: 0.02 },
  hmc: { stepSize: 0.3, leapfrogs: 6 },
};
/** Bias of Var θ that the step size leaves, as a factor beyond the Monte Carlo error (exact laws below). */
const STEP_BIAS: Partial<Record<SamplerName, number>> = {
  sgld: 0.006,
  psgld: 0.012,
  csgld: 0.006,
  sghmc: 0.01,
  adasghmc: 0.01,
};

const keysOf = (chains: number, seed = 1): Key[] => Array.from({ length: chains }, (_, c) => fold(rootKey(seed), c));
const startOf = (chains: number) => {
  const start = new Float64Array(chains * D);
  for (let c = 0; c < chains; c++) normals([c, 77], start, c * D, D);
  return start;
};
const density = gaussian(VARIANCE);
/** A noisy batch of step t: each chain its own force. */
const batchAt = (t: number, chains: number, at = 0) => {
  const noise = new Float64Array(chains * D);
  for (let c = 0; c < chains; c++) normals(fold(fold([5, 5], at + c), t), noise, c * D, D);
  return noise;
};
const build = (name: SamplerName, extra: SamplerOptions = {}): Sampler =>
  SAMPLERS[name]({ stepSize: 0.05, warmup: 12, steps: 40, ...extra });

/** Steps `from … to−1` with the hand-over at 12. */
function advance(sampler: Sampler, state: State, chains: number, from: number, to: number, at = 0): Info[] {
  const infos: Info[] = [];
  for (let t = from; t < to; t++) {
    if (t === 12) sampler.endWarmup(state);
    infos.push(structuredClone(stepSync(sampler, state, density, batchAt(t, chains, at), t)));
  }
  return infos;
}
const slice = (v: Float64Array, c: number) => v.slice(c * D, (c + 1) * D);

describe.each(NAMES)('%s', (name) => {
  it('copies its start, keeps shapes and reports per chain', () => {
    const start = startOf(3);
    const held = start.slice();
    const sampler = build(name);
    const state = sampler.init(start, keysOf(3));
    const [info] = advance(sampler, state, 3, 0, 1);
    expect(start).toEqual(held);
    expect(state.theta.length).toBe(3 * D);
    for (const field of ['logDensity', 'energyChange', 'stepSize', 'reset', 'nonFinite', 'moved'] as const) {
      expect(info[field].length).toBe(3);
    }
    expect(info.stepSize.every((epsilon) => epsilon > 0)).toBe(true);
    for (const value of Object.values(state)) expect(value).toBeInstanceOf(Float64Array);
  });

  it('gives the same numbers for the same keys, and others for others', () => {
    const run = (seed: number) => {
      const sampler = build(name);
      const state = sampler.init(startOf(2), keysOf(2, seed));
      advance(sampler, state, 2, 0, 20);
      return state.theta;
    };
    expect(run(1)).toEqual(run(1));
    expect(run(1)).not.toEqual(run(2));
  });

  it('gives a chain the same numbers in any block', () => {
    const sampler = build(name);
    const block = sampler.init(startOf(4), keysOf(4));
    advance(sampler, block, 4, 0, 30);
    for (const c of [0, 3]) {
      const alone = build(name);
      const state = alone.init(slice(startOf(4), c), [keysOf(4)[c]]);
      advance(alone, state, 1, 0, 30, c);
      expect(state.theta).toEqual(slice(block.theta, c));
    }
  });

  it('goes on to the bit from a state that was written to bytes', () => {
    const sampler = build(name);
    const state = sampler.init(startOf(2), keysOf(2));
    advance(sampler, state, 2, 0, 17);
    const bytes = Object.entries(state).map(([key, v]) => [
      key,
      Buffer.from(v.buffer.slice(v.byteOffset, v.byteOffset + v.byteLength)).toString('base64'),
    ]);
    advance(sampler, state, 2, 17, 34);
    const restored: State = Object.fromEntries(
      bytes.map(([key, text]) => [key, new Float64Array(new Uint8Array(Buffer.from(text, 'base64')).buffer)]),
    );
    const other = build(name);
    advance(other, restored, 2, 17, 34);
    expect(restored.theta).toEqual(state.theta);
  });

  it.each([
    ['in warm-up', 9],
    ['at the hand-over', 12],
    ['after it', 17],
  ])('goes on to the bit, in other blocks, from the parts that its checkpoints hold: %s', (_, t) => {
    const keys = keysOf(3);
    const whole = build(name);
    const state = whole.init(startOf(3), keys);
    advance(whole, state, 3, 0, t);
    const parts = keys.map((_, c) => ({ facts: { t }, state: structuredClone(partOf(state, c, 3)) }));
    advance(whole, state, 3, t, 34);
    for (const chains of [[0, 1, 2], [1]]) {
      const sampler = build(name);
      const blank = new Float64Array(chains.length * D);
      const init = () =>
        sampler.init(
          blank,
          chains.map((c) => keys[c]),
        );
      const standing = chains.map((c) => parts[c] as unknown as SamplingStanding);
      const resumed = standingState({ init, endWarmup: (fresh) => sampler.endWarmup(fresh) }, standing, 12);
      advance(sampler, resumed, chains.length, t, 34, chains[0]);
      const from = chains[0] * D;
      expect(resumed.theta).toEqual(state.theta.slice(from, from + chains.length * D));
      expect(Object.keys(resumed)).toEqual(Object.keys(state));
    }
  });

  it('counts and survives a non-finite batch, alone in its chain', () => {
    const poisoned: LogDensity<Float64Array | undefined> = {
      dim: D,
      evaluate(theta, batch, value, grad) {
        density.evaluate(theta, batch, value, grad);
        if (batch?.[0] === Number.POSITIVE_INFINITY) {
          value[0] = Number.NaN;
          grad.fill(Number.NaN, 0, D);
        }
      },
    };
    const sampler = build(name);
    const state = sampler.init(startOf(2), keysOf(2));
    for (let t = 0; t < 6; t++) stepSync(sampler, state, poisoned, batchAt(t, 2), t);
    const before = state.theta.slice();
    const bad = batchAt(6, 2);
    bad[0] = Number.POSITIVE_INFINITY;
    const info = stepSync(sampler, state, poisoned, bad, 6);
    expect([...info.nonFinite]).toEqual([1, 0]);
    expect(slice(state.theta, 0)).toEqual(slice(before, 0));
    for (let t = 7; t < 30; t++) stepSync(sampler, state, poisoned, batchAt(t, 2), t);
    for (const [field, value] of Object.entries(state)) {
      // Nothing poisoned stays; Infinity only where it stands for "none".
      if (field !== 'decoherence') expect([field, value.every(Number.isFinite)]).toEqual([field, true]);
    }
    expect(slice(state.theta, 0)).not.toEqual(slice(before, 0));
  });

  it('reports the gradients that it asks for', async () => {
    let asked = 0;
    const counting: LogDensity<Float64Array | undefined> = {
      dim: D,
      async evaluate(theta, batch, value, grad) {
        asked++;
        density.evaluate(theta, batch, value, grad);
      },
    };
    const sampler = build(name);
    const state = sampler.init(startOf(2), keysOf(2));
    for (let t = 0; t < 20; t++) {
      if (t === 12) sampler.endWarmup(state);
      const before = asked;
      const info = await stepAsync(sampler, state, counting, batchAt(t, 2), t);
      expect(info.gradients).toBe(asked - before);
    }
  });

  it('counts for a chain what it would have spent alone, beside a chain that cannot start', () => {
    const stuck: LogDensity<Float64Array | undefined> = {
      dim: D,
      evaluate(theta, batch, value, grad) {
        density.evaluate(theta, batch, value, grad);
        if (value.length < 2) return;
        value[0] = Number.NaN;
        grad.fill(Number.NaN, 0, D);
      },
    };
    const spent = (chains: number, at: number) => {
      const sampler = build(name);
      const state = sampler.init(startOf(2).slice(at * D), keysOf(2).slice(at));
      return Array.from({ length: 9 }, (_, t) => {
        const info = stepSync(sampler, state, stuck, batchAt(t, chains, at), t);
        return info.ownGradients?.[chains - 1] ?? info.gradients;
      });
    };
    expect(spent(2, 0)).toEqual(spent(1, 1));
  });

  it('leaves a Gaussian as it is, within five Monte Carlo errors', () => {
    const [chains, warmup, steps, d] = [12, 600, 20_000, 4];
    const target = standardNormal(d);
    const sampler = SAMPLERS[name]({ stepSize: 0.05, warmup, steps, ...TUNED[name] });
    const start = new Float64Array(chains * d);
    normals([3, 3], start);
    const state = sampler.init(start, keysOf(chains, 9));
    const means = Array.from({ length: chains }, () => new Float64Array(steps));
    const squares = Array.from({ length: chains }, () => new Float64Array(steps));
    for (let t = 0; t < warmup + steps; t++) {
      if (t === warmup) sampler.endWarmup(state);
      stepSync(sampler, state, target, undefined, t);
      if (t < warmup) continue;
      for (let c = 0; c < chains; c++) {
        means[c][t - warmup] = state.theta[c * d];
        squares[c][t - warmup] = state.theta[c * d + 1] ** 2;
      }
    }
    for (const [series, exact, variance, bias] of [
      [means, 0, 1, 0],
      [squares, 1, 2, STEP_BIAS[name] ?? 0],
    ] as const) {
      const ess = effectiveSampleSize(series);
      expect(ess).toBeGreaterThan(400);
      const estimate = series.reduce((sum, chain) => sum + chain.reduce((a, b) => a + b, 0), 0) / (chains * steps);
      expect(Math.abs(estimate - exact)).toBeLessThan(5 * Math.sqrt(variance / ess) + bias);
    }
  });
});
