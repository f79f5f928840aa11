/** The prior of a configuration: what is accepted, what it becomes, and what is said of it. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fit } from '../../src/control/fit.ts';
import { demoCsv } from '../../src/data/demo.ts';
import type { Parameter } from '../../src/models/model.ts';
import { PRIOR_NAMES } from '../../src/models/prior-families.ts';
import { describePrior, runPrior } from '../../src/spec/prior.ts';
import { type FitConfig, parseYamlConfig, resolveSpec } from '../../src/spec/spec.ts';
import { runPaths } from '../../src/store/rundir.ts';

const weight: Parameter = { name: 'w', shape: [3, 5], start: { fanIn: 5 }, role: 'outIn' };
const model = (given: FitConfig['model']) => resolveSpec({ model: given }).model;

describe('model.prior', () => {
  it('is N(0, priorScale²) where nothing is said', () => {
    expect(model({})).toMatchObject({ prior: 'normal', priorScale: 1 });
    expect(runPrior(model({ priorScale: 3 }), [weight]).deviation).toBe(3);
  });

  it('may be any family by its name', () => {
    for (const prior of PRIOR_NAMES) expect(runPrior(model({ prior }), [weight]).dim).toBe(15);
    expect(runPrior(model({ prior: 'glorot' }), [weight]).deviation).toBeCloseTo(0.5, 12);
  });

  it.each<[FitConfig['model'], number, number, string]>([
    [{ prior: { name: 'normal', location: 2 }, priorScale: 3 }, 3, 2, 'normal, standard deviation 3, location 2'],
    [{ prior: { name: 'laplace', location: -1 }, priorScale: 2 }, 2 * Math.SQRT2, -1, 'laplace, scale 2, location -1'],
    [{ prior: { name: 'trunc-normal', core: 0 }, priorScale: 2 }, 2, 0, 'trunc-normal, scale 2, core 0'],
    [{ prior: 'he' }, Math.sqrt(2 / 5), 0, 'he'],
    [
      { prior: { name: 'bimixture-normal', locations: [1, 1], scales: [2, 2] } },
      2,
      1,
      'bimixture-normal, locations 1,1, scales 2,2',
    ],
  ])('%o has its numbers', (given, deviation, top, said) => {
    const prior = runPrior(model(given), [weight]);
    expect(prior.deviation).toBeCloseTo(deviation, 12);
    const at = (x: number) => prior.logDensity(new Float64Array(15).fill(x), 0);
    expect(at(top)).toBeGreaterThan(at(top - 0.1));
    expect(at(top)).toBeGreaterThan(at(top + 0.1));
    expect(describePrior(model(given))).toBe(said);
  });

  it.each<[string, string]>([
    ['prior: cauchy', 'fit.yaml:2: model.prior: expected standard-normal, normal,'],
    ['prior: { name: cauchy }', 'fit.yaml:2: model.prior: expected standard-normal, normal,'],
    ['prior: 5', 'fit.yaml:2: model.prior: expected standard-normal, normal,'],
    ['prior: { name: trunc-normal, core: -1 }', 'fit.yaml:2: model.prior.core: Too small'],
    ['prior: { name: laplace, scale: 2 }', 'fit.yaml:2: model.prior: Unrecognized key: "scale"'],
    ['prior: { name: bimixture-normal, locations: [1] }', 'model.prior: locations: Too small'],
    ['prior: glorot\n  priorScale: 2', 'fit.yaml:3: model.priorScale: expected none for the prior glorot'],
    ['prior: { name: eps-standard-normal }\n  priorScale: 2', 'model.priorScale: expected none for the prior eps-'],
    ['priorScale: 0', 'fit.yaml:2: model.priorScale: Too small'],
  ])('%s is refused', (line, message) => {
    expect(() => parseYamlConfig(`model:\n  ${line}\n`, 'fit.yaml')).toThrow(message);
  });

  it('makes other draws, and the same ones for the same law', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'smile-priors-'));
    const draws = async (out: string, given: FitConfig['model']) => {
      const config: FitConfig = {
        model: { hidden: [4], ...given },
        warmStart: { epochs: 2 },
        sampler: { warmup: 60, steps: 60 },
        chains: 1,
      };
      const rows = demoCsv(1, 80)
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => Object.fromEntries(line.split(',').map((v, i) => [['x', 'y'][i], Number(v)])));
      await fit({ data: rows, out: join(folder, out), config, workers: 0 });
      return readFileSync(join(runPaths(join(folder, out)).chain(0), 'draws-000001.safetensors'));
    };
    const usual = await draws('usual', {});
    expect(await draws('standard', { prior: 'standard-normal' })).toEqual(usual);
    expect(await draws('he', { prior: 'he' })).not.toEqual(usual);
  });
});
