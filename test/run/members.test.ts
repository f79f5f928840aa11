/** The members of an earlier run as a warm start: samplers begin at the same places, and nothing else is taken for the same. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { drawsOf } from '../../bench/draws.ts';
import { fit, prepareRun } from '../../src/control/fit.ts';
import { resume } from '../../src/control/resume.ts';
import { demoCsv } from '../../src/data/demo.ts';
import { type FitConfig, mergeConfigs } from '../../src/spec/spec.ts';
import { readTensors } from '../../src/store/safetensors.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-members-'));
const data = join(folder, 'demo.csv');
writeFileSync(data, demoCsv(1, 120));
const config: FitConfig = {
  model: { hidden: [6], likelihood: 'gaussian' },
  warmStart: { epochs: 6 },
  sampler: { warmup: 60, steps: 60, thin: 10, batchSize: 32 },
  compute: { threads: 1 },
  repair: { share: 0 },
  chains: 2,
  seed: 5,
};
const first = join(folder, 'first');
const from = (path: string): FitConfig => ({ warmStart: { members: path } });
const fitted = (name: string, changed: FitConfig = {}) =>
  fit({ data, out: join(folder, name), config: mergeConfigs(config, changed), workers: 0 });

beforeAll(() => fitted('first'));

describe('members of an earlier run', () => {
  it('are those of the run that takes them, whose draws are those of a run that trained them', async () => {
    await fitted('second', from(join(first, 'members')));
    expect(drawsOf(join(folder, 'second'))).toEqual(drawsOf(first));
    await fitted('other', mergeConfigs(from(first), { sampler: { name: 'sghmc' }, chains: 1 }));
    const theta = (run: string) => readTensors(join(folder, run, 'members', '0.safetensors')).tensors.theta.data;
    expect(theta('other')).toEqual(theta('first'));
  });

  it.each([
    ['seed 6', { seed: 6 }, 'expected members that were trained on these rows, got others'],
    ['another network', { model: { hidden: [7] } }, 'expected members of mlp 1-7-1 relu, got mlp 1-6-1 relu'],
    ['more chains', { chains: 3 }, 'expected 3 members, got 2'],
  ] as const)('are refused for %s', async (name, changed, message) => {
    const asked = { data, out: join(folder, name), config: mergeConfigs(config, from(first), changed as FitConfig) };
    await expect(prepareRun(asked)).rejects.toThrow(`warmStart.members: ${message}`);
    expect(existsSync(asked.out)).toBe(false);
  });

  it('are not trained where they are lost', async () => {
    const out = join(folder, 'lost');
    await prepareRun({ data, out, config: mergeConfigs(config, from(first)) });
    rmSync(join(out, 'members', '1.safetensors'));
    await expect(resume(out, { workers: 0 })).rejects.toThrow(`expected members 0, 1, taken from ${first}, got none`);
  });
});
