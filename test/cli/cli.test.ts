/** The command as users run it: the built one in a process of its own. */
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { demoCsv } from '../../src/data/demo.ts';
import { built } from '../built.ts';

const cli = built('cli.js');
const folder = mkdtempSync(join(tmpdir(), 'smile-cli-'));
const smile = (...args: string[]): SpawnSyncReturns<string> =>
  spawnSync(process.execPath, [cli, ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  });
const quick = [
  '--warmup',
  '600',
  '--steps',
  '300',
  '--epochs',
  '60',
  '--chains',
  '4',
  '--thin',
  '5',
  '--likelihood',
  'gaussian-per-input',
];

beforeAll(() => {
  writeFileSync(join(folder, 'demo.csv'), demoCsv(1, 200));
});

describe('smile fit, evaluate, predict', () => {
  let fitted: SpawnSyncReturns<string>;
  beforeAll(() => {
    fitted = smile('fit', 'demo.csv', ...quick, '--out', 'run', '--workers', '2');
  });

  it('fits with two workers, shows progress and a table, and says where the run is', () => {
    expect([fitted.stderr, fitted.status]).toEqual([expect.stringContaining('200 rows, 2 columns'), 0]);
    expect(fitted.stderr).toMatch(
      /chains 0–1: sampling 300\/300 \(100 %\) done, LPPD -?\d\.\d+, \d+ resets, 0 non-finite/,
    );
    expect(fitted.stdout).toMatch(/ensemble +rows +members +RMSE +LPPD +in 50 % +in 80 % +in 90 % +in 95 %/);
    expect(fitted.stdout).toMatch(/deep ensemble +test +4 /);
    expect(fitted.stdout).toMatch(/psmile \(sound\) +test +240 /);
    expect(fitted.stdout).toContain('verdict: trust it');
    expect(fitted.stdout).toContain('run: run');
    expect(fitted.stdout).not.toContain('\u001b');
  });

  it('gives the same draws with one worker, and with none', () => {
    smile('fit', 'demo.csv', ...quick, '--out', 'one', '--workers', '1', '--quiet');
    smile('fit', 'demo.csv', ...quick, '--out', 'none', '--workers', '0', '--quiet');
    for (const chain of ['0', '3']) {
      const draws = (run: string) => readFileSync(join(folder, run, 'chains', chain, 'draws-000001.safetensors'));
      expect(draws('one').equals(draws('run'))).toBe(true);
      expect(draws('none').equals(draws('run'))).toBe(true);
    }
  });

  it('repeats the table and prints JSON', () => {
    const again = smile('evaluate', 'run');
    expect(again.stdout).toBe(fitted.stdout);
    const { bayesianEnsemble, verdict } = JSON.parse(smile('evaluate', 'run', '--json').stdout);
    expect([bayesianEnsemble.test.members, verdict.trusted]).toEqual([240, true]);
  });

  it('predicts a row per row, to the screen or a file', () => {
    writeFileSync(join(folder, 'new.csv'), 'x\n-3\n0.5\n');
    const lines = smile('predict', 'run', 'new.csv', '-q', '0.1,0.9').stdout.trim().split('\n');
    expect(lines[0]).toBe('mean,aleatoric,epistemic,q0.1,q0.9,outside,unusable');
    expect(lines.length).toBe(3);
    expect(smile('predict', 'run', 'new.csv', '-o', 'out.csv').status).toBe(0);
    expect(readFileSync(join(folder, 'out.csv'), 'utf8').split('\n').length).toBe(4);
    expect(JSON.parse(smile('predict', 'run', 'new.csv', '--json').stdout).rows.length).toBe(2);
  });

  it('reads a configuration file; flags win over it', () => {
    writeFileSync(
      join(folder, 'fit.yaml'),
      'chains: 2\nsampler:\n  warmup: 50\n  steps: 60\n  thin: 10\nwarmStart:\n  epochs: 2\n',
    );
    smile('fit', 'demo.csv', '--config', 'fit.yaml', '--steps', '20', '--out', 'configured', '--quiet');
    const written = readFileSync(join(folder, 'configured', 'config.yaml'), 'utf8');
    for (const line of ['chains: 2', 'warmup: 50', 'steps: 20', 'likelihood: gaussian', 'name: psmile'])
      expect(written).toContain(line);
  });
});

