import { describe, expect, it } from 'vitest';
import { normalQuantile } from '../../src/math/special.ts';
import { energyQuantiles, gammaQuantile, wilsonHilferty } from '../../src/samplers/energy-quantile.ts';
import { paperStatistics } from '../../src/samplers/energy-statistics.ts';
import { paperDiagonal } from '../../src/samplers/paper.ts';
import { absorbMoments, diagonalNoise } from '../../src/samplers/preconditioner.ts';
import { smileSampler } from '../../src/samplers/smile.ts';
import { quantileTuner, setPointTuner } from '../../src/samplers/tuners.ts';
import type { State } from '../../src/types.ts';
import vectors from '../fixtures/vectors.json' with { type: 'json' };
import { gaussian, run } from './targets.ts';

const close = (got: ArrayLike<number>, want: ArrayLike<number>, tolerance: number) => {
  for (let i = 0; i < want.length; i++) {
    expect(Math.abs(got[i] - want[i])).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(want[i])));
  }
};

/** The batches of the official traces. */
const officialBatch = (i: number) =>
  Float64Array.from([0, 1, 2], (j) => 3 * Math.sin(1.7 * (3 * i + j) + 0.3) * (i === 24 ? 12 : 1) * (j === 2 ? 4 : 1));

describe('paper mode reproduces the traces of the official kernels', () => {
  it.each([
    ['smile', vectors.official.smile_tuned, [25, 26]],
    ['psmile', vectors.official.psmile, [18, 21, 25, 26]],
  ] as const)('%s over its 40 steps', (name, trace, expectedResets) => {
    const sampler = smileSampler(name, { mode: 'paper', stepSize: 0.3 });
    const state = sampler.init(Float64Array.of(0.3, -1.2, 2), [[0, 0]]);
    const resets: number[] = [];
    const seen = new Map(trace.map((row) => [row.step, row]));
    let checked = 0;
    run(sampler, state, gaussian([1, 4, 9]), officialBatch, 40, (info, t) => {
      if (info.reset[0]) resets.push(t + 1);
      const row = seen.get(t + 1);
      if (!row) return;
      checked++;
      close(state.theta, row.x, 1e-9);
      close(state.velocity, row.u, 1e-9);
      close(state.gradient, row.g, 1e-9);
      close(state.logDensity, [row.logp], 1e-9);
      close(state.energyMean, [row.mu], 1e-9);
      close(state.energyDeviation, [row.sd], 1e-9);
      close(state.stepSize, [row.eps], 1e-9);
      close([Math.abs(info.energyChange[0])], [row.absdE], 1e-9);
      expect(info.reset[0] === 1).toBe(row.reset);
      if (row.esd) close(state.noiseSquare.map(Math.sqrt), row.esd, 1e-9);
    });
    expect(checked).toBe(trace.length);
    expect(resets).toEqual(expectedResets);
  });
});

describe('the paper tuner', () => {
  it('fits and adapts as the golden sequence', () => {
    const tuner = quantileTuner(0.02, 0);
    const state: State = { ...paperStatistics.init(1), ...tuner.init(1, 0.01, 754), stepSize: Float64Array.of(0.01) };
    const z = energyQuantiles(0.98, 0.1);
    for (const row of vectors.tuner_code) {
      const [mean, deviation] = [state.energyMean[0], state.energyDeviation[0]];
      const ready = row.t >= 10;
      const limit = gammaQuantile(mean, deviation, z.reset, 1e-6);
      if (row.q_reset !== null) close([limit], [row.q_reset], 1e-9);
      paperStatistics.absorb(state, 0, row.absdE);
      if (ready) {
        const [high, low] = [
          gammaQuantile(mean, deviation, z.shrink, 1e-6),
          gammaQuantile(mean, deviation, z.grow, 1e-6),
        ];
        tuner.adapt(state, 0, 3, row.absdE, high, low);
      }
      expect(ready && row.absdE > limit).toBe(row.reset);
      close([state.energyMean[0], state.energyDeviation[0], state.stepSize[0]], [row.mu, row.sd, row.eps], 1e-9);
    }
  });

  it('uses the Wilson–Hilferty quantile, negative lower ones included', () => {
    for (const { p, k, theta, wh } of vectors.wh) {
      expect(Math.abs(wilsonHilferty(k, theta, normalQuantile(p)) - wh)).toBeLessThan(1e-9 * Math.max(1, wh));
    }
    expect(gammaQuantile(0.3, 0.6, energyQuantiles(0.98, 0.1).grow, 1e-6)).toBeLessThan(0);
  });
});

describe('diagonal preconditioners', () => {
  it('paper: the code’s clipping and normalisation', () => {
    const state = paperDiagonal.init(1, 4);
    state.noiseSquare.set(vectors.bnn_norm.sd.map((s) => s ** 2));
    const before = vectors.bnn_norm.sd.map((s) => s ** 2);
    // A gradient that leaves S² where it is: (g − m)² = S² with m = .99 + .01 g.
    const g = Float64Array.from(before, (s2) => (Math.sqrt(s2) + 0.99) / 0.99);
    paperDiagonal.learn(state, 0, 4, g);
    close(state.multiplier, vectors.bnn_norm.multiplier, 1e-12);
  });

  it('sound: the golden normalisation to unit mean square speed', () => {
    const { sd, multiplier } = vectors.analytical_norm;
    // So many gradients seen that one more changes nothing.
    const part = diagonalNoise({ statistic: 'noise', window: 1e300, shrinkage: 0, normalise: 'speed' });
    const state = part.init(1, 3);
    state.noiseCount[0] = 1e300;
    state.noiseSquare.set(sd.map((s) => s ** 2));
    part.learn(state, 0, 3, new Float64Array(3));
    close(state.multiplier, multiplier, 1e-12);
  });

  it('the mean and square updates are the golden ones', () => {
    const { m, sd, g, result } = vectors.ema_step;
    const mean = Float64Array.from(m);
    const square = Float64Array.from(sd, (s) => s ** 2);
    absorbMoments(mean, square, Float64Array.from(g), 0, 2, 0.01, 0.01);
    close(mean, result[0], 1e-12);
    close(square.map(Math.sqrt), result[1], 1e-12);
  });
});

describe('set-point tuner', () => {
  it('predicts the golden step sizes', () => {
    const tuner = setPointTuner(0.5);
    const state = { ...tuner.init(1, 0.01, 754), stepSize: Float64Array.of(0.01) };
    const { first, second } = vectors.mclmc_predictor;
    tuner.adapt(state, 0, 754, 0.2, 0, 0);
    close(state.stepSize, [first.eps], 1e-12);
    tuner.adapt(state, 0, 754, 3, 0, 0);
    close(state.stepSize, [second.eps], 1e-12);
    tuner.diverged(state, 0);
    close(state.stepSize, [0.8 * second.eps], 1e-12);
  });
});
