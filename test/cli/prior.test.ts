/** Priors as users choose them: the built command in a process of its own. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { demoCsv } from '../../src/data/demo.ts';
import { built } from '../built.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-prior-'));
const smile = (...args: string[]) =>
  spawnSync(process.execPath, [built('cli.js'), ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  });
const quick = [
  '--warmup',
  '200',
  '--steps',
  '300',
  '--epochs',
  '20',
  '--chains',
  '2',
  '--thin',
  '5',
  '--workers',
  '0',
  '--likelihood',
  'gaussian',
];

beforeAll(() => {
  writeFileSync(join(folder, 'demo.csv'), demoCsv(1, 200));
  writeFileSync(join(folder, 'mixture.yaml'), 'model:\n  prior: { name: bimixture-normal, weight: 0.3 }\n');
  writeFileSync(join(folder, 'name.yaml'), 'model:\n  hidden: [4]\n  prior: gaussian\n');
});

describe('smile fit --prior', () => {
  it.each([
    [
      'laplace',
      ['--prior', 'laplace', '--prior-scale', '0.5'],
      'prior: laplace\n  priorScale: 0.5',
      'laplace, scale 0.5',
    ],
    [
      'mixture',
      ['--config', 'mixture.yaml'],
      'prior:\n    name: bimixture-normal\n    weight: 0.3\n',
      'bimixture-normal, weight 0.3',
    ],
  ])('samples with %s, stores it, and says it in the report', (run, flags, stored, said) => {
    const { stderr, stdout, status } = smile('fit', 'demo.csv', ...quick, ...flags, '--out', run, '--quiet');
    expect(status, stderr).not.toBe(1);
    expect(stdout).toMatch(/psmile \(sound\) +test +120 /);
    expect(readFileSync(join(folder, run, 'config.yaml'), 'utf8')).toContain(stored);
    smile('report', run);
    expect(readFileSync(join(folder, run, 'report.md'), 'utf8')).toContain(said);
  });

  it.each([
    [['--prior', 'cauchy'], "argument 'cauchy' is invalid. Allowed choices are standard-normal, normal,"],
    [['--config', 'name.yaml'], 'name.yaml:3: model.prior: expected standard-normal, normal,'],
    [
      ['--prior', 'he', '--prior-scale', '2'],
      'model.priorScale: expected none for the prior he, which has its own scales, got 2',
    ],
  ])('%j is an error', (flags, message) => {
    const { stderr, status } = smile('fit', 'demo.csv', ...flags, '--out', 'never');
    expect([stderr, status]).toEqual([expect.stringContaining(message), 1]);
  });
});
