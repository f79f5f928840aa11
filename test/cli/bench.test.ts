import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { logSpaced, medianInterval, runCell } from '../../src/bench/cell.ts';
import { METHOD_NAMES, METHODS } from '../../src/bench/methods.ts';
import { median } from '../../src/infer/function-space.ts';
import { built } from '../built.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-bench-'));
const smile = (...args: string[]) => spawnSync(process.execPath, [built('cli.js'), ...args], { encoding: 'utf8' });

describe('smile bench analytic', () => {
  it('prints the table beside the paper and the null score, and writes results and a figure per target', () => {
    const out = join(folder, 'quick');
    const ran = smile(
      ...['bench', 'analytic', '--target', 'icg,funnel', '--noise', 'isotropic', '--sampler', 'psmile-auto,sgld'],
      ...['--steps', '500', '--replications', '3', '--step-sizes', '2', '--workers', '2', '--out', out],
    );
    expect(ran.status).toBe(0);
    expect(ran.stdout).toContain('| icg | isotropic | sgld |');
    expect(ran.stdout).toContain('| 0.033 ± 0.006 | 0.50 |');
    expect(ran.stderr).toContain('icg isotropic sgld: b²');
    const cells = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8'));
    expect(cells.map((cell: { method: string }) => cell.method)).toEqual([
      'psmile-auto',
      'sgld',
      'psmile-auto',
      'sgld',
    ]);
    for (const target of ['icg', 'funnel'])
      expect(readFileSync(join(out, `${target}.svg`), 'utf8')).toContain('</svg>');
    expect(existsSync(join(out, 'results.md'))).toBe(true);
  });

  it('gives the same numbers whatever the workers', () => {
    const run = (workers: string) =>
      JSON.parse(
        smile(
          ...[
            'bench',
            'analytic',
            '--target',
            'icg',
            '--noise',
            'diagonal',
            '--sampler',
            'psmile-naive',
            '--steps',
            '400',
          ],
          ...['--replications', '3', '--step-sizes', '2', '--workers', workers, '--json', '--quiet', '--out', folder],
        ).stdout,
      )[0].biases;
    expect(run('0')).toEqual(run('1'));
  });

  it('refuses what it does not know', () => {
    const ran = smile('bench', 'analytic', '--target', 'banana');
    expect(ran.status).toBe(1);
    expect(ran.stderr).toContain("Got 'banana'. Choose from icg, rosenbrock, funnel, normal, grid.");
    const flat = smile('bench', 'analytic', '--target', 'grid', '--noise', 'diagonal', '--out', folder);
    expect([flat.status, flat.stderr]).toEqual([
      1,
      expect.stringContaining('expected isotropic noise or none on grid'),
    ]);
    expect(smile('bench', 'analytic', '--steps', '0').stderr).toContain('above 0');
  });

  it('has examples in every help text', () => {
    for (const name of ['analytic', 'tuner', 'references']) {
      expect(smile('bench', name, '--help').stdout).toContain(`$ smile bench ${name}`);
    }
  });
});

describe('cells', () => {
  const spec = {
    target: 'icg',
    noise: { structure: 'none', source: 'limit', law: 'normal', shape: 5 },
    protocol: 'honest',
    gradients: 8000,
    replications: 4,
    stepSizes: 3,
    seed: 1,
  } as const;

  it.each(METHOD_NAMES)('%s spends the gradients it may, no more', (method) => {
    const cell = runCell({ ...spec, method, noise: { ...spec.noise, structure: 'isotropic' } });
    expect(cell.gradientsSpent).toBeLessThan(1.1 * spec.gradients + ('controlVariate' in METHODS[method] ? 1600 : 0));
    expect(cell.gradientsSpent).toBeGreaterThan(0.85 * spec.gradients);
    expect(cell.nullScore).toBeCloseTo(0.5, 12);
  });

  it('a step too small to move has the null score', () => {
    const still = { ...spec, method: 'smile-naive', stepSizes: 1 } as const;
    const cell = runCell({ ...still, gradients: 20 });
    expect(cell.median).toBeGreaterThan(0.49);
    expect(cell.median).toBeLessThan(0.51);
  });

  it('the paper’s protocol reports the best mean on its own seeds', () => {
    const cell = runCell({
      ...spec,
      method: 'sgld',
      protocol: 'paper',
      noise: { ...spec.noise, structure: 'isotropic' },
    });
    expect(cell.mean).toBe(Math.min(...cell.pilot.map(({ bias }) => bias)));
    expect(cell.paper).toEqual([0.033, 0.006]);
  });

  it('intervals of the median cover it with 95 %', () => {
    const sorted = Array.from({ length: 30 }, (_, i) => i);
    expect(medianInterval(sorted)).toEqual([9, 20]); // P(10 ≤ Bin(30, ½) ≤ 20) = 0.957
    expect(medianInterval([1, 2, 3])).toEqual([1, 3]);
    expect(median([3, 1, 2, 10])).toBe(2.5);
    expect(logSpaced(1e-4, 1, 5).map((x) => Number(x.toPrecision(6)))).toEqual([1e-4, 1e-3, 0.01, 0.1, 1]);
  });
});

describe('smile bench tuner', () => {
  it('shows the drift of one rule and the arrival of the other', () => {
    const rows = JSON.parse(smile('bench', 'tuner', '--steps', '8000', '--chains', '2', '--json').stdout) as {
      rule: string;
      initial: number;
      final: number;
    }[];
    const finals = rows.filter(({ rule }) => rule === 'set-point').map(({ final }) => final);
    expect(Math.max(...finals) / Math.min(...finals)).toBeLessThan(3);
    for (const row of rows.filter(({ rule }) => rule === 'paper')) expect(row.final).toBeLessThan(row.initial);
  });
});

describe('smile bench references', () => {
  it('says where the data should be', () => {
    const ran = smile('bench', 'references', '--data-dir', folder);
    expect(ran.status).toBe(1);
    expect(ran.stderr).toContain('posteriordb');
  });
});

it('the whole command knows its parts', () => {
  expect(execFileSync(process.execPath, [built('cli.js'), 'bench', '--help'], { encoding: 'utf8' })).toContain(
    'references',
  );
});
