import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { compiledKernels } from '../../scripts/write-kernels.ts';
import { kernelsOf, sideBySide } from '../../src/math/native.ts';
import { normals } from '../../src/math/random.ts';
import { squaredDistances, sumOfSquares } from '../../src/math/sums.ts';
import { fold, rootKey } from '../../src/math/threefry.ts';
import { kickAll } from '../../src/samplers/isokinetic.ts';
import { absorbMoments } from '../../src/samplers/preconditioner.ts';

const sizes = fc.record({
  seed: fc.integer({ min: 0, max: 2 ** 31 }),
  chains: fc.integer({ min: 1, max: 7 }),
  d: fc.integer({ min: 2, max: 70 }),
});

/** The same random numbers twice: in plain arrays, and where kernels reach them. */
function twice(seed: number, lengths: readonly number[]): { plain: Float64Array[]; near: Float64Array[] } {
  const near = sideBySide(Float64Array, lengths);
  for (const [i, array] of near.entries()) normals([seed, i], array);
  return { plain: near.map((array) => array.slice()), near };
}

/** Runs `work` on both and compares all arrays and the answers to the bit. */
function same(seed: number, lengths: readonly number[], work: (arrays: Float64Array[]) => unknown): void {
  const { plain, near } = twice(seed, lengths);
  expect(kernelsOf(plain[0])).toBeUndefined();
  expect(kernelsOf(near[0], ...near)).toBeDefined();
  expect(work(near)).toBe(work(plain));
  for (const [i, array] of plain.entries()) expect(near[i]).toEqual(array);
}

describe('the kernels', () => {
  it('are what their source compiles to', async () => {
    expect(readFileSync('src/math/kernels.ts', 'utf8')).toBe(await compiledKernels());
  });

  it('kick and drift as the plain functions do, with a multiplier and without, on vanishing gradients too', () => {
    fc.assert(
      fc.property(sizes, fc.boolean(), fc.boolean(), fc.boolean(), ({ seed, chains, d }, scaled, moving, vanishing) => {
        const block = chains * d;
        same(seed, [block, block, block, block, 3 * chains, chains, chains], (arrays) => {
          const [theta, velocity, gradient, m, turns, stepSize, kinetic] = arrays;
          turns.fill(0);
          if (vanishing) gradient.fill(0, 0, d);
          kickAll(
            { theta, velocity, gradient, turns, stepSize, kinetic },
            0.2,
            moving ? 0.5 : 0,
            scaled ? m : undefined,
          );
          turns.fill(0);
        });
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('add as the plain functions do', () => {
    fc.assert(
      fc.property(sizes, ({ seed, chains, d }) => {
        const block = chains * d;
        same(seed, [block, block, chains], ([a, b, out]) => squaredDistances(a, b, out, chains));
        same(seed, [block], ([a]) => sumOfSquares(a, d, block));
        same(seed, [block, block, block], ([mean, square, g]) =>
          absorbMoments(mean, square, g, block - d, d, 0.1, 0.3),
        );
      }),
      { seed: 2, numRuns: 300 },
    );
  });
});

describe('samplers without WebAssembly', () => {
  afterEach(() => vi.unstubAllGlobals());

  /** Positions after 60 steps of every SMILE sampler, its modules loaded anew. */
  async function positions(reached: boolean): Promise<Float64Array[]> {
    vi.resetModules();
    const { smileSampler, SMILE_NAMES } = await import('../../src/samplers/smile.ts');
    const { stepSync } = await import('../../src/samplers/drive.ts');
    const { standardNormal } = await import('../../src/targets/gaussian.ts');
    const { noisy } = await import('../../src/targets/noise.ts');
    const { kernelsOf } = await import('../../src/math/native.ts');
    const [chains, d] = [3, 7];
    const keys = Array.from({ length: chains }, (_, c) => fold(rootKey(5), c));
    const force = new Float64Array(chains * d);
    return SMILE_NAMES.flatMap((name) =>
      (['sound', 'paper'] as const).map((mode) => {
        const sampler = smileSampler(name, { mode, stepSize: 0.3 });
        const state = sampler.init(new Float64Array(chains * d).fill(1), keys);
        for (let t = 0; t < 60; t++) {
          normals([9, t], force);
          stepSync(sampler, state, noisy(standardNormal(d)), force, t);
        }
        expect(kernelsOf(state.theta, state.velocity) !== undefined).toBe(reached);
        return state.theta.slice();
      }),
    );
  }

  it('draw the same numbers', async () => {
    const withKernels = await positions(true);
    vi.stubGlobal('WebAssembly', undefined);
    expect(await positions(false)).toEqual(withKernels);
  });
});
