import { describe, expect, it } from 'vitest';
import { normals } from '../../src/math/random.ts';
import { fold, rootKey } from '../../src/math/threefry.ts';
import { adaptScale, scaleAdaptedMove, scaleAdaptedSghmc } from '../../src/samplers/adasghmc.ts';
import { chainState } from '../../src/samplers/chain.ts';
import { cosineStepSize, csgld, cyclePhase } from '../../src/samplers/csgld.ts';
import { stepSync } from '../../src/samplers/drive.ts';
import { mclmc } from '../../src/samplers/mclmc.ts';
import { sghmc } from '../../src/samplers/sghmc.ts';
import { sgld } from '../../src/samplers/sgld.ts';
import { smileSampler } from '../../src/samplers/smile.ts';
import { standardNormal } from '../../src/targets/gaussian.ts';
import type { Key, LogDensity, Sampler } from '../../src/types.ts';
import vectors from '../fixtures/vectors.json' with { type: 'json' };
import { gaussian } from './targets.ts';

const close = (got: ArrayLike<number>, want: ArrayLike<number>, tolerance = 1e-12) => {
  for (let i = 0; i < want.length; i++) expect(Math.abs(got[i] - want[i])).toBeLessThanOrEqual(tolerance);
};

/** Mean over coordinates of the time average of θ², with its standard error: the coordinates are independent. */
function stationaryVariance(sampler: Sampler, options: { d: number; burn: number; steps: number; noise?: number }) {
  const { d, burn, steps, noise = 0 } = options;
  const start = new Float64Array(d);
  normals([1, 2], start);
  const state = sampler.init(start, [[3, 4]]);
  sampler.endWarmup(state);
  const sums = new Float64Array(d);
  const momentum = new Float64Array(d);
  const batch = new Float64Array(d);
  const density = gaussian(new Array(d).fill(1));
  for (let t = 0; t < burn + steps; t++) {
    normals(fold([7, 7], t), batch);
    for (let i = 0; i < d; i++) batch[i] *= noise;
    stepSync(sampler, state, density, batch, t);
    if (t < burn) continue;
    for (let i = 0; i < d; i++) {
      sums[i] += state.theta[i] ** 2 / steps;
      momentum[i] += (state.momentum?.[i] ?? 0) ** 2 / steps;
    }
  }
  const mean = (v: Float64Array) => v.reduce((a, b) => a + b, 0) / d;
  const error = Math.sqrt(mean(sums.map((s) => (s - mean(sums)) ** 2)) / (d - 1));
  return { variance: mean(sums), error, momentum: mean(momentum) };
}

describe('exact laws at finite step size on N(0, 1)', () => {
  it.each([0.1, 0.5])('SGLD with ε = %d has variance 2/(2 − ε)', (stepSize) => {
    const { variance, error } = stationaryVariance(sgld({ stepSize }), { d: 400, burn: 200, steps: 4000 });
    expect(error).toBeLessThan(0.01);
    expect(Math.abs(variance - 2 / (2 - stepSize))).toBeLessThan(5 * error);
  });

  it('SGLD under gradient noise of variance v has variance (2 + εv)/(2 − ε)', () => {
    const { variance, error } = stationaryVariance(sgld({ stepSize: 0.2 }), {
      d: 400,
      burn: 200,
      steps: 4000,
      noise: 3,
    });
    expect(Math.abs(variance - (2 + 0.2 * 9) / 1.8)).toBeLessThan(5 * error);
  });

  it('scale-adapted SGHMC has the variance that its recursion says; unit gradient noise restores one', () => {
    const run = (noise: number) =>
      stationaryVariance(scaleAdaptedSghmc({ stepSize: 0.1, friction: 0.05 }), {
        d: 600,
        burn: 2000,
        steps: 12_000,
        noise,
      });
    const quiet = run(0);
    expect(quiet.error).toBeLessThan(0.006);
    expect(Math.abs(quiet.variance - 0.90231362)).toBeLessThan(5 * quiet.error);
    const noisy = run(1);
    expect(Math.abs(noisy.variance - 1)).toBeLessThan(5 * noisy.error + 0.003);
    expect(Math.abs(quiet.variance - noisy.variance)).toBeGreaterThan(10 * quiet.error);
  });

  it('SGHMC has the covariance that its recursion converges to', () => {
    const [h, alpha] = [0.01, 0.1];
    // (θ, v) ← M (θ, v) + √(2αh) n (1, 1)
    const m = [
      [1 - h, 1 - alpha],
      [-h, 1 - alpha],
    ];
    let s = [
      [1, 0],
      [0, h],
    ];
    for (let k = 0; k < 20_000; k++) {
      s = [0, 1].map((i) =>
        [0, 1].map((j) => {
          let sum = 2 * alpha * h;
          for (let a = 0; a < 2; a++) for (let b = 0; b < 2; b++) sum += m[i][a] * s[a][b] * m[j][b];
          return sum;
        }),
      );
    }
    const sampler = sghmc({ stepSize: h, friction: alpha });
    const { variance, error, momentum } = stationaryVariance(sampler, { d: 600, burn: 2000, steps: 8000 });
    expect(Math.abs(variance - s[0][0])).toBeLessThan(5 * error);
    expect(Math.abs(momentum / s[1][1] - 1)).toBeLessThan(0.01);
  });

  it('SGHMC with the noise estimated injects that much less', () => {
    const run = (noiseEstimate: boolean) => {
      const sampler = sghmc({ stepSize: 0.01, friction: 0.1, noiseEstimate });
      const state = sampler.init(new Float64Array(200), [[1, 1]]);
      const batch = new Float64Array(200);
      const density = gaussian(new Array(200).fill(1));
      let sum = 0;
      for (let t = 0; t < 8000; t++) {
        if (t === 2000) sampler.endWarmup(state);
        normals(fold([7, 8], t), batch);
        for (let i = 0; i < batch.length; i++) batch[i] *= 3;
        stepSync(sampler, state, density, batch, t);
        if (t >= 4000) for (const x of state.theta) sum += x * x;
      }
      return sum / 4000 / 200;
    };
    // h v/(2α) = 0.45 of excess without the estimate; with it only what the gradient's own spread (1 of 10) takes away.
    expect(run(false)).toBeGreaterThan(1.35);
    expect(Math.abs(run(true) - 1)).toBeLessThan(0.08);
  });
});

