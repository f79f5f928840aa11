/** Results of large graphs land in the arrays given for them, and nowhere else. */
import { describe, expect, it } from 'vitest';
import { inPlace, withStop } from '../../src/engine/in-place.ts';
import { compile } from '../../src/engine/session.ts';
import * as g from '../../src/graph/index.ts';

const size = 5_000_000;
const x = g.input('x', [size]);
const total = g.reduceSum(x, [0]);
/** 20 MB each of the input, its exponential and two results: large. */
const graph = { inputs: { x }, outputs: { total, y: g.mul(g.exp(x), total), z: g.tanh(g.exp(x)) }, forward: 'total' };

describe('large graphs', () => {
  it('write into given arrays, and into arrays of their own where none is given', async () => {
    const compiled = await compile(graph);
    const feed = new Float32Array(size).fill(0.25);
    const y = new Float32Array(size);
    for (const first of [0.5, 1.5]) {
      feed[0] = first;
      const got = await compiled.run({ x: feed }, { y });
      expect(got.y).toBe(y);
      const sum = first + 0.25 * (size - 1);
      expect(got.total[0]).toBeCloseTo(sum, 0);
      expect(y[0] / got.total[0]).toBeCloseTo(Math.exp(first), 4);
      expect(y[size - 1] / got.total[0]).toBeCloseTo(Math.exp(0.25), 4);
      expect(got.z[0]).toBeCloseTo(Math.tanh(Math.exp(first)), 5);
    }
    await compiled.release();
  });

  it('take no memory for results run by run', async () => {
    const compiled = await compile(graph);
    const feeds = { x: new Float32Array(size).fill(0.1) };
    const into = { y: new Float32Array(size), z: new Float32Array(size) };
    for (let i = 0; i < 3; i++) await compiled.run(feeds, into);
    const before = process.memoryUsage().arrayBuffers;
    const made: number[] = [];
    for (let i = 0; i < 10; i++) {
      await compiled.run(feeds, into);
      made.push(process.memoryUsage().arrayBuffers - before);
    }
    expect(Math.max(...made)).toBeLessThan(size);
    await compiled.release();
  });

  it('say other errors of the runtime', async () => {
    const refused = { inputNames: [], run: () => Promise.reject(new Error('out of memory')), release: async () => {} };
    await expect(inPlace(refused as never, graph).run({}, {})).rejects.toThrow('out of memory');
  });

  it('have a first result that is no tensor', () => {
    const model = g.buildOnnx(graph.inputs, graph.outputs);
    expect(withStop(model).graph.output.map(({ name }) => name)).toEqual(['stop', 'total', 'y', 'z']);
    expect(model.graph.output.length).toBe(3);
  });
});
