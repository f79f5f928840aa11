/**
 * What durability costs: the queue beside plain worker threads, checkpoints beside none, memory beside the size of the draws, and the
 * time that a killed run takes to go on.
 *
 * Command:  npm run build && npx tsx bench/durability.ts [--rounds 3] [--only queue,checkpoints,memory,recovery]
 * Needs:    redis-server on the PATH for the queue; data are generated.
 * Cost:     about ten minutes on two cores. Results: docs/durability.md.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { status } from 'smile-bayes';
import { demoCsv } from '../src/data/demo.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: 'queue,checkpoints,memory,recovery' },
  },
});
const rounds = Number(values.rounds);
const folder = mkdtempSync(join(tmpdir(), 'smile-durability-'));
const data = join(folder, 'demo.csv');
writeFileSync(data, demoCsv(1, 500));
const cli = join(import.meta.dirname, '..', 'dist', 'cli.js');
const smile = (...args: string[]) =>
  spawn(process.execPath, [cli, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
const ended = (child: ChildProcess) => new Promise<number | null>((resolve) => child.on('exit', resolve));
const median = (numbers: number[]) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const seconds = async (work: () => Promise<unknown>) => {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
};

/** A run directory with nothing done yet. */
function prepared(name: string, ...flags: string[]): string {
  const out = join(folder, name);
  rmSync(out, { recursive: true, force: true });
  spawnSync(process.execPath, [cli, 'fit', data, '-o', out, '--prepare', '--quiet', ...flags]);
  return out;
}
const finish = (out: string, ...flags: string[]) => seconds(() => ended(smile('resume', out, '--quiet', ...flags)));

async function queue(): Promise<void> {
  const port = '6399';
  const redis = spawn('redis-server', ['--port', port, '--dir', folder, '--appendonly', 'yes', '--save', ''], {
    stdio: 'ignore',
  });
  const url = `redis://localhost:${port}`;
  await sleep(1000);
  const workers = Array.from({ length: 4 }, () => smile('worker', '--redis', url, '--quiet', '--root', folder));
  await sleep(3000);
  const chains = [
    '--hidden',
    '8',
    '--chains',
    '200',
    '--epochs',
    '10',
    '--warmup',
    '4000',
    '--steps',
    '16000',
    '--thin',
    '4000',
  ];
  const times: Record<string, number[]> = { threads: [], queue: [] };
  for (let round = 0; round < rounds; round++) {
    times.threads.push(await finish(prepared('threads', ...chains), '--workers', '4'));
    times.queue.push(
      await finish(prepared('queue', ...chains), '--workers', '4', '--engine', 'bullmq', '--redis', url),
    );
    console.log(`200 chains, 4 workers, round ${round}: ${JSON.stringify(times)} s`);
  }
  const ratios = times.queue.map((time, i) => time / times.threads[i]);
  console.log(`queue / threads: median ${median(ratios).toFixed(3)}`);
  for (const worker of workers) worker.kill('SIGTERM');
  await Promise.all(workers.map(ended));
  redis.kill();
}

async function checkpoints(): Promise<void> {
  const chains = ['--chains', '10', '--warmup', '5000', '--steps', '15000', '--thin', '500'];
  const ratios: Record<string, number[]> = {};
  for (let round = 0; round < rounds; round++) {
    const never = await finish(prepared('never', ...chains), '--checkpoint-every', '1e9');
    for (const every of ['15', '1', '0.1']) {
      const time = await finish(prepared('often', ...chains), '--checkpoint-every', every);
      ratios[every] = [...(ratios[every] ?? []), time / never];
    }
  }
  for (const [every, list] of Object.entries(ratios))
    console.log(
      `a checkpoint every ${every} s / none: median ${median(list).toFixed(3)} of ${list.map((r) => r.toFixed(3))}`,
    );
}

const bytesOf = (dir: string) =>
  readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((name) => /draws-\d+/.test(name))
    .reduce((sum, name) => sum + statSync(join(dir, name)).size, 0);

async function memory(): Promise<void> {
  for (const steps of ['1000', '40000']) {
    const out = prepared(
      'memory',
      '--hidden',
      '32,32,16',
      '--chains',
      '4',
      '--warmup',
      '1000',
      '--steps',
      steps,
      '--thin',
      '1',
    );
    const child = smile('resume', out, '--quiet');
    let peak = 0;
    const look = setInterval(() => {
      try {
        peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? peak);
      } catch {}
    }, 100);
    await ended(child);
    clearInterval(look);
    console.log(
      `${steps} draws of 4 chains: ${(bytesOf(out) / 1e6).toFixed(0)} MB of draws, peak memory ${(peak / 1e3).toFixed(0)} MB`,
    );
  }
}

async function recovery(): Promise<void> {
  const lost: number[] = [];
  const back: number[] = [];
  for (let round = 0; round < 3 * rounds; round++) {
    const out = prepared(
      'killed',
      '--chains',
      '10',
      '--warmup',
      '5000',
      '--steps',
      '100000',
      '--thin',
      '500',
      '--seed',
      String(round),
    );
    const child = smile('resume', out, '--quiet', '--checkpoint-every', '1');
    const gone = ended(child);
    await sleep(6000 + 1000 * Math.sin(round));
    child.kill('SIGKILL');
    await gone;
    const stood = status(out).chains[0].step;
    const next = smile('resume', out, '--quiet', '--checkpoint-every', '0.2');
    lost.push((Date.now() - Date.parse(status(out).chains[0].saved ?? '')) / 1000);
    back.push(
      await seconds(async () => {
        while (status(out).chains[0].step <= stood) await sleep(10);
      }),
    );
    next.kill('SIGKILL');
    await ended(next);
  }
  console.log(`work lost to a kill, checkpoints every second: median ${median(lost).toFixed(2)} s`);
  console.log(`from smile resume to a checkpoint beyond the last: median ${median(back).toFixed(2)} s`);
}

const parts: Record<string, () => Promise<void>> = { queue, checkpoints, memory, recovery };
for (const name of values.only.split(',')) await parts[name]();
rmSync(folder, { recursive: true });
