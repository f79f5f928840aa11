/** Threads found by a trial are part of the run. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { settleThreads } from '../../src/chains/threads.ts';
import { demoCsv } from '../../src/data/demo.ts';
import { likelihood } from '../../src/models/likelihood.ts';
import { mlp } from '../../src/models/mlp.ts';
import { bayesianNetwork } from '../../src/models/posterior.ts';
import { resolveSpec } from '../../src/spec/spec.ts';
import { built } from '../built.ts';

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

  it('are one without a trial where chains leave no core idle, a GPU computes, or the network is small', async () => {
    const small = bayesianNetwork(
      mlp({ inputs: 8, hidden: [16], outputs: 1, activation: 'relu' }),
      likelihood('gaussian', 1),
      8,
    );
    for (const [of, asked] of [
      [network, spec(64, {})],
      [network, spec(1, { device: 'webgpu' })],
      [small, spec(1, {})],
    ] as const) {
      expect(asked.compute.threads).toBe('auto');
      const { spec: settled, finding } = await settleThreads(of, asked, 64);
      expect(settled.compute.threads).toBe(1);
      expect(finding).toBeUndefined();
    }
  });

  it.skipIf(availableParallelism() < 2)('are the faster of one and all idle ones, with the times', async () => {
    const { spec: settled, finding } = await settleThreads(network, spec(1, {}), 1);
    const [, threads, sharing, ...numbers] =
      /^(\d+) threads? a worker(?:, which share (\w+))?: a gradient takes ([\d.]+) ms with one, ([\d.]+) ms with (\d+) that share operators, ([\d.]+) ms that share rows$/.exec(
        finding!,
      )!;
    const [one, operators, most, rows] = numbers.map(Number);
    expect(most).toBe(availableParallelism());
    const chosen = sharing === 'rows' ? rows : operators;
    if (threads === '1') expect(chosen).toBeGreaterThan(one / 1.12);
    else expect(chosen).toBeLessThan(one / 1.08);
    expect(settled.compute.threads).toBe(Number(threads));
    if (sharing) expect(settled.compute.sharing).toBe(sharing);
  });

  it('are one without a trial where chains run elsewhere', async () => {
    const { spec: settled, finding } = await settleThreads(network, spec(1, {}), 1, 1);
    expect([settled.compute.threads, finding]).toEqual([1, undefined]);
  });

  it.skipIf(availableParallelism() < 2)('share what the configuration says', async () => {
    for (const sharing of ['operators', 'rows'] as const) {
      const { spec: settled } = await settleThreads(network, spec(1, { sharing }), 1);
      expect(settled.compute.sharing).toBe(sharing);
    }
  });

  it('share rows in a run that replays to the bit, killed on the way', () => {
    const folder = mkdtempSync(join(tmpdir(), 'smile-threads-'));
    writeFileSync(join(folder, 'demo.csv'), demoCsv(1, 200));
    const smile = (...args: string[]) =>
      spawnSync(process.execPath, [built('cli.js'), ...args], { encoding: 'utf8', timeout: 60_000 });
    const out = join(folder, 'run');
    const settings = [
      '--chains',
      '1',
      '--hidden',
      '8',
      '--epochs',
      '5',
      '--warmup',
      '200',
      '--steps',
      '400',
      '--likelihood',
      'gaussian',
    ];
    const shared = ['--threads', '2', '--sharing', 'rows'];
    expect([0, 2]).toContain(smile('fit', join(folder, 'demo.csv'), '-o', out, ...settings, ...shared).status);
    const { compared, different } = JSON.parse(smile('verify', out, '--kills', '1', '--json').stdout);
    expect(compared.length).toBeGreaterThan(0);
    expect(different).toEqual([]);
  });
});
