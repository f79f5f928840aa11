/** Faults planted in real runs, each of which must turn the right answer of the verdict for the right reason; a healthy run passes. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { evaluate } from '../../src/answers/evaluate.ts';
import { recalibrate } from '../../src/answers/recalibrate.ts';
import { fit } from '../../src/control/fit.ts';
import { runChains } from '../../src/control/pool.ts';
import { sensitivity } from '../../src/control/sensitivity.ts';
import { demoCsv } from '../../src/data/demo.ts';
import { loadRun } from '../../src/spec/loaded-run.ts';
import { withRun } from '../../src/spec/opened-run.ts';
import { allChains } from '../../src/spec/records.ts';
import { type FitConfig, mergeConfigs } from '../../src/spec/spec.ts';
import { drawWriter, readDraws } from '../../src/store/draws.ts';
import { writeJson } from '../../src/store/files.ts';
import { readManifest, runPaths } from '../../src/store/rundir.ts';
import { readTensors, writeTensors } from '../../src/store/safetensors.ts';
import { said } from '../verdict.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-faults-'));
const data = join(folder, 'demo.csv');
writeFileSync(data, demoCsv(1, 900));
const healthy: FitConfig = {
  model: { hidden: [8, 8], likelihood: 'gaussian-per-input' },
  warmStart: { epochs: 60 },
  sampler: { warmup: 1500, steps: 1500, thin: 10, batchSize: 64 },
  chains: 4,
  seed: 4,
};
const verdict = async (name: string, config: FitConfig) =>
  (await fit({ data, out: join(folder, name), config: mergeConfigs(healthy, config), workers: 0 })).verdict;

/** Rewrites chains of a copy of the healthy run, draw by draw, and judges it again. */
async function rewritten(name: string, chains: readonly number[], change: (theta: Float64Array, draw: number) => void) {
  const dir = join(folder, name);
  cpSync(join(folder, 'healthy'), dir, { recursive: true });
  const d = loadRun(dir).network.dim;
  for (const k of chains) {
    const path = runPaths(dir).chain(k);
    const draws = [...readDraws(path, d)].flatMap((block) => [...block.data]);
    const writer = drawWriter(path, { dim: d, stats: ['step'], drawsPerFile: 250 });
    for (let n = 0; n < draws.length / d; n++) {
      const theta = Float64Array.from(draws.slice(n * d, (n + 1) * d));
      change(theta, n);
      writer.add(theta, 0, [10 * n]);
    }
    writer.flush();
  }
  return (await evaluate(dir)).verdict;
}

