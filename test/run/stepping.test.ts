/** Runs whose chains stay on the device: the draws of the host's, to float32; stopped and resumed, their own to the bit. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { drawsOf } from '../../bench/draws.ts';
import { runBlock } from '../../src/chains/block.ts';
import { standingOf } from '../../src/chains/checkpoint.ts';
import { onDevice } from '../../src/chains/stepping.ts';
import { fit, prepareRun } from '../../src/control/fit.ts';
import { resume } from '../../src/control/resume.ts';
import { demoCsv } from '../../src/data/demo.ts';
import { TOLERABLE } from '../../src/engine/devices.ts';
import { SEPARATE } from '../../src/models/posterior.ts';
import { loadRun } from '../../src/spec/loaded-run.ts';
import { type FitConfig, mergeConfigs, resolveSpec } from '../../src/spec/spec.ts';
import { readDraws } from '../../src/store/draws.ts';
import { readJson, writeWhole } from '../../src/store/files.ts';
import { runPaths } from '../../src/store/rundir.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-stepping-'));
const data = join(folder, 'demo.csv');
writeWhole(data, demoCsv(1, 300));

const config: FitConfig = {
  model: { hidden: [8, 8], activation: 'tanh', likelihood: 'gaussian-per-input' },
  warmStart: { epochs: 20, patience: 20 },
  sampler: { warmup: 40, steps: 40, thin: 5, batchSize: 64, stepSize: 0.01 },
  chains: 3,
  seed: 6,
};
const fitted = async (name: string, changed: FitConfig) => {
  const out = join(folder, name);
  await fit({ data, out, config: mergeConfigs(config, changed), workers: 0 });
  return out;
};

describe('compute.stepping', () => {
  it.each(['smile-naive', 'psmile-naive', 'psmile'] as const)('%s draws the same on either side', async (name) => {
    // psmile's ε stays: it would follow energies whose float32 rounding, at first, is larger than they are.
    const sampler = { name, ...(name === 'psmile' && ({ tuner: 'quantile', adaptStrength: 0 } as const)) };
    const [host, device] = await Promise.all(
      (['host', 'device'] as const).map((stepping) =>
        fitted(`${name}-${stepping}`, { sampler, compute: { stepping } }),
      ),
    );
    const d = loadRun(host).network.dim;
    for (const chain of [0, 1, 2]) {
      const [here, there] = [host, device].map((run) => [...readDraws(runPaths(run).chain(chain), d)]);
      const summaries = [host, device].map((run) => readJson(runPaths(run).summary(chain)) as Record<string, unknown>);
      expect(here[0].data.length).toBe(8 * d);
      let [off, way] = [0, 0];
      here[0].data.forEach((x, i) => {
        off += (x - there[0].data[i]) ** 2;
        way += (x - here[0].data[i % d]) ** 2;
      });
      // 80 steps of 64 roundings each turn u by 80 · 64 · 2⁻²⁴ = 3e-4 at most.
      expect(Math.sqrt(off / way)).toBeLessThan(3e-4);
      const [a, b] = summaries as { gradients: number; noise?: { samples: number; variance: number } }[];
      expect(b.gradients).toBe(a.gradients);
      expect(b.noise?.samples).toBe(a.noise?.samples);
      expect(a.noise?.samples).toBe(name === 'psmile' ? 9 : undefined);
      if (a.noise && b.noise) expect(Math.abs(b.noise.variance / a.noise.variance - 1)).toBeLessThan(TOLERABLE);
    }
  });

  it('a stopped run resumes to the bit', async () => {
    const changed: FitConfig = {
      sampler: { name: 'psmile', warmup: 80, steps: 80 },
      compute: { stepping: 'device' },
    };
    const whole = drawsOf(await fitted('whole', changed));
    // In the middle of 80 steps of warm-up, and of 80 of sampling.
    for (const [asked, least, most] of [
      [40, 1, 79],
      [120, 81, 159],
    ]) {
      const out = join(folder, `stopped-${asked}`);
      await prepareRun({ data, out, config: mergeConfigs(config, changed) });
      let left = asked;
      await runBlock(out, {
        chains: [0, 1, 2],
        stopped: (phase) => phase !== 'warm start' && --left < 0,
        onProgress: () => {},
      });
      const [, done] = /^sampling (\d+)$/.exec(standingOf(loadRun(out), 0)) ?? [];
      expect(Number(done)).toBeGreaterThanOrEqual(least);
      expect(Number(done)).toBeLessThanOrEqual(most);
      expect(drawsOf(out)).not.toEqual(whole);
      await resume(out, { workers: 0 });
      expect(drawsOf(out)).toEqual(whole);
    }
  });

  it('auto is the device for large networks on a GPU whose sampler can', () => {
    const of = (given: FitConfig, dim = SEPARATE) => onDevice(resolveSpec(given), dim);
    expect(of({ compute: { device: 'webgpu' } })).toBe(true);
    expect(of({ compute: { device: 'webgpu' } }, SEPARATE - 1)).toBe(false);
    expect(of({})).toBe(false);
    expect(of({ compute: { stepping: 'device' } }, 10)).toBe(true);
    expect(of({ compute: { device: 'webgpu', stepping: 'host' } })).toBe(false);
    for (const sampler of [{ name: 'sgld' }, { mode: 'paper' }, { decoherence: 2 }, { name: 'psmile-full' }] as const) {
      expect(of({ compute: { device: 'webgpu' }, sampler })).toBe(false);
    }
    const priors = ['laplace', 'glorot', { name: 'normal', location: 1 }] as const;
    for (const prior of priors) expect(of({ compute: { device: 'webgpu' }, model: { prior } })).toBe(false);
    const scaled = { prior: { name: 'normal', location: 0 }, priorScale: 0.5 } as const;
    expect(of({ compute: { device: 'webgpu' }, model: scaled })).toBe(true);
  });

  it('a sampler or prior that cannot is refused before anything is written', async () => {
    const changed: FitConfig = { sampler: { name: 'sgld' }, compute: { stepping: 'device' } };
    await expect(fitted('never', changed)).rejects.toThrow('compute.stepping: expected smile-naive, psmile-naive');
    const other: FitConfig = { model: { prior: 'laplace' }, compute: { stepping: 'device' } };
    await expect(fitted('never', other)).rejects.toThrow(
      'compute.stepping: expected a normal prior around zero for steps on the device, got laplace, scale 1.',
    );
    expect(() => loadRun(join(folder, 'never'))).toThrow();
  });
});
