/** The registry of samplers: rows that say what they are, options of their own, and what a configuration makes of them. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { drawsOf } from '../../bench/draws.ts';
import { prepareRun } from '../../src/control/fit.ts';
import { runChains } from '../../src/control/pool.ts';
import { SAMPLER_OPTIONS } from '../../src/samplers/options.ts';
import { SAMPLER_NAMES, samplerRow } from '../../src/samplers/registry.ts';
import { type FitConfig, resolveSpec } from '../../src/spec/spec.ts';

describe('the registry of samplers', () => {
  it('says of each what it is', () => {
    for (const name of SAMPLER_NAMES) expect(samplerRow(name).about).toMatch(/^\S.{10,}[^.]$/);
  });

  it('has no option that is no sampler’s', () => {
    const all = new Set(SAMPLER_NAMES.flatMap((name) => samplerRow(name).options));
    expect([...all].sort()).toEqual(Object.keys(SAMPLER_OPTIONS).sort());
  });
});

describe('options of samplers in a configuration', () => {
  const resolved = (sampler: object) => () => resolveSpec({ sampler } as FitConfig);

  it.each([
    [
      { name: 'sgld', friction: 0.1 },
      'sampler.friction: expected none for sgld, got 0.1. Leave it out, or choose sghmc, adasghmc.',
    ],
    [{ cycles: 8 }, 'sampler.cycles: expected none for psmile, got 8. Leave it out, or choose csgld.'],
    [{ name: 'hmc', energyTarget: 1e-3 }, 'sampler.energyTarget: expected none for hmc, got 0.001'],
    [{ name: 'sghmc', friction: 1 }, 'sampler.friction: Too big'],
    [{ name: 'mclmc', phases: [0.5, 0.5, 0.5] }, 'sampler.phases: expected three parts that add up to 1'],
    [{ mode: 'paper', biasBound: 0.1 }, 'sampler.biasBound: expected none in paper mode, got 0.1'],
    [{ frictions: 1 }, 'sampler: Unrecognized key: "frictions"'],
  ])('%j are refused', (sampler, message) => {
    expect(resolved(sampler)).toThrow(message);
  });

  it.each([
    [{ name: 'csgld', cycles: 8, explore: 'noisy' }],
    [{ name: 'psmile-low-rank', rank: 4, biasBound: 0.1 }],
    // Runs that were made before have the defaults of all samplers written out.
    [{ name: 'sgld', energyTarget: 1e-5, decoherence: 'none', tuner: 'set-point' }],
  ])('%j are accepted', (sampler) => {
    expect(resolved(sampler)).not.toThrow();
  });

  it('reach the sampler; left out, they are what the page says', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'smile-options-'));
    const rows = Array.from({ length: 30 }, (_, i) => ({ x: i / 30, y: Math.sin(i) }));
    const draws = async (friction?: number) => {
      const out = join(folder, `sghmc-${friction}`);
      const sampler = {
        name: 'sghmc',
        warmup: 4,
        steps: 6,
        thin: 2,
        batchSize: 8,
        ...(friction && { friction }),
      } as const;
      const config: FitConfig = {
        sampler,
        chains: 1,
        model: { hidden: [3], likelihood: 'usual' },
        warmStart: { epochs: 1, batchSize: 8 },
      };
      await prepareRun({ data: rows, out, config, workers: 0 });
      await runChains(out, [0], { workers: 0, onProgress: () => {} });
      return drawsOf(out);
    };
    const usual = await draws();
    expect(Object.keys(usual).length).toBeGreaterThan(0);
    expect(await draws(0.05)).toEqual(usual);
    expect(await draws(0.5)).not.toEqual(usual);
  });
});