describe('exit codes and errors', () => {
  it.each([
    [['fit', 'none.csv'], 'smile: none.csv: expected a readable data file, got no such file. Check the path.'],
    [['fit', 'demo.csv', '--sampler', 'nuts'], "argument 'nuts' is invalid. Allowed choices are smile-naive"],
    [['fit', 'demo.csv', '--stepz', '3'], "unknown option '--stepz'"],
    [['fit', 'demo.csv', '--steps', 'ten'], 'Expected a number.'],
    [['fit', 'demo.csv', '--target', 'z', '--out', 'e'], "smile: demo.csv: expected one of the columns x, y, got 'z'"],
    [
      ['fit', 'demo.csv', '--batch-size', '9999', '--out', 'e'],
      'sampler.batchSize: expected at most the 140 training rows',
    ],
    [['fit', 'demo.csv', '--config', 'none.yaml'], 'none.yaml: expected a configuration file, got no such file'],
    [['fit', 'demo.csv', '--config', 'bad.yaml'], 'smile: bad.yaml:3: sampler.thin: '],
    [['fit', 'demo.csv', '--config', 'torn.yaml'], 'smile: torn.yaml:3: expected YAML'],
    [['predict', 'nowhere', 'demo.csv'], 'nowhere: expected a run directory, got no manifest.json in it'],
    [['evaluate', 'nowhere'], 'nowhere: expected a run directory'],
    [['ft'], "unknown command 'ft'"],
  ])('%j is an error of one line', (args, message) => {
    writeFileSync(join(folder, 'bad.yaml'), 'chains: 2\nsampler:\n  thin: often\n');
    writeFileSync(join(folder, 'torn.yaml'), 'sampler: {\n  thin: 3\n');
    const { status, stderr, stdout } = smile(...args);
    expect(stderr).toContain(message);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).not.toContain('    at ');
  });

  it('2 says: ran, but do not trust it', () => {
    const few = [
      '--warmup',
      '20',
      '--steps',
      '600',
      '--epochs',
      '2',
      '--chains',
      '3',
      '--sampler',
      'smile-naive',
      '--likelihood',
      'gaussian',
    ];
    const { status, stdout } = smile('fit', 'demo.csv', '--out', 'large', ...few, '--step-size', '3');
    expect(stdout).toContain('verdict: do not trust the predictions');
    expect(stdout).toMatch(/Do the predictions hold\? +no\n +- it predicts worse than/);
    expect(stdout).toMatch(/Has the sampling converged\? +no\n +- /);
    expect(stdout).toMatch(/Is the table what it seems\? +yes/);
    expect(status).toBe(2);
    expect(smile('evaluate', 'large').status).toBe(2);
  });

  it('--help has examples for every command', () => {
    for (const command of ['fit', 'predict', 'evaluate', 'demo']) {
      const { status, stdout } = smile(command, '--help');
      expect(status).toBe(0);
      expect(stdout).toContain('Examples:');
    }
    expect(smile('--help').stdout).toContain(
      'Exit codes: 0 fine, 1 error, 2 ran but the result should not be trusted.',
    );
    expect(smile('--version').stdout).toBe(`${JSON.parse(readFileSync('package.json', 'utf8')).version}\n`);
  });
});

describe('Ctrl-C', () => {
  it('stores and scores what was drawn, and says where', async () => {
    const args = [
      'fit',
      'demo.csv',
      '--out',
      'stopped',
      '--warmup',
      '100',
      '--steps',
      '5000000',
      '--epochs',
      '2',
      '--workers',
      '2',
    ];
    const child = spawn(process.execPath, [cli, ...args], { cwd: folder });
    let output = '';
    const seen = (data: Buffer) => {
      output += data;
    };
    child.stdout.on('data', seen);
    child.stderr.on('data', seen);
    const draws = () =>
      ['0', '9'].every((c) => {
        const chain = join(folder, 'stopped', 'chains', c);
        return existsSync(chain) && readdirSync(chain).some((name) => name === 'draws-000001.safetensors');
      });
    for (let i = 0; i < 600 && !draws(); i++) await new Promise((wake) => setTimeout(wake, 100));
    child.kill('SIGINT');
    const status = await new Promise((done) => child.on('exit', done));
    expect(output).toContain('stopping: the draws so far are being stored and scored');
    expect(output).toContain('stopped before the end');
    expect(output).toContain('run: stopped');
    expect(status).toBe(2);
    expect(JSON.parse(readFileSync(join(folder, 'stopped', 'manifest.json'), 'utf8')).status).toBe('stopped');
  });
});
