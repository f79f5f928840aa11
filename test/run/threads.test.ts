/** Threads found by a trial are part of the run. */
import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { likelihood } from '../../src/models/likelihood.ts';
import { mlp } from '../../src/models/mlp.ts';
import { bayesianNetwork } from '../../src/models/posterior.ts';
import { resolveSpec } from '../../src/run/spec.ts';
import { settleThreads } from '../../src/run/threads.ts';

const network = bayesianNetwork(
  mlp({ inputs: 64, hidden: [256, 256], outputs: 1, activation: 'relu' }),
  likelihood('gaussian', 1),
  64,
);
const spec = (chains: number, compute: object) =>
  resolveSpec({ chains, compute, sampler: { batchSize: 512 } }) as ReturnType<typeof resolveSpec>;

describe('threads of a worker', () => {
  it('are what the configuration says', async () => {
    expect(await settleThreads(network, spec(1, { threads: 3 }), 1)).toEqual({ spec: spec(1, { threads: 3 }) });
  });

  it('are one where chains leave no core idle, or a GPU computes', async () => {
    for (const asked of [spec(64, { threads: 'auto' }), spec(1, { threads: 'auto', device: 'webgpu' })]) {
      const { spec: settled, finding } = await settleThreads(network, asked, 64);
      expect(settled.compute.threads).toBe(1);
      expect(finding).toContain('leave no core idle');
    }
  });

  it.skipIf(availableParallelism() < 2)('are the faster of one and all idle ones, with the times', async () => {
    const { spec: settled, finding } = await settleThreads(network, spec(1, { threads: 'auto' }), 1);
    const [, threads, one, many, most] =
      /^(\d+) threads? a worker: a gradient takes ([\d.]+) ms with one, ([\d.]+) ms with (\d+)$/
        .exec(finding!)!
        .map(Number);
    expect(most).toBe(availableParallelism());
    expect(threads).toBe(many < one ? most : 1);
    expect(settled.compute.threads).toBe(threads);
  });
});
