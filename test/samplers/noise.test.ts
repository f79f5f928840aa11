import { describe, expect, it } from 'vitest';
import { batchStream, pairShare } from '../../src/data/batches.ts';
import { tableRows } from '../../src/data/table/rows.ts';
import { normals } from '../../src/math/random.ts';
import { fold, rootKey } from '../../src/math/threefry.ts';
import { controlVariate } from '../../src/samplers/control-variate.ts';
import { uncontrolled } from '../../src/samplers/controller.ts';
import { stepAsync, stepSync } from '../../src/samplers/drive.ts';
import { fullNoise, lowRankNoise } from '../../src/samplers/full-noise.ts';
import {
  decoherenceForBias,
  effectiveTemperatures,
  noiseDecoherence,
  plateauStepSize,
} from '../../src/samplers/noise-theory.ts';
import { positionScaled } from '../../src/samplers/position-noise.ts';
import type { Preconditioner } from '../../src/samplers/preconditioner.ts';
import { SAMPLERS } from '../../src/samplers/registry.ts';
import { smileSampler } from '../../src/samplers/smile.ts';
import { soundMicrocanonical } from '../../src/samplers/sound.ts';
import { icg, standardNormal } from '../../src/targets/gaussian.ts';
import { linearRegression } from '../../src/targets/linear.ts';
import { injectedForce, noisy } from '../../src/targets/noise.ts';
import type { Key, LogDensity, Sampler, State } from '../../src/types.ts';
import { gaussian } from './targets.ts';

const keysOf = (chains: number, seed = 1): Key[] => Array.from({ length: chains }, (_, c) => fold(rootKey(seed), c));

/** Noise of covariance base·1 + extra·vvᵀ with v the unit vector along (1, 1, 0 …) — diagonal maps cannot see it. */
function spiked(d: number, base: number, extra: number) {
  const v = Float64Array.from({ length: d }, (_, i) => (i < 2 ? Math.SQRT1_2 : 0));
  const z = new Float64Array(d + 1);
  return (t: number, chains: number) => {
    const out = new Float64Array(chains * d);
    for (let c = 0; c < chains; c++) {
      normals(fold([c, 31], t), z);
      for (let i = 0; i < d; i++) out[c * d + i] = Math.sqrt(base) * z[i] + Math.sqrt(extra) * v[i] * z[d];
    }
    return out;
  };
}

/** Variance along v and across it, on a standard normal after the warm-up. */
function temperatures(sampler: Sampler, d: number, force: (t: number, chains: number) => Float64Array) {
  const [chains, warmup, steps] = [20, 4000, 14_000];
  const start = new Float64Array(chains * d);
  normals([2, 2], start);
  const state = sampler.init(start, keysOf(chains));
  const density = gaussian(new Array(d).fill(1));
  let along = 0;
  let across = 0;
  for (let t = 0; t < warmup + steps; t++) {
    if (t === warmup) sampler.endWarmup(state);
    stepSync(sampler, state, density, force(t, chains), t);
    if (t < warmup) continue;
    for (let c = 0; c < chains; c++) {
      const [a, b] = [state.theta[c * d], state.theta[c * d + 1]];
      along += (a + b) ** 2 / 2 / (steps * chains);
      across += (a - b) ** 2 / 2 / (steps * chains);
    }
  }
  return { along, across };
}

describe('correlated noise', () => {
  const d = 12;
  const force = spiked(d, 100, 1500);

  it('biases the plain and the diagonal samplers as predicted', () => {
    // T along v: 1600 over the mean variance 100 + 1500/12; the diagonal map only sees the two axes.
    const plain = temperatures(smileSampler('smile-naive', { stepSize: 0.1 }), d, force);
    expect(plain.along).toBeGreaterThan(4);
    const diagonal = temperatures(smileSampler('psmile-naive', { stepSize: 0.1 }), d, force);
    expect(diagonal.along).toBeGreaterThan(1.4);
  });

  it.each([
    ['full', 'full'],
    ['low-rank', 'low-rank'],
  ] as const)('%s preconditioning restores the target within 8 %%', (_name, noise) => {
    const { along, across } = temperatures(smileSampler('psmile-naive', { stepSize: 0.1, noise, rank: 2 }), d, force);
    expect([along, across].every((t) => Math.abs(t - 1) < 0.08)).toBe(true);
  });

  it('refreshment bounds the bias where nothing is preconditioned', () => {
    const { along } = temperatures(smileSampler('smile-naive', { stepSize: 0.02, biasBound: 0.2 }), d, force);
    // The bound is on axis variances: along v it is twice as large.
    expect(along).toBeLessThan(1.5);
    expect(along).toBeGreaterThan(1.05);
  });
});

