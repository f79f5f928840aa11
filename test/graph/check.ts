/** Gradients against central differences. */
import { expect } from 'vitest';
import { compile } from '../../src/engine/session.ts';
import * as g from '../../src/graph/index.ts';
import { normals } from '../../src/math/random.ts';

export const numbers = (seed: number, shape: g.Shape, shift = 0) => {
  const values = new Float64Array(shape.reduce((p, n) => p * n, 1));
  normals([seed, 4], values);
  return values.map((z) => z + shift);
};

/** Value and gradients of Σ w ⊙ f(inputs) with random weights w, in float64 through the engine. */
export async function check(
  f: (...x: g.Tensor[]) => g.Tensor,
  shapes: g.Shape[],
  seed: number,
  map = (x: number) => x,
): Promise<void> {
  const inputs = Object.fromEntries(shapes.map((shape, i) => [`x${i}`, g.input(`x${i}`, shape, 'float64')]));
  const y = f(...Object.values(inputs));
  const weights = g.input('w', y.shape, 'float64');
  const axes = y.shape.map((_, i) => i);
  const total = g.reduceSum(g.mul(y, weights), axes);
  const slopes = g.gradient(total, Object.values(inputs));
  const outputs = { total, ...Object.fromEntries(slopes.map((s, i) => [`g${i}`, s])) };
  const compiled = await compile({ inputs: { ...inputs, w: weights }, outputs });
  const data: Record<string, Float64Array> = { w: numbers(seed, y.shape) };
  shapes.forEach((shape, i) => {
    data[`x${i}`] = numbers(seed + 1 + i, shape).map(map);
  });
  const exact = await compiled.run(data);
  const h = 1e-6;
  for (let k = 0; k < shapes.length; k++) {
    const slope = exact[`g${k}`].slice();
    expect(slope.length).toBe(data[`x${k}`].length);
    for (let i = 0; i < slope.length; i++) {
      const at = async (step: number) => {
        const moved = data[`x${k}`].slice();
        moved[i] += step;
        return (await compiled.run({ ...data, [`x${k}`]: moved })).total[0];
      };
      const difference = ((await at(h)) - (await at(-h))) / (2 * h);
      expect(Math.abs(slope[i] - difference)).toBeLessThan(1e-7 * (1 + Math.abs(difference)) * 20);
    }
  }
  await compiled.release();
}