describe('golden vectors', () => {
  it('one scale-adapted step', () => {
    const { theta, m, g, sd, eps, mdecay, n, result } = vectors.sghmc_step;
    const state = {
      ...chainState('t', Float64Array.from(theta), [[0, 0]], eps),
      momentum: Float64Array.from(m),
      scale: Float64Array.from(sd),
      lastGradient: Float64Array.from(g),
    };
    scaleAdaptedMove(state, 0, 2, eps, mdecay, Float64Array.from(n));
    close(state.theta, result[0]);
    close(state.momentum, result[1]);
  });

  it('the warm-up and what follows it, under fixed noise', () => {
    const d = 3;
    const ones = () => new Float64Array(d).fill(1);
    const state = {
      ...chainState('t', Float64Array.of(0.3, -1.2, 2), [[0, 0]], 0.01),
      momentum: new Float64Array(d),
      lastGradient: new Float64Array(d),
      scale: ones(),
      memory: ones(),
      smoothed: ones(),
    };
    const z = Float64Array.of(0.7, -0.3, 0.1);
    const density = gaussian([1, 4, 9]);
    const force = (i: number) =>
      Float64Array.from([0, 1, 2], (j) => 3 * Math.sin(1.7 * (3 * i + j) + 0.3) * (j === 2 ? 4 : 1));
    for (const row of vectors.official['adasghmc_warmup_noise_0.7_-0.3_0.1']) {
      adaptScale(state, 0, d);
      density.evaluate(state.theta, force(row.step - 1), new Float64Array(1), state.lastGradient);
      close(state.lastGradient, row.g, 1e-11);
      scaleAdaptedMove(state, 0, d, 0.01, 0.05, z);
      close(state.scale, row.sd, 1e-11);
      close(state.memory, row.tau, 1e-11);
      close(state.smoothed, row.gbar, 1e-11);
      close(state.momentum, row.m, 1e-11);
      close(state.theta, row.x, 1e-11);
    }
  });

  it('the cosine schedule, and cycles that explore without noise', () => {
    const cycle = { steps: 15_000, cycles: 4 };
    const at = (t: number) => cosineStepSize(1e-5, 5e-9, cyclePhase(t, cycle));
    close([at(0), at(1000), at(1875), at(3749), at(3750)], [1e-5, 8.346480205e-6, 5.0025e-6, 5.001754e-9, 1e-5], 1e-14);
    const run = (explore: 'noise-free' | 'noisy') => {
      const sampler = csgld({ stepSize: 0.1, steps: 10, cycles: 1, exploration: 0.5, explore });
      const state = sampler.init(Float64Array.of(1), [[1, 1]]);
      for (let t = 0; t < 5; t++) stepSync(sampler, state, gaussian([1]), undefined, t);
      return state.theta[0];
    };
    let ascent = 1;
    for (let t = 0; t < 5; t++) ascent -= cosineStepSize(0.1, 0, t / 10) * ascent;
    expect(Math.abs(run('noise-free') - ascent)).toBeLessThan(1e-14);
    expect(Math.abs(run('noisy') - ascent)).toBeGreaterThan(0.1);
  });
});

