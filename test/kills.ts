/** Runs that are killed at random moments, of every sampler, task and kind; what must be left is a run that never was disturbed. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { standingOf } from '../src/chains/checkpoint.ts';
import { fit, prepareRun } from '../src/control/fit.ts';
import { resume } from '../src/control/resume.ts';
import { normals, uniforms } from '../src/math/random.ts';
import { fold, rootKey } from '../src/math/threefry.ts';
import { FULL_GRADIENT, SAMPLER_NAMES, type SamplerName } from '../src/samplers/registry.ts';
import { loadRun } from '../src/spec/opened.ts';
import { type FitConfig, mergeConfigs } from '../src/spec/spec.ts';
import { readManifest, runPaths } from '../src/store/rundir.ts';
import { drawsOf } from './draws.ts';

const TASKS = ['regression', 'classes'] as const;
const KINDS = ['plain', 'plateau', 'gradients', 'onnx', 'float16'] as const;

export interface KillCase {
  readonly sampler: SamplerName;
  readonly task: (typeof TASKS)[number];
  readonly kind: (typeof KINDS)[number];
}

export const killCases = (): KillCase[] =>
  SAMPLER_NAMES.flatMap((sampler) => TASKS.flatMap((task) => KINDS.map((kind) => ({ sampler, task, kind }))));

export interface KillResult extends KillCase {
  /** Where the chains stood after each kill: `start`, `training`, `warm-up`, `sampling`. */
  readonly places: readonly string[];
  /** Files that differ from those of the run that was not killed, or are missing or left over. */
  readonly different: readonly string[];
}

const ONNX = { regression: 'mlp.onnx', classes: 'cnn.onnx' };

/** Writes a table of 5 features for a number, or of 64 for three classes. */
function killTable(folder: string, task: KillCase['task']): string {
  const width = task === 'regression' ? 5 : 64;
  const values = new Float64Array(160 * width);
  normals([3, width], values);
  const rows = Array.from({ length: 160 }, (_, i) => [...values.subarray(i * width, (i + 1) * width)]);
  const last = ([a, b]: number[]) => (task === 'regression' ? a - 0.5 * b : a > 0.4 ? 'c' : b > 0 ? 'b' : 'a');
  const lines = [rows[0].map((_, k) => `f${k}`), ...rows.map((row) => row.map((x) => x.toFixed(4)))];
  const ends = ['y', ...rows.map(last)];
  const path = join(folder, `${task}.csv`);
  writeFileSync(path, lines.map((line, i) => [...line, ends[i]].join(',')).join('\n'));
  return path;
}

function configOf({ sampler, task, kind }: KillCase, steps: number): FitConfig {
  const whole = FULL_GRADIENT.includes(sampler);
  const common: FitConfig = {
    model: { hidden: [6] },
    warmStart: { epochs: 60, patience: 60, batchSize: 32 },
    sampler: { name: sampler, warmup: steps, steps, thin: 5, ...(whole ? {} : { batchSize: 32 }) },
    compute: { threads: 1 },
    chains: 2,
    seed: 4,
  };
  const own: Record<KillCase['kind'], FitConfig> = {
    plain: {},
    plateau: { stop: { plateau: 0.5, minDraws: 60 } },
    gradients: { stop: { gradients: 3 * steps } },
    onnx: {
      model: { hidden: undefined, network: resolve('test/fixtures/onnx', ONNX[task]) },
      warmStart: { epochs: 0 },
    },
    float16: { storage: { draws: 'float16' } },
  };
  return mergeConfigs(common, own[kind]);
}

export interface KillOptions {
  readonly folder: string;
  readonly kills: number;
  /** Path of the built command. */
  readonly cli: string;
  /** Steps of warm-up, and of sampling. */
  readonly steps?: number;
}

/** Fits a case twice, the second time killed on the way, and compares. */
export async function killedAndCompared(
  one: KillCase,
  { folder, kills, cli, steps = one.task === 'classes' && one.kind === 'onnx' ? 200 : 500 }: KillOptions,
): Promise<KillResult> {
  const name = `${one.sampler}-${one.task}-${one.kind}`;
  const data = killTable(folder, one.task);
  const config = configOf(one, steps);
  const [whole, out] = [join(folder, `${name}-whole`), join(folder, `${name}-killed`)];
  await fit({ data, out: whole, config, workers: 0 });
  await prepareRun({ data, out, config, workers: 0 });
  const moments = new Float64Array(2 * kills);
  uniforms(
    fold(
      rootKey(steps),
      killCases().findIndex((other) => JSON.stringify(other) === JSON.stringify(one)),
    ),
    moments,
  );
  const places: string[] = [];
  for (let k = 0; k < kills; k++) {
    if (await ranToItsEnd(cli, out, moments[2 * k], moments[2 * k + 1])) break;
    places.push(placeOf(out));
  }
  await resume(out, { workers: 0 });
  const [a, b] = [drawsOf(whole), drawsOf(out)];
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  const left = readdirSync(out, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.partial'));
  const ended = [whole, out]
    .map((dir) => readManifest(dir))
    .map(({ status, endedBy, until }) => [status, endedBy, until]);
  const end = JSON.stringify(ended[0]) === JSON.stringify(ended[1]) ? [] : [`manifest.json: ${JSON.stringify(ended)}`];
  return { ...one, places, different: [...names.filter((file) => a[file] !== b[file]), ...left, ...end] };
}

/** Milliseconds from a checkpoint to the kill, at most. */
const LONGEST_WAIT = 250;

/** Resumes in a process that is killed at a moment after its first checkpoint, or sometimes before; true where it was done earlier. */
async function ranToItsEnd(cli: string, out: string, when: number, which: number): Promise<boolean> {
  const args = [cli, 'resume', out, '--workers', '0', '--checkpoint-every', '0.01', '--quiet'];
  const before = newest(out);
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise<number | null>((done) => child.on('exit', (code) => done(code)));
  const atOnce = which < 0.15;
  while (!atOnce && child.exitCode === null && newest(out) === before) await sleep(10);
  await Promise.race([sleep(LONGEST_WAIT * when), ended]);
  child.kill('SIGKILL');
  return (await ended) !== null;
}

/** When a chain last wrote a checkpoint. */
function newest(out: string): number {
  const folder = runPaths(out).chain(0);
  if (!existsSync(folder)) return 0;
  const checkpoints = readdirSync(folder).filter((name) => /^checkpoint-.*\.safetensors$/.test(name));
  const times = checkpoints.map((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? 0);
  return Math.max(0, ...times);
}

function placeOf(out: string): string {
  const run = loadRun(out);
  const [phase, count] = standingOf(run, 0).split(' ');
  return phase === 'sampling' && Number(count) < run.spec.sampler.warmup ? 'warm-up' : phase;
}
