import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { compiledKernels } from '../../scripts/write-kernels.ts';
import { batchStream } from '../../src/data/batches.ts';
import { tableRows } from '../../src/data/table/rows.ts';
import { multiply } from '../../src/math/linear.ts';
import { kernelsOf, seenAs, sideBySide } from '../../src/math/native.ts';
import { blockNormals, normals, permutation } from '../../src/math/random.ts';
import { fold, rootKey } from '../../src/math/threefry.ts';
import { kickAll } from '../../src/samplers/isokinetic.ts';

const sizes = fc.record({
  seed: fc.integer({ min: 0, max: 2 ** 31 }),
  chains: fc.integer({ min: 1, max: 7 }),
  d: fc.integer({ min: 2, max: 70 }),
});

/** Numbers beside which any arrays are many enough for kernels. */
const ENOUGH = 1000;

/** The same random numbers twice: in plain arrays, and where kernels reach them. */
function twice(seed: number, lengths: readonly number[]): { plain: Float64Array[]; near: Float64Array[] } {
  const near = sideBySide(Float64Array, [...lengths, ENOUGH]).slice(0, -1);
  for (const [i, array] of near.entries()) normals([seed, i], array);
  return { plain: near.map((array) => array.slice()), near };
}

/** Runs `work` on both and compares all arrays and the answers to the bit. */
function same(seed: number, lengths: readonly number[], work: (arrays: Float64Array[]) => unknown): void {
  const { plain, near } = twice(seed, lengths);
  expect(kernelsOf(plain[0])).toBeUndefined();
  expect(kernelsOf(near[0], ...near)).toBeDefined();
  expect(work(near)).toBe(work(plain));
  for (const [i, array] of plain.entries()) {
    expect(near[i].findIndex((x, k) => !Object.is(x, array[k]))).toBe(-1);
  }
}

describe('the kernels', () => {
  it('are what their source compiles to', async () => {
    expect(readFileSync('src/math/kernels.ts', 'utf8')).toBe(await compiledKernels());
  });

  it('kick and drift as the plain functions do: short kicks and long ones, with a multiplier and without', () => {
    const lengths = fc.constantFrom(1e-12, 1e-3, 0.1, 3);
    fc.assert(
      fc.property(sizes, lengths, fc.boolean(), fc.boolean(), fc.boolean(), ({ seed, chains, d }, h, ...flags) => {
        const [scaled, moving, vanishing] = flags;
        const block = chains * d;
        same(seed, [block, block, block, block, 3 * chains, chains, chains], (arrays) => {
          const [theta, velocity, gradient, m, turns, stepSize, kinetic] = arrays;
          if (vanishing) gradient.fill(0, 0, d);
          for (let c = 0; c < chains; c++) stepSize[c] = Math.abs(stepSize[c]);
          kickAll({ theta, velocity, gradient, turns, stepSize, kinetic }, h, moving ? 0.5 : 0, scaled ? m : undefined);
          turns.fill(0);
        });
      }),
      { seed: 1, numRuns: 600 },
    );
  });

  it('draw the normals of the plain function', () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 0, max: 2 ** 45 }), ({ seed, chains, d }, t) => {
        const draw = ([words, out]: Float64Array[]) => {
          const streams = seenAs(Uint32Array, words, 2 * chains);
          blockNormals(streams, t, out);
        };
        same(seed, [chains, chains * d], draw);
        same(seed, [chains, chains], draw);
      }),
      { seed: 3, numRuns: 300 },
    );
    // So many that the rare branch of the logarithm is taken, too.
    same(1, [1, 3_000_000], ([words, out]) => blockNormals(seenAs(Uint32Array, words, 2), 5, out));
  });

  it('gather the rows that the permutation says', () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 9 }), ({ seed, chains, d }, inputs) => {
        const rows = 2 * d;
        const x = Float32Array.from({ length: rows * inputs }, (_, i) => Math.sin(i));
        const y = Float64Array.from({ length: rows }, (_, i) => Math.cos(i));
        const keys = Array.from({ length: chains }, (_, c) => fold(rootKey(seed), c));
        const source = tableRows({ x, y, inputs, targets: 1 });
        const batch = batchStream(source, keys, d).at(3);
        for (const [c, key] of keys.entries()) {
          const picked = permutation(fold(key, 1), rows).subarray(d);
          const plain = { x: new Float32Array(d * inputs), y: new Float32Array(d) };
          source.gather(picked, plain.x, plain.y);
          expect(batch.x.slice(c * d * inputs, (c + 1) * d * inputs)).toEqual(plain.x);
          expect(batch.y.slice(c * d, (c + 1) * d)).toEqual(plain.y);
        }
      }),
      { seed: 4, numRuns: 100 },
    );
  });

  it('multiply as the plain function does', () => {
    fc.assert(
      fc.property(sizes, ({ seed, chains, d }) =>
        same(seed, [d * d, chains * d, chains * d], ([m, v, out]) => multiply(m, v, out, -0.3)),
      ),
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
    const [chains, d] = [5, 17];
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