describe('reductions: two algorithms that must agree', () => {
  const keys: Key[] = [fold(rootKey(2), 0), fold(rootKey(2), 1)];
  const variance = [1, 4, 9];
  const start = Float64Array.of(0.3, -1.2, 2, 1, 0, -1);
  const path = (sampler: Sampler, noisy: boolean, steps = 200) => {
    const state = sampler.init(start, keys);
    const density = gaussian(variance) as LogDensity<Float64Array | undefined>;
    for (let t = 0; t < steps; t++) {
      const batch = new Float64Array(6);
      normals(fold([1, 5], t), batch);
      stepSync(sampler, state, density, noisy ? batch : undefined, t);
    }
    return state.theta;
  };

  it('pSMILE with everything shrunk to the identity is SMILE', () => {
    const shrunk = { statistic: 'noise', window: 100, shrinkage: 1e300, normalise: 'deviation' } as const;
    // Sums are added in another order; 50 steps let that rounding grow, but not far.
    close(
      path(smileSampler('psmile', { stepSize: 0.2, diagonal: shrunk }), true, 50),
      path(smileSampler('smile', { stepSize: 0.2 }), true, 50),
      1e-10,
    );
  });

  it('SMILE with tuner and guard off is SMILE-naive, in both modes', () => {
    const off = { stepSize: 0.2, resetQuantile: 1, adaptMass: 0, adaptStrength: 0 };
    close(
      path(smileSampler('smile', { ...off, mode: 'paper' }), true),
      path(smileSampler('smile-naive', { stepSize: 0.2, mode: 'paper' }), true),
    );
    close(
      path(smileSampler('smile', { ...off, tuner: 'quantile', energyEvery: 1 }), false),
      path(smileSampler('smile-naive', { stepSize: 0.2 }), false),
    );
  });

  it('MCLMC without refreshment is SMILE-naive on full gradients', () => {
    const options = { stepSize: 0.2, decoherence: Number.POSITIVE_INFINITY, precondition: false };
    close(path(mclmc(options), false), path(smileSampler('smile-naive', { stepSize: 0.2 }), false));
  });
});

describe('MCLMC tuning', () => {
  it('finds ε, L and the scales of a badly scaled normal', () => {
    const d = 10;
    const scales = Array.from({ length: d }, (_, i) => 10 ** ((i - 4) / 4));
    const [warmup, chains] = [6000, 4];
    const sampler = mclmc({ warmup, stepSize: 1e-4 });
    const keys = Array.from({ length: chains }, (_, c) => fold(rootKey(4), c));
    const state = sampler.init(new Float64Array(chains * d), keys);
    for (let t = 0; t < warmup; t++) stepSync(sampler, state, gaussian(scales.map((s) => s * s)), undefined, t);
    sampler.endWarmup(state);
    // In its own coordinates the target is a normal of equal deviations; the slowest may not be found to a factor of two.
    const whitened = Array.from({ length: d }, (_, i) => scales[i] / state.multiplier[i]);
    expect(Math.max(...whitened.slice(0, 8)) / Math.min(...whitened.slice(0, 8))).toBeLessThan(3);
    expect(state.decoherence.every((l) => l > 0 && Number.isFinite(l))).toBe(true);
    expect(state.trace).toBeUndefined();
  });

  it('holds the energy error at its goal on a standard normal', () => {
    const [d, warmup] = [50, 4000];
    const sampler = mclmc({ warmup, stepSize: 1e-3, precondition: false });
    const state = sampler.init(new Float64Array(d).fill(1), [[5, 5]]);
    let square = 0;
    for (let t = 0; t < warmup + 4000; t++) {
      if (t === warmup) sampler.endWarmup(state);
      const { energyChange } = stepSync(sampler, state, standardNormal(d), undefined, t);
      if (t >= warmup) square += energyChange[0] ** 2 / 4000;
    }
    expect(square / d).toBeGreaterThan(5e-4 / 3);
    expect(square / d).toBeLessThan(5e-4 * 3);
  });
});