describe('planted faults', () => {
  beforeAll(async () => {
    const yes = { answer: 'yes', findings: [] };
    expect(await verdict('healthy', {})).toEqual({ predictions: yes, sampling: yes, table: yes, trusted: true });
  });

  it('a frozen chain', async () => {
    const { sampling } = await verdict('frozen', { sampler: { name: 'psmile-naive', stepSize: 1e-9 } });
    expect(sampling?.answer).toBe('no');
    expect(sampling?.findings[0]).toMatchObject({ check: 'frozen', message: expect.stringContaining('did not move') });
  });

  it('a chain in another mode', async () => {
    const { sampling } = await rewritten('mode', [2], (theta) => {
      theta.forEach((x, i) => {
        theta[i] = 0.3 * x;
      });
    });
    expect(sampling?.answer).toBe('no');
    expect(sampling?.findings.map(({ message }) => message)).toEqual([
      'chain 2: explains the validation rows far worse than the other chains',
    ]);
  });

  it('halved noise: intervals half as wide as they should be', async () => {
    const { trusted, predictions } = await rewritten('sure', [0, 1, 2, 3], (theta) => {
      theta[theta.length - 1] -= Math.log(2);
    });
    expect(trusted).toBe(false);
    expect(predictions.findings[0].message).toMatch(/90.* intervals hold only .* too narrow/);
    expect(predictions.findings[0].cure).toContain('predict --conformal mends it, and so does --recalibrate');
    const { scale, before, after } = await withRun(join(folder, 'sure'), (run) => recalibrate(run));
    const healthy = await withRun(join(folder, 'healthy'), (run) => recalibrate(run));
    expect(scale / healthy.scale).toBeGreaterThan(1.6);
    expect(after.lppd).toBeGreaterThan(before.lppd);
    expect(after.coverage90).toBeGreaterThan(before.coverage90 ?? 1);
  });

  it('chains that drift', async () => {
    const { sampling } = await rewritten('drift', [0, 1, 2, 3], (theta, draw) => {
      theta[theta.length - 1] += draw / 150;
    });
    expect(sampling?.answer).toBe('no');
    expect(sampling?.findings[0]).toMatchObject({ check: 'drift', cure: 'raise --warmup or --steps' });
  });

  it('draws that predict NaN', async () => {
    const { sampling } = await rewritten('nan', [1], (theta, draw) => {
      if (draw < 5) theta[0] = Number.NaN;
    });
    expect(sampling?.answer).toBe('no');
    expect(sampling?.findings[0].message).toBe('5 draws predict non-finite numbers and were left out');
  });

  it('a step size ten times too large', async () => {
    const at = (stepSize: number) => verdict(`step${stepSize}`, { sampler: { name: 'psmile-naive', stepSize } });
    expect((await at(0.007)).sampling?.answer).toBe('yes');
    const large = await at(0.07);
    expect(large.sampling?.answer).toBe('no');
    expect(said(large).reasons).toContain('of the steps change the energy by more than 0.1 √d; lower --step-size');
  });

  it('a batch of NaN', async () => {
    const dir = join(folder, 'nan-batch');
    cpSync(join(folder, 'healthy'), dir, { recursive: true });
    rmSync(runPaths(dir).chains, { recursive: true });
    const { tensors, metadata } = readTensors(runPaths(dir).data);
    tensors['x.train'].data[0] = Number.NaN;
    writeTensors(runPaths(dir).data, { tensors, metadata });
    const encodedHash = readTensors(runPaths(dir).data).metadata.sha256;
    writeJson(runPaths(dir).manifest, { ...readManifest(dir), encodedHash });
    await runChains(dir, allChains(4), { workers: 0, onProgress: () => {} });
    const { sampling } = (await evaluate(dir)).verdict;
    expect(sampling?.answer).toBe('no');
    expect(sampling?.findings.map(({ message }) => message).join()).toContain(
      'more than 1 % of the steps met non-finite numbers',
    );
  });

  it('a step size far too large', async () => {
    const large = await verdict('large', { sampler: { name: 'smile-naive', stepSize: 3 } });
    expect([large.trusted, large.sampling?.answer]).toEqual([false, 'no']);
    expect(said(large).reasons).toMatch(/predicts worse than the deep ensemble[\s\S]*change the energy/);
  });

  it('no preconditioner under anisotropic noise', async () => {
    const anisotropic = await verdict('anisotropic', { sampler: { name: 'smile' } });
    expect(anisotropic.sampling?.answer).toBe('no');
    expect(said(anisotropic).reasons).toContain('nothing corrects it; use psmile');
  });

  it('too few draws', async () => {
    const few = await verdict('few', { sampler: { steps: 100 } });
    expect(few.sampling?.answer).toBe('too few draws to tell');
    expect(said(few).reasons).toContain('only 40 draws');
  });
});

describe('sensitivity', () => {
  it('samples again from the same start and compares with the Monte Carlo error', async () => {
    const shifts = await sensitivity(join(folder, 'healthy'), { workers: 0, onProgress: () => {} });
    expect(shifts.map(({ variation }) => variation)).toEqual(['half step', 'double batch']);
    const sampler = (...path: string[]) => loadRun(join(folder, 'healthy', ...path)).spec.sampler;
    const { stepSize, batchSize, steps } = sampler();
    const half = sampler('sensitivity', 'half-step');
    expect([half.stepSize, half.batchSize, half.steps]).toEqual([(stepSize ?? Number.NaN) / 2, batchSize, 2 * steps]);
    const double = sampler('sensitivity', 'double-batch');
    expect([double.stepSize, double.batchSize, double.steps]).toEqual([stepSize, 2 * batchSize, steps]);
    for (const { shift, expected, lppd, gradients } of shifts) {
      expect(expected).toBeGreaterThan(0);
      expect(shift).toBeLessThan(1);
      expect(Math.abs(lppd)).toBeLessThan(0.5);
      expect(gradients).toBeGreaterThan(0);
    }
  });
});
