/** A person's terminal: pipes that end, terminals that close, full disks, few file handles, narrow lines. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { chainLine, totalLine } from '../../cli/progress-text.ts';
import { status } from '../../src/control/status.ts';
import { demoCsv } from '../../src/data/demo.ts';
import type { BlockProgress } from '../../src/spec/records.ts';
import { built } from '../built.ts';
import { until } from '../queue/cluster.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-terminal-'));
const smile = `"${process.execPath}" "${built('cli.js')}"`;
const long = 'fit demo.csv --chains 2 --warmup 20 --steps 10000000 --epochs 1 --hidden 2 --workers 2';
const bash = (line: string) => spawnSync('bash', ['-c', line], { cwd: folder, encoding: 'utf8' });
const hasScript = spawnSync('script', ['--version']).status === 0;

beforeAll(() => {
  writeFileSync(join(folder, 'demo.csv'), demoCsv(1, 60));
  const quick = 'fit demo.csv --chains 2 --warmup 20 --steps 20 --thin 5 --epochs 1 --hidden 2 --workers 0 --no-repair';
  expect(bash(`${smile} ${quick} -o run`).status).not.toBe(1);
});

describe('output that nobody reads', () => {
  it('ends a command quietly', () => {
    const { stdout, stderr } = bash(`${smile} predict run demo.csv --quiet | head -1; echo "\${PIPESTATUS[0]}"`);
    expect(stdout).toMatch(/^mean,aleatoric,epistemic,.*\n0\n$/);
    expect(stderr).toBe('');
  });

  it('ends a fit, with what it has stored', () => {
    const { stdout } = bash(`{ ${smile} ${long} -o piped 2>&1; echo $? > code; } | head -2`);
    expect(stdout.trim().split('\n').length).toBe(2);
    expect(['0', '1', '2']).toContain(readFileSync(join(folder, 'code'), 'utf8').trim());
    expect(status(join(folder, 'piped')).status).toBe('stopped');
  });

  it.skipIf(!hasScript)('as where the terminal is closed', async () => {
    const inside = `trap "" HUP; ${smile} ${long} -o closed; echo $? > closed-code`;
    const terminal = spawn('script', ['-qec', inside, '/dev/null'], { cwd: folder, stdio: 'ignore' });
    const phases = () =>
      existsSync(join(folder, 'closed/manifest.json')) ? status(join(folder, 'closed')).chains : [];
    try {
      await until(() => phases().some(({ phase, step }) => phase === 'sampling' && step > 100), 'the first steps');
    } finally {
      terminal.kill('SIGKILL');
    }
    await until(() => existsSync(join(folder, 'closed-code')), 'the fit to end');
    // As the system ends it, not as an abort does.
    expect(readFileSync(join(folder, 'closed-code'), 'utf8').trim()).toBe('129');
    expect(status(join(folder, 'closed')).status).toBe('stopped');
  });
});

describe('output that cannot be written', () => {
  it.skipIf(!existsSync('/dev/full'))('is said, and is an error', () => {
    const { stderr, status } = bash(`${smile} evaluate run > /dev/full`);
    expect(stderr).toMatch(/^smile: standard output: expected to write the result, got ENOSPC.*Make room/);
    expect(status).toBe(1);
  });
});

it('too few file handles are said, and how to have more', () => {
  for (const handles of [30, 60, 90]) {
    const { stderr, status } = bash(`ulimit -n ${handles}; ${smile} evaluate run`);
    if (status !== 1) continue;
    expect(stderr).toMatch(/^smile: .*got too many open ones\. Raise the number of open files: ulimit -n 1024\.\n$/);
  }
  expect(bash(`ulimit -n 30; ${smile} evaluate run`).status).toBe(1);
});

describe('progress', () => {
  const block = (chains: number[], more: Partial<BlockProgress> = {}): BlockProgress => {
    const all = <T>(value: T) => chains.map(() => value);
    return {
      chains,
      phase: 'sampling',
      step: 1_234_567,
      total: 10_000_000,
      first: 0,
      seconds: 5000,
      value: all(-123456.789),
      stepSize: all(1.234567e-12),
      resets: all(123),
      nonFinite: all(4),
      draws: 1,
      gradients: 1,
      energyError: all(1.2345e-10),
      lppd: all(-1.2345e10),
      ...more,
    };
  };

  it('fits 80 columns', () => {
    for (const phase of ['warm start', 'warm-up', 'sampling'] as const)
      expect(chainLine(block([123], { phase }), 123, 0).length).toBeLessThan(80);
  });

  it('says how all chains stand', () => {
    const first = block([0, 1], { step: 10, total: 100, seconds: 10 });
    const second = block([2], { phase: 'warm-up', step: 50, total: 100, seconds: 10 });
    const line = totalLine(new Map([first, first, second].map((of, chain) => [chain, of])));
    expect(line).toBe('all 3 chains: 1 warm-up 50 % ETA 10 s, 2 sampling 10 % ETA 2 min; 369 resets, 12 non-finite');
    expect(totalLine(new Map([[2, { ...second, step: 100 }]]))).toBe(
      'all 1 chain: 1 warm-up 100 %; 123 resets, 4 non-finite',
    );
  });
});
