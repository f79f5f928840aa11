import { describe, expect, it } from 'vitest';
import { normals } from '../../src/math/random.ts';
import { fold, rootKey } from '../../src/math/threefry.ts';
import { stepSync } from '../../src/samplers/drive.ts';
import { residentSmile, SMILE_NAMES, type SmileOptions, smileSampler } from '../../src/samplers/smile.ts';
import type { Info, Key } from '../../src/types.ts';
import { plainResident } from './resident-plain.ts';
import { gaussian } from './targets.ts';

const VARIANCE = [1, 4, 0.5, 1, 2, 1];
const D = VARIANCE.length;
const CHAINS = 3;
const keys: Key[] = Array.from({ length: CHAINS }, (_, c) => fold(rootKey(4), c));
const start = Float64Array.from({ length: CHAINS * D }, (_, i) => Math.sin(i) + 0.1);

function noiseOf(c: number, t: number): Float64Array {
  const noise = new Float64Array(D);
  normals(fold(fold(keys[c], 77), t), noise);
  return noise.map((z, j) => 2 * z * VARIANCE[j]);
}

const part = (v: Float64Array, c: number) => v.subarray((c * v.length) / CHAINS, ((c + 1) * v.length) / CHAINS);
/** Equal to rounding: 1e-9 of the scale, on which 200 steps of float64 leave about 1e-12. NaN is NaN. */
const close = (got: number, expected: number, scale: number) =>
  Object.is(got, expected) || Math.abs(got - expected) <= 1e-9 * scale;

/** A block stepped both ways, and what each step told. */
async function both(
  name: (typeof SMILE_NAMES)[number],
  options: Partial<SmileOptions>,
  steps: number,
  batch: (c: number, t: number) => Float64Array,
  disturb: (stepSize: Float64Array, t: number) => void = () => {},
) {
  const plain = smileSampler(name, options);
  const state = plain.init(start, keys);
  const sampler = residentSmile(name, options);
  const scalars = sampler.init(keys, D);
  const block = keys.map(() => plainResident(gaussian(VARIANCE), sampler.preconditioned));
  for (const [c, chain] of block.entries()) await sampler.start(scalars, c, chain, part(start, c));
  const counts = { resets: 0, nonFinite: 0, energies: 0 };
  for (let t = 0; t < steps; t++) {
    for (const stepSize of [state.stepSize, scalars.stepSize]) disturb(stepSize, t);
    const whole = Float64Array.from(keys.flatMap((_, c) => [...batch(c, t)]));
    const expected: Info = stepSync(plain, state, gaussian(VARIANCE), whole, t);
    const got = await sampler.step(scalars, block, (c) => batch(c, t), t);
    if (t === 0.75 * steps) {
      plain.endWarmup(state);
      sampler.endWarmup(scalars);
    }
    for (let c = 0; c < CHAINS; c++) {
      const where = `${name}, step ${t}, chain ${c}`;
      expect([...got.reset, ...got.nonFinite], where).toEqual([...expected.reset, ...expected.nonFinite]);
      expect(close(got.energyChange[c], expected.energyChange[c], 1 + Math.abs(expected.energyChange[c])), where).toBe(
        true,
      );
      expect(close(got.stepSize[c], expected.stepSize[c], expected.stepSize[c]), where).toBe(true);
      expect(close(got.logDensity[c], expected.logDensity[c], 1 + Math.abs(expected.logDensity[c])), where).toBe(true);
      expect(close(got.moved[c], expected.moved[c], expected.stepSize[c]), where).toBe(true);
      const theta = await block[c].position();
      theta.forEach((x, i) => {
        expect(close(x, state.theta[c * D + i], 1), where).toBe(true);
      });
      const { noise } = await block[c].read();
      noise.forEach((v, i) => {
        expect(close(v, state.noiseVariance[c * D + i], 1 + v), where).toBe(true);
      });
      counts.resets += got.reset[c];
      counts.nonFinite += got.nonFinite[c];
      counts.energies += Number.isNaN(got.energyChange[c]) ? 0 : 1;
    }
  }
  return counts;
}

describe.each(SMILE_NAMES)('%s over resident vectors', (name) => {
  it('is the plain sampler, step by step', async () => {
    const counts = await both(name, { stepSize: 0.05, energyEvery: 4 }, 200, noiseOf);
    expect(counts.energies).toBe(CHAINS * (name.endsWith('naive') ? 4 : 50));
    expect(counts.nonFinite).toBe(0);
  });

  it('survives what the plain one survives: bad batches from the first, and one after another', async () => {
    const bad = (c: number, t: number) => c === 1 && (t < 3 || t === 50 || t === 101 || t === 102);
    const counts = await both(name, { stepSize: 0.05, energyEvery: 4 }, 160, (c, t) =>
      bad(c, t) ? new Float64Array(D).fill(t === 50 ? Infinity : Number.NaN) : noiseOf(c, t),
    );
    expect(counts.nonFinite).toBe(6);
  });
});

describe('the guard over resident vectors', () => {
  it.each(['smile', 'psmile'] as const)('%s rejects what the plain one rejects', async (name) => {
    const counts = await both(name, { stepSize: 0.05, energyEvery: 1 }, 160, noiseOf, (stepSize, t) => {
      if (t % 17 === 16 && t > 60) stepSize[2] *= 60;
    });
    expect(counts.resets).toBeGreaterThan(4);
  });

  it.each([
    [{ mode: 'paper' }, 'sound mode without a bias bound'],
    [{ biasBound: 0.1 }, 'got a bound of 0.1'],
    [{ decoherence: 3 }, 'got a decoherence length of 3'],
    [{ noise: 'full' }, 'got another preconditioner'],
    [{ diagonal: { statistic: 'noise', window: 10, shrinkage: 1, normalise: 'speed' } }, 'got another preconditioner'],
  ] as const)('%j is refused', (options, message) => {
    expect(() => residentSmile('psmile', options)).toThrow(message);
  });

  it('a chain read and written goes on to the bit', async () => {
    const sampler = residentSmile('psmile', { stepSize: 0.05, energyEvery: 1 });
    const scalars = sampler.init([keys[0]], D);
    const [first, second] = [0, 1].map(() => plainResident(gaussian(VARIANCE), true));
    await sampler.start(scalars, 0, first, start.subarray(0, D));
    for (let t = 0; t < 30; t++) await sampler.step(scalars, [first], () => noiseOf(0, t), t);
    const copied = Object.fromEntries(Object.entries(scalars).map(([field, v]) => [field, v.slice()]));
    await second.write(await first.read());
    for (let t = 30; t < 60; t++) {
      await sampler.step(scalars, [first], () => noiseOf(0, t), t);
      await sampler.step(copied, [second], () => noiseOf(0, t), t);
    }
    expect(await second.position()).toEqual(await first.position());
    expect(copied).toEqual(scalars);
  });
});