describe.each([
  ['full', fullNoise()],
  ['low-rank', lowRankNoise(3)],
] as [string, Preconditioner][])('%s preconditioner', (_name, map) => {
  const d = 6;
  const learned = () => {
    const state: State = { ...map.init(2, d), theta: new Float64Array(2 * d) };
    for (let n = 0; n < 2048; n++) {
      const noise = factorNoise([n, 4], 2);
      for (let c = 0; c < 2; c++) map.learnNoise?.(state, c, d, noise);
    }
    return state;
  };
  /** z + 3f (1, 1, 0 …): one common factor in two of the parameters of each chain. */
  const factorNoise = (key: Key, chains: number) => {
    const out = new Float64Array(chains * d);
    const z = new Float64Array(chains * (d + 1));
    normals(key, z);
    for (let i = 0; i < out.length; i++) out[i] = z[i] + (i % d < 2 ? 3 * z[chains * d + Math.floor(i / d)] : 0);
    return out;
  };
  const apply = (f: Preconditioner['whiten'], state: State, v: Float64Array) =>
    f(state, 1, d, v, new Float64Array(2 * d)).slice(d);
  const unit = (i: number) => new Float64Array(2 * d).with(d + i, 1);

  it('whitens with the transpose of what it colours with, and coordinates invert it', () => {
    const state = learned();
    for (let i = 0; i < d; i++) {
      const coloured = apply(map.colour, state, unit(i));
      for (let j = 0; j < d; j++) {
        expect(Math.abs(apply(map.whiten, state, unit(j))[i] - coloured[j])).toBeLessThan(1e-12);
      }
      const there = new Float64Array(2 * d);
      there.set(coloured, d);
      const back = apply(map.coordinates, state, there);
      for (let j = 0; j < d; j++) expect(Math.abs(back[j] - (i === j ? 1 : 0))).toBeLessThan(1e-9);
    }
  });

  it('makes fresh noise isotropic', () => {
    const state = learned();
    const sum = Array.from({ length: d }, () => new Float64Array(d));
    for (let n = 0; n < 20_000; n++) {
      const w = apply(map.whiten, state, factorNoise([n, 5], 2));
      for (let i = 0; i < d; i++) for (let j = 0; j < d; j++) sum[i][j] += (w[i] * w[j]) / 20_000;
    }
    const average = sum.reduce((total, row, i) => total + row[i] / d, 0);
    for (let i = 0; i < d; i++) {
      for (let j = 0; j < d; j++) expect(Math.abs(sum[i][j] / average - (i === j ? 1 : 0))).toBeLessThan(0.15);
    }
  });
});

describe('the noise meter under batches drawn without replacement', () => {
  /** log p(θ) = −½‖θ‖² + N/B Σ x_b·θ: the noise is that of N/B Σ x_b, whatever θ. */
  const [rows, d, chains] = [48, 12, 4];
  const x = new Float32Array(rows * d);
  const z = new Float64Array(rows * d);
  normals([4, 4], z);
  x.set(z.map((value, i) => value * (1 + (i % d))));
  const source = tableRows({ x, y: new Float64Array(rows), inputs: d, targets: 1 });
  const summed = (size: number): LogDensity<{ x: Float32Array }> => ({
    dim: d,
    evaluate(theta, batch, value, grad) {
      for (let c = 0; c < value.length; c++) {
        value[c] = 0;
        for (let i = 0; i < d; i++) {
          let sum = 0;
          for (let j = 0; j < size; j++) sum += batch.x[(c * d + i) * size + j];
          const at = c * d + i;
          grad[at] = (rows / size) * sum - theta[at];
          value[c] += (rows / size) * sum * theta[at] - 0.5 * theta[at] ** 2;
        }
      }
    },
  });

  it.each([
    [24, 3],
    [24, 4],
    [16, 1],
    [7, 4],
    [31, 3],
    [4, 4],
  ])('is exact on average: batches of %i of 48 rows, measured every %i steps', (size, energyEvery) => {
    const keys = keysOf(chains);
    const noiseShare = pairShare(rows, size);
    const sampler = smileSampler('smile', { stepSize: 0.01, energyEvery, noiseShare });
    const state = sampler.init(new Float64Array(chains * d), keys);
    const batches = batchStream(source, keys, size);
    const density = summed(size);
    for (let t = 0; t < 1500 * energyEvery; t++) stepSync(sampler, state, density, batches.at(t), t);
    let ratio = 0;
    for (let i = 0; i < d; i++) {
      const column = Array.from({ length: rows }, (_, n) => x[n * d + i] as number);
      const mean = column.reduce((sum, v) => sum + v, 0) / rows;
      const spread = column.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (rows - 1);
      const exact = (rows ** 2 / size) * (1 - size / rows) * spread;
      for (let c = 0; c < chains; c++) ratio += state.noiseVariance[c * d + i] / exact / (chains * d);
    }
    // 1500 samples of 4 chains and 12 parameters, each of relative variance about 2: an error of 0.5 %.
    expect(Math.abs(ratio - 1)).toBeLessThan(0.025);
    expect(Math.min(...state.noiseSamples)).toBeGreaterThan(1200);
  });

  it('sees no noise in full batches, whatever rounding leaves', () => {
    expect(pairShare(48, 48)(3, 4)).toBe(0);
    const sampler = smileSampler('smile', { stepSize: 0.01, noiseShare: pairShare(rows, rows) });
    const state = sampler.init(new Float64Array(d), keysOf(1));
    const batches = batchStream(source, keysOf(1), rows);
    for (let t = 0; t < 40; t++) stepSync(sampler, state, summed(rows), batches.at(t), t);
    expect(state.noiseSamples[0]).toBe(0);
  });
});

