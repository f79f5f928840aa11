/** Memory does not grow over 2,000 evaluations. */
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/engine/session.ts';
import { lenet } from '../../src/models/lenet.ts';
import { type Likelihood, likelihood } from '../../src/models/likelihood.ts';
import { mlp } from '../../src/models/mlp.ts';
import type { Model } from '../../src/models/model.ts';
import {
  bayesianNetwork,
  initial,
  networkLogDensity,
  posteriorGraph,
  separateGraph,
  separateLogDensity,
} from '../../src/models/posterior.ts';
import type { LogDensity } from '../../src/types.ts';

const scaling = { priorScale: 1, factor: 1 };
const MEBIBYTE = 2 ** 20;

interface Case {
  readonly model: Model;
  readonly chosen: Likelihood;
  readonly inputs: number;
  readonly chains: number;
  readonly rows: number;
  readonly separate: boolean;
}

describe.each<[string, Case]>([
  [
    'a block of small networks',
    {
      model: mlp({ inputs: 8, hidden: [16, 16, 16], outputs: 2, activation: 'relu' }),
      chosen: likelihood('gaussian-per-input', 1),
      inputs: 8,
      chains: 10,
      rows: 256,
      separate: false,
    },
  ],
  [
    'a network fed parameter by parameter',
    {
      model: lenet({ input: [1, 12, 12], classes: 10 }),
      chosen: likelihood('softmax', 10),
      inputs: 144,
      chains: 1,
      rows: 8,
      separate: true,
    },
  ],
])('%s', (_name, { model, chosen, inputs, chains, rows, separate }) => {
  it('takes no more after 2,000 evaluations than after 500', async () => {
    const network = bayesianNetwork(model, chosen, inputs);
    const graph = separate ? separateGraph(network, rows, 1) : posteriorGraph(network, chains, rows, scaling);
    const compiled = await compile(graph);
    const density: LogDensity<{ x: Float32Array; y: Float32Array }> = separate
      ? separateLogDensity(compiled, network, scaling)
      : networkLogDensity(compiled, network.dim, scaling);
    const theta = Float64Array.from(Array.from({ length: chains }, (_, c) => [...initial(network, [c, 1])]).flat());
    const batch = {
      x: Float32Array.from({ length: chains * inputs * rows }, (_, i) => Math.sin(i)),
      y: new Float32Array(chains * chosen.targets * rows).fill(0.1),
    };
    const [value, gradient] = [new Float64Array(chains), new Float64Array(theta.length)];
    const held: number[] = [];
    for (let i = 1; i <= 2000; i++) {
      await density.evaluate(theta, batch, value, gradient);
      if (i % 500 === 0) held.push(process.memoryUsage().rss);
    }
    expect(value.every(Number.isFinite)).toBe(true);
    // One gradient kept by each evaluation would be 80 MiB and more; the collector's own tide is some MiB.
    expect(1500 * gradient.byteLength).toBeGreaterThan(80 * MEBIBYTE);
    expect(held[3] - held[0]).toBeLessThan(40 * MEBIBYTE);
    await compiled.release();
  });
});
