import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { direction, normals } from '../../src/math/random.ts';
import { uncontrolled } from '../../src/samplers/controller.ts';
import { drift, INNER_KICK, kick, OUTER_KICK, refresh, refreshStrength } from '../../src/samplers/isokinetic.ts';
import { diagonalMaps, identity, type Preconditioner } from '../../src/samplers/preconditioner.ts';
import { soundMicrocanonical } from '../../src/samplers/sound.ts';
import vectors from '../fixtures/vectors.json' with { type: 'json' };
import { gaussian, run } from './targets.ts';

const f = (x: readonly number[]) => Float64Array.from(x);
const close = (got: ArrayLike<number>, want: ArrayLike<number>, tolerance = 1e-12) => {
  expect(got.length).toBe(want.length);
  for (let i = 0; i < want.length; i++) expect(Math.abs(got[i] - want[i])).toBeLessThanOrEqual(tolerance);
};
const relative = (got: number, want: number, tolerance = 1e-12) =>
  expect(Math.abs(got - want)).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(want)));

/** One McLachlan step written out by hand, for use as an independent path: returns ΔK, ΔE. */
function plainStep(variance: number[], x: Float64Array, u: Float64Array, eps: number, m?: Float64Array) {
  const d = x.length;
  const density = gaussian(variance);
  const value = new Float64Array(1);
  const g = new Float64Array(d);
  const gradient = () => {
    density.evaluate(x, undefined, value, g);
    return m ? g.map((x, i) => m[i] * x) : g;
  };
  const velocity = () => (m ? u.map((x, i) => m[i] * x) : u);
  let dK = kick(u, gradient(), 0, d, OUTER_KICK * eps);
  const before = value[0];
  drift(x, velocity(), 0, d, eps / 2);
  dK += kick(u, gradient(), 0, d, INNER_KICK * eps);
  drift(x, velocity(), 0, d, eps / 2);
  dK += kick(u, gradient(), 0, d, OUTER_KICK * eps);
  return { dK, dE: dK - (value[0] - before), g };
}

