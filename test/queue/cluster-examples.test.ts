/** The Slurm and Kubernetes examples, run with the scheduler's own tools played by scripts. */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { heartbeats } from '../../src/chains/heartbeat.ts';
import { prepareRun } from '../../src/control/fit.ts';
import { status } from '../../src/control/status.ts';
import { demoCsv } from '../../src/data/demo.ts';
import type { FitConfig } from '../../src/spec/spec.ts';
import { built } from '../built.ts';
import { until } from './cluster.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-examples-'));
const bin = join(folder, 'bin');
const data = join(folder, 'demo.csv');
const run = join(folder, 'run');
const config: FitConfig = {
  model: { hidden: [4] },
  warmStart: { epochs: 5 },
  sampler: { warmup: 500, steps: 40_000, thin: 100, batchSize: 32 },
  chains: 2,
};
beforeAll(async () => {
  mkdirSync(bin);
  const script = (name: string, line: string) => {
    writeFileSync(join(bin, name), `#!/bin/sh\n${line}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  script('smile', `exec "${process.execPath}" "${built('cli.js')}" "$@"`);
  script('scontrol', `echo "$@" >> "${join(folder, 'requeued')}"`);
  writeFileSync(data, demoCsv(1, 200));
  await prepareRun({ data, out: run, config });
});
const env = (more: Record<string, string>) => ({ ...process.env, PATH: `${bin}:${process.env.PATH}`, ...more });

describe('examples/cluster/slurm.sh', () => {
  const task = () =>
    spawn('bash', ['examples/cluster/slurm.sh', run], {
      env: env({ SLURM_ARRAY_TASK_ID: '1', SLURM_ARRAY_JOB_ID: '77' }),
      stdio: 'ignore',
    });
  const exit = (child: ReturnType<typeof task>) => new Promise<number | null>((done) => child.on('exit', done));

  it('checkpoints on the signal before the time limit and queues itself again', async () => {
    const first = task();
    const ended = exit(first);
    await until(() => heartbeats(run).some(({ block }) => block.phase === 'sampling'), 'the chain to sample');
    first.kill('SIGTERM');
    expect(await ended).toBe(0);
    expect(readFileSync(join(folder, 'requeued'), 'utf8')).toBe('requeue 77_1\n');
    const { phase, step } = status(run).chains[1];
    expect(phase).toBe('stopped');
    expect(step).toBeGreaterThan(500);

    expect(await exit(task())).toBe(0);
    expect(status(run).chains.map((chain) => chain.phase)).toEqual(['not started', 'done']);
    expect(readFileSync(join(folder, 'requeued'), 'utf8')).toBe('requeue 77_1\n');
  });

  it('says how it is used', () => {
    const bare = spawnSync('bash', ['examples/cluster/slurm.sh'], { encoding: 'utf8' });
    expect(bare.status).not.toBe(0);
    expect(bare.stderr).toContain('usage: sbatch --array=0-N slurm.sh RUN');
  });
});

describe('examples/cluster/kubernetes.yaml', () => {
  it('is an Indexed Job whose command runs the chain of its index', () => {
    const { kind, spec } = parse(readFileSync('examples/cluster/kubernetes.yaml', 'utf8'));
    expect([kind, spec.completionMode]).toEqual(['Job', 'Indexed']);
    const [shell, ...args] = spec.template.spec.containers[0].command as string[];
    const here = args.map((arg) => arg.replace('/runs/houses', run));
    const { status: code } = spawnSync(shell, here, { env: env({ JOB_COMPLETION_INDEX: '0' }) });
    expect(code).toBe(0);
    expect(status(run).status).toBe('done');
    expect(existsSync(join(run, 'chains', '0', 'summary.json'))).toBe(true);
  });
});