describe('theory', () => {
  it('the L of a bound makes the worst temperature meet it', () => {
    const variance = [400, 400, 100, 100, 900, 50];
    const l = decoherenceForBias(variance, 0.05, 0.1);
    const worst = Math.max(...effectiveTemperatures(variance, 0.05, l).map((t) => Math.abs(t - 1)));
    expect(Math.abs(worst - 0.1)).toBeLessThan(1e-12);
    expect(decoherenceForBias([7, 7, 7], 0.05, 0.1)).toBe(Number.POSITIVE_INFINITY);
    expect(effectiveTemperatures([400, 100], 0.05, Infinity)).toEqual([1.6, 0.4]);
  });

  it('ε_lo is where the noise turns the velocity within the extent', () => {
    const [noise, extent, d] = [256, 12, 10];
    const middle = plateauStepSize(noise, extent, d, 0.1);
    const lowest = middle ** 2 / 0.1;
    expect(Math.abs(noiseDecoherence(noise, lowest, d) / extent - 1)).toBeLessThan(1e-12);
    expect(plateauStepSize(1e-9, extent, d, 0.1)).toBe(0.1);
  });
});

describe('psmile-auto', () => {
  it('finds its step size on the plateau and an isotropic map under correlated noise', () => {
    const target = icg();
    const density = noisy(target);
    const force = injectedForce('correlated');
    const keys = keysOf(4, 3);
    const sampler = SAMPLERS['psmile-auto']({});
    const state = sampler.init(new Float64Array(40), keys);
    const noise = new Float64Array(40);
    for (let t = 0; t < 6000; t++) {
      force(keys, t, noise);
      stepSync(sampler, state, density, noise, t);
    }
    sampler.endWarmup(state);
    expect([...state.stepSize].every((epsilon) => epsilon > 1e-3 && epsilon < 0.3)).toBe(true);
    expect([...state.decoherence].every((l) => Number.isFinite(l) && l > 0)).toBe(true);
    // Aᵀξ is isotropic: V along the widest and the narrowest axis of the noise differ 10⁴-fold before.
    const before = state.stepSize.slice();
    for (let t = 6000; t < 6100; t++) {
      force(keys, t, noise);
      stepSync(sampler, state, density, noise, t);
    }
    expect(state.stepSize).toEqual(before);
  });
});

it('freezing at the end of warm-up is a choice', () => {
  const run = (freeze: boolean) => {
    const sampler = SAMPLERS.psmile({ freeze, stepSize: 0.05 });
    const state = sampler.init(new Float64Array(10), keysOf(1));
    const density = noisy(icg());
    const force = injectedForce('diagonal');
    const noise = new Float64Array(10);
    let held = state.multiplier.slice();
    for (let t = 0; t < 400; t++) {
      if (t === 200) {
        sampler.endWarmup(state);
        held = state.multiplier.slice();
      }
      force(keysOf(1), t, noise);
      stepSync(sampler, state, density, noise, t);
    }
    return state.multiplier.every((m, i) => m === held[i]);
  };
  expect(run(true)).toBe(true);
  expect(run(false)).toBe(false);
});