describe('kick', () => {
  it('reproduces the golden vectors', () => {
    for (const v of [vectors.esh_1, { ...vectors.esh_zero_momentum, u: [0, 0, 0] }, vectors.esh_huge]) {
      const u = f(v.u);
      relative(kick(u, f(v.g), 0, 3, v.h), v.dK);
      close(u, v.u_new);
    }
    const still = f([0, 0, 0]);
    expect(kick(still, f([0, 0, 0]), 0, 3, 0.1)).toBe(0);
    close(still, [0, 0, 0], 0);
  });

  const cases = fc.record({
    seed: fc.integer({ min: 0, max: 2 ** 31 }),
    d: fc.integer({ min: 2, max: 60 }),
    h: fc.double({ min: 1e-6, max: 3, noNaN: true }),
    strength: fc.double({ min: 1e-3, max: 50, noNaN: true }),
  });
  const draw = (seed: number, d: number, strength: number) => {
    const u = new Float64Array(d);
    const g = new Float64Array(d);
    direction([seed, 1], u);
    normals([seed, 2], g);
    for (let i = 0; i < d; i++) g[i] *= strength;
    return { u, g };
  };

  it('keeps the velocity on the sphere and agrees with the textbook energy', () => {
    fc.assert(
      fc.property(cases, ({ seed, d, h, strength }) => {
        const { u, g } = draw(seed, d, strength);
        const norm = Math.hypot(...g);
        const p = u.reduce((s, x, i) => s + x * g[i], 0) / norm;
        const delta = (h * norm) / (d - 1);
        const dK = kick(u, g, 0, d, h);
        expect(Math.abs(Math.hypot(...u) - 1)).toBeLessThan(1e-12);
        if (delta < 20) relative(dK / (d - 1), Math.log(Math.cosh(delta) + p * Math.sinh(delta)), 1e-9);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('is an exact flow: two kicks equal one of the summed length', () => {
    fc.assert(
      fc.property(cases, ({ seed, d, h, strength }) => {
        const { u, g } = draw(seed, d, strength);
        const once = u.slice();
        const dK = kick(u, g, 0, d, 0.3 * h) + kick(u, g, 0, d, 0.7 * h);
        relative(dK, kick(once, g, 0, d, h), 1e-9);
        close(u, once, 1e-9);
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  it('survives huge gradients and the unstable fixed point u = −e', () => {
    const { u, g } = draw(5, 8, 1e6);
    const norm = Math.hypot(...g);
    const p = u.reduce((s, x, i) => s + x * g[i], 0) / norm;
    const delta = norm / 7;
    relative(kick(u, g, 0, 8, 1), 7 * (delta - Math.LN2 + Math.log1p(p)));
    close(
      u,
      g.map((x) => x / norm),
    );
    for (const h of [0.3, 900]) {
      const opposite = f([-1, 0, 0]);
      relative(kick(opposite, f([2, 0, 0]), 0, 3, h), -2 * h);
      close(opposite, [-1, 0, 0]);
    }
  });
});

describe('McLachlan step', () => {
  it('reproduces the golden steps, plain and preconditioned', () => {
    for (const [v, m] of [
      [vectors.mclachlan_gauss, undefined],
      [{ ...vectors.mclachlan_gauss, ...vectors.mclachlan_precond }, f(vectors.mclachlan_precond.p)],
    ] as const) {
      const x = f(v.x);
      const u = f(v.u);
      const { dK, dE, g } = plainStep(v.var, x, u, v.eps, m);
      close(x, v.x_new);
      close(u, v.u_new);
      close(g, v.g_new);
      relative(dK, v.dK);
      relative(dE, v.dE);
    }
  });

  it('has an energy error of third order, at the golden values', () => {
    const v = vectors.mclachlan_gauss;
    const errors = vectors.energy_order.map(({ eps, dE }) => {
      const got = plainStep(v.var, f(v.x), f(v.u), eps).dE;
      expect(Math.abs(got - dE)).toBeLessThan(1e-12);
      return got;
    });
    const order = Math.log2(errors.at(-2)! / errors.at(-1)!);
    expect(Math.abs(order - 3)).toBeLessThan(0.01);
  });

  it('does not drift in energy over 2000 steps', () => {
    const v = vectors.mclachlan_gauss;
    const x = f(v.x);
    const u = f(v.u);
    let sum = 0;
    let largest = 0;
    for (let i = 0; i < vectors.energy_long.steps; i++) {
      sum += plainStep(v.var, x, u, vectors.energy_long.eps).dE;
      largest = Math.max(largest, Math.abs(sum));
    }
    relative(largest, vectors.energy_long.maxabs, 1e-9);
  });

  it('is reversible: step, turn round, step leads back and returns the energy', () => {
    const v = vectors.mclachlan_gauss;
    const x = f(v.x);
    const u = f(v.u);
    const forth = plainStep(v.var, x, u, 0.5).dK;
    for (let i = 0; i < 3; i++) u[i] = -u[i];
    const back = plainStep(v.var, x, u, 0.5).dK;
    close(x, v.x, 1e-14);
    close(
      u,
      v.u.map((w) => -w),
      1e-14,
    );
    expect(Math.abs(forth + back)).toBeLessThan(1e-14);
  });

  it('with a preconditioner equals the plain step in z = θ/m', () => {
    const m = [2, 1, 0.5];
    const fixed: Preconditioner = {
      ...identity,
      init: () => ({ multiplier: f(m) }),
      ...diagonalMaps,
    };
    const parts = { name: 't', stepSize: 0.3, controller: uncontrolled, decoherence: Infinity, energyEvery: Infinity };
    const inTheta = soundMicrocanonical({ ...parts, preconditioner: fixed });
    const { multiplier: _, ...maps } = fixed;
    const byMaps = soundMicrocanonical({ ...parts, preconditioner: maps });
    const inZ = soundMicrocanonical({ ...parts, preconditioner: identity });
    const variance = [1, 4, 9];
    const start = [0.3, -1.2, 2];
    const a = inTheta.init(f(start), [[1, 1]]);
    const b = inZ.init(f(start.map((x, i) => x / m[i])), [[1, 1]]);
    run(inTheta, a, gaussian(variance), () => undefined, 50);
    const viaMaps = byMaps.init(f(start), [[1, 1]]);
    run(byMaps, viaMaps, gaussian(variance), () => undefined, 50);
    close(viaMaps.theta, a.theta, 1e-11);
    run(inZ, b, gaussian(variance.map((s, i) => s / m[i] ** 2)), () => undefined, 50);
    close(
      a.theta,
      b.theta.map((z, i) => z * m[i]),
      1e-11,
    );
  });
});

describe('refresh', () => {
  it('reproduces the golden vector', () => {
    const { h, L, z, nu, u_new } = vectors.refresh;
    relative(refreshStrength(h, L, 3), nu);
    const u = f([0.6, 0, 0.8]);
    refresh(u, f(z), 0, 3, nu);
    close(u, u_new);
  });

  it('decorrelates the velocity as e^{−h/L}', () => {
    const d = 100;
    const n = 4000;
    const [h, decoherence] = [0.05, 1];
    const z = new Float64Array(d);
    let sum = 0;
    for (let i = 0; i < n; i++) {
      const u = f([1, ...new Array(d - 1).fill(0)]);
      normals([9, i], z);
      refresh(u, z, 0, d, refreshStrength(h, decoherence, d));
      sum += u[0];
    }
    // u·u' deviates by about ν per draw, from its transverse second order and the component of z along u.
    expect(Math.abs(sum / n - Math.exp(-h / decoherence))).toBeLessThan(0.002);
  });
});
