/**
 * The effective-temperature law of anisotropic gradient noise: on a standard normal target, noise of covariance V
 * gives direction i the temperature T_i = (η² + κV_ii)/(η² + κV̄), κ = ε/(d−1)², η² = 2/(Ld). The expected numbers were
 * measured with an independent integrator; the law holds for large d.
 */
import { describe, expect, it } from 'vitest';
import { normals } from '../../src/math/random.ts';
import { fold, rootKey } from '../../src/math/threefry.ts';
import { uncontrolled } from '../../src/samplers/controller.ts';
import { diagonalMaps, identity, type Preconditioner } from '../../src/samplers/preconditioner.ts';
import { soundMicrocanonical } from '../../src/samplers/sound.ts';
import { gaussian, run } from './targets.ts';

const D = 100;
const CHAINS = 10;
const TOLERANCE = 0.03;

/** Mean of θ² over the noisy and over the quiet half, after `burn` steps. */
function temperatures(options: {
  noise: [number, number];
  stepSize?: number;
  decoherence?: number;
  precondition?: boolean;
  seed: number;
}): [number, number] {
  const { noise, stepSize = 0.05, decoherence = Infinity, precondition = false, seed } = options;
  const steps = 30_000;
  const burn = 2000;
  const sd = Float64Array.from({ length: CHAINS * D }, (_, i) => noise[i % D < D / 2 ? 0 : 1]);
  const rms = Math.hypot(...noise) / Math.SQRT2;
  const exact: Preconditioner = {
    ...identity,
    init: () => ({ multiplier: sd.map((s) => rms / s) }),
    ...diagonalMaps,
  };
  const sampler = soundMicrocanonical({
    name: 'smile-naive',
    stepSize,
    decoherence,
    preconditioner: precondition ? exact : identity,
    controller: uncontrolled,
    energyEvery: Infinity,
  });
  const root = rootKey(seed);
  const keys = Array.from({ length: CHAINS }, (_, c) => fold(root, c));
  const start = new Float64Array(CHAINS * D);
  normals(fold(root, 1000), start);
  const state = sampler.init(start, keys);
  const batch = new Float64Array(CHAINS * D);
  const sums: [number, number] = [0, 0];
  run(
    sampler,
    state,
    gaussian(new Array(D).fill(1)),
    (t) => {
      normals(fold(root, 2000 + t), batch);
      for (let i = 0; i < batch.length; i++) batch[i] *= sd[i];
      return batch;
    },
    steps,
    (_info, t) => {
      if (t < burn || t % 10 !== 0) return;
      for (let i = 0; i < state.theta.length; i++) sums[i % D < D / 2 ? 0 : 1] += state.theta[i] ** 2;
    },
  );
  const count = (((steps - burn) / 10) * CHAINS * D) / 2;
  return [sums[0] / count, sums[1] / count];
}

describe('effective temperatures', () => {
  it.each([
    ['anisotropic, L = ∞', { noise: [20, 10] }, [1.596, 0.417]],
    ['a four times larger step changes little', { noise: [20, 10], stepSize: 0.2 }, [1.619, 0.417]],
    ['isotropic noise is harmless', { noise: [16, 16] }, [0.999, 1.011]],
    ['exact preconditioning restores the target', { noise: [20, 10], precondition: true }, [0.994, 1.006]],
    ['refreshment as strong as the noise, L = 15.68', { noise: [20, 10], decoherence: 15.68 }, [1.287, 0.714]],
    ['strong refreshment, L = 1.568', { noise: [20, 10], decoherence: 1.568 }, [1.047, 0.96]],
  ] as [string, { noise: [number, number] }, [number, number]][])('%s', (_name, options, expected) => {
    const got = temperatures({ ...options, seed: 11 });
    for (const half of [0, 1]) expect(Math.abs(got[half] / expected[half] - 1)).toBeLessThan(TOLERANCE);
  });
});