describe('noise whose strength depends on the position', () => {
  /** E[θ₁] and E[θ₁²] on a standard normal in four dimensions, with A = a(θ)·1 and no noise but refreshment. */
  const moments = (corrected: boolean) => {
    const d = 4;
    const scale = {
      value: (theta: Float64Array, at: number) => Math.exp(0.5 * Math.tanh(theta[at])),
      gradient(theta: Float64Array, at: number, n: number, out: Float64Array) {
        out.fill(0, at, at + n);
        out[at] = 0.5 * (1 - Math.tanh(theta[at]) ** 2) * scale.value(theta, at);
      },
    };
    const sampler = soundMicrocanonical({
      name: 't',
      stepSize: 0.05,
      decoherence: 2,
      energyEvery: Infinity,
      preconditioner: positionScaled(scale, { corrected }),
      controller: uncontrolled,
    });
    const chains = 60;
    const start = new Float64Array(chains * d);
    normals([8, 8], start);
    const state = sampler.init(start, keysOf(chains));
    let mean = 0;
    const [burn, steps] = [1000, 20_000];
    for (let t = 0; t < burn + steps; t++) {
      stepSync(sampler, state, standardNormal(d), undefined, t);
      if (t >= burn) for (let c = 0; c < chains; c++) mean += state.theta[c * d] / (steps * chains);
    }
    return mean;
  };

  it('keeps the target with the divergence of A, and not without it', () => {
    expect(Math.abs(moments(true))).toBeLessThan(0.04);
    expect(Math.abs(moments(false))).toBeGreaterThan(0.2);
  });
});

describe('control variates', () => {
  it('take away noise that does not depend on the position, to rounding', () => {
    const density = gaussian([1, 4]);
    const anchor = {
      theta: Float64Array.of(0.5, -1),
      value: -0.5 * (0.25 + 0.25),
      gradient: Float64Array.of(-0.5, 0.25),
    };
    const reduced = controlVariate(density, anchor);
    const [value, gradient] = [new Float64Array(1), new Float64Array(2)];
    reduced.evaluate(Float64Array.of(2, 3), Float64Array.of(50, -70), value, gradient);
    expect(Math.abs(gradient[0] + 2)).toBeLessThan(1e-12);
    expect(Math.abs(gradient[1] + 0.75)).toBeLessThan(1e-12);
    expect(Math.abs(value[0] + 0.5 * (4 + 9 / 4))).toBeLessThan(1e-12);
  });

  it('are unbiased and quieter near the anchor, with promises too', async () => {
    const [n, d] = [60, 3];
    const x = new Float64Array(n * d);
    const y = new Float64Array(n);
    normals([1, 6], x);
    normals([2, 6], y);
    const target = linearRegression(x, y, 0.5);
    const all = Int32Array.from({ length: n }, (_, i) => i);
    const value = new Float64Array(1);
    const gradient = new Float64Array(d);
    target.evaluate(target.mean, all, value, gradient);
    const reduced = controlVariate(target, { theta: target.mean, value: value[0], gradient: gradient.slice() });
    const later: LogDensity<Int32Array> = { dim: d, evaluate: async (...a) => target.evaluate(...a) };
    const promised = controlVariate(later, { theta: target.mean, value: value[0], gradient: gradient.slice() });
    const near = target.mean.map((m, i) => m + 0.05 * (i - 1));
    const full = new Float64Array(d);
    target.evaluate(near, all, value, full);
    const [mean, plain, quiet] = [new Float64Array(d), new Float64Array(d), new Float64Array(d)];
    let [loud, soft] = [0, 0];
    for (let b = 0; b < 6; b++) {
      const rows = all.subarray(10 * b, 10 * b + 10);
      target.evaluate(near, rows, value, plain);
      reduced.evaluate(near, rows, value, quiet);
      const again = new Float64Array(d);
      await promised.evaluate(near, rows, value, again);
      expect(again).toEqual(quiet);
      for (let i = 0; i < d; i++) {
        mean[i] += quiet[i] / 6;
        loud += (plain[i] - full[i]) ** 2;
        soft += (quiet[i] - full[i]) ** 2;
      }
    }
    for (let i = 0; i < d; i++) expect(Math.abs(mean[i] - full[i])).toBeLessThan(1e-10);
    expect(soft).toBeLessThan(loud / 20);
  });

  it('leave nothing for the noise meter at the anchor’s noise level', async () => {
    const target = icg();
    const density = noisy(target);
    const gradient = new Float64Array(10);
    const value = new Float64Array(1);
    target.evaluate(target.start, undefined, value, gradient);
    const reduced = controlVariate(density, { theta: target.start, value: value[0], gradient });
    const sampler = SAMPLERS['psmile-auto']({});
    const state = sampler.init(new Float64Array(10), keysOf(1));
    const force = injectedForce('correlated');
    const noise = new Float64Array(10);
    for (let t = 0; t < 400; t++) {
      force(keysOf(1), t, noise);
      await stepAsync(sampler, state, reduced, noise, t);
    }
    expect(state.noiseVariance.every((v) => v === 0)).toBe(true);
    expect(state.stepSize[0]).toBeGreaterThan(0.02);
  });
});
