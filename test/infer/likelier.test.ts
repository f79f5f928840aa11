import { describe, expect, it } from 'vitest';
import { likelier } from '../../src/infer/likelier.ts';
import { normals } from '../../src/math/random.ts';

const noise = (seed: number, n: number, scale: number, shift = 0) => {
  const z = new Float64Array(n);
  normals([seed, 5], z);
  return z.map((v) => shift + scale * v);
};
const simple = { name: 'simple', pointwise: noise(1, 200, 0.5) };
const better = (by: number, scale = 0.3) => ({
  name: 'other',
  pointwise: noise(2, 200, scale, by).map((v, i) => v + simple.pointwise[i]),
});

describe('the likelier model', () => {
  it('is the simpler one in a tie, and where the gain is within two standard errors', () => {
    expect(likelier([simple, { ...simple, name: 'other' }]).chosen).toBe('simple');
    expect(likelier([simple, better(0.02)]).chosen).toBe('simple');
  });

  it('is the other one where it is clearly better', () => {
    const { chosen, candidates } = likelier([simple, better(0.3)]);
    expect(chosen).toBe('other');
    expect(candidates[1].comparison?.gain).toBeCloseTo(0.3, 1);
  });

  it('is not made better by a single row, nor worse', () => {
    const saved = { name: 'other', pointwise: simple.pointwise.with(7, simple.pointwise[7] + 6) };
    expect(likelier([simple, saved]).chosen).toBe('simple');
    const good = better(0.3);
    expect(likelier([simple, { ...good, pointwise: good.pointwise.with(7, -5000) }]).chosen).toBe('other');
  });

  it('is the one that no row refutes, unless it is worse on the rest', () => {
    const refuted = { name: 'refuted', pointwise: simple.pointwise.with(7, -40) };
    expect(likelier([refuted, simple]).chosen).toBe('simple');
    const worse = { name: 'worse', pointwise: simple.pointwise.map((v) => v - 0.1) };
    expect(likelier([refuted, worse]).chosen).toBe('refuted');
  });

  it('survives rows without density, and never takes one that has no number', () => {
    const broken = { name: 'broken', pointwise: new Float64Array(200).fill(Number.NaN) };
    expect(likelier([simple, broken, better(0.3)]).chosen).toBe('other');
    expect(likelier([broken, simple]).chosen).toBe('simple');
    const none = simple.pointwise.with(0, Number.NEGATIVE_INFINITY);
    expect(likelier([{ ...simple, pointwise: none }, better(0.3)]).candidates[1].comparison?.gain).toBeGreaterThan(0.2);
  });

  it('compares with the best so far, not with the first', () => {
    const { candidates, chosen } = likelier([simple, better(0.5), { ...better(0.51), name: 'third' }]);
    expect([chosen, candidates[2].comparison?.against]).toEqual(['other', 'other']);
  });
});
