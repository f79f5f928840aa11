/** Runs that are killed at random moments, of every sampler, task and kind; what must be left is a run that never was disturbed. */
import { spawn } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { standingOf } from '../src/chains/checkpoint.ts';
import { fit, prepareRun } from '../src/control/fit.ts';
import { resume } from '../src/control/resume.ts';
import { normals, uniforms } from '../src/math/random.ts';
import { fold, rootKey } from '../src/math/threefry.ts';
import { SAMPLER_NAMES, type SamplerName, samplerRow } from '../src/samplers/registry.ts';
import { type LoadedRun, loadRun } from '../src/spec/loaded-run.ts';
import { type FitConfig, mergeConfigs } from '../src/spec/spec.ts';
import { readManifest } from '../src/store/rundir.ts';
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

/** Where a chain stands: before its first checkpoint, within a phase, or at its end. */
export const PLACES = ['start', 'warm start', 'warm-up', 'sampling', 'end'] as const;

export interface KillResult extends KillCase {
  /** Where the kills fell, by the last checkpoint of the first chain. */
  readonly places: readonly (typeof PLACES)[number][];
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

/** Steps of the warm-up, and of sampling, one draw each: more than a block of them. */
const STEPS = 300;

function configOf({ sampler, task, kind }: KillCase, steps: number): FitConfig {
  const whole = samplerRow(sampler).fullGradient ?? false;
  const common: FitConfig = {
    model: { hidden: [6] },
    warmStart: { epochs: 60, patience: 60, batchSize: 32 },
    sampler: { name: sampler, warmup: steps, steps, thin: 1, ...(whole ? {} : { batchSize: 32 }) },
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
  /** Tells other moments of the same case. */
  readonly round?: number;
}

/** Fits a case twice, the second time killed on the way, and compares. */
export async function killedAndCompared(
  one: KillCase,
  { folder, kills, cli, round = 0 }: KillOptions,
): Promise<KillResult> {
  const name = `${one.sampler}-${one.task}-${one.kind}`;
  const data = killTable(folder, one.task);
  const config = configOf(one, one.task === 'classes' && one.kind === 'onnx' ? 150 : STEPS);
  const [whole, out] = [join(folder, `${name}-whole`), join(folder, `${name}-killed`)];
  await fit({ data, out: whole, config, workers: 0 });
  await prepareRun({ data, out, config, workers: 0 });
  const run = loadRun(out);
  const places: KillResult['places'][number][] = [];
  for (const aim of aimsOf(one, kills, round)) {
    if (await ranToItsEnd(cli, run, aim)) break;
    places.push(placeOf(standingNow(run)));
    if (isAtRest(out)) break;
  }
  if (!isAtRest(out)) await resume(out, { workers: 0 });
  const [a, b] = [drawsOf(whole), drawsOf(out)];
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  const left = readdirSync(out, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.partial'));
  const ended = [whole, out]
    .map((dir) => readManifest(dir))
    .map(({ status, endedBy, until }) => [status, endedBy, until]);
  const end = JSON.stringify(ended[0]) === JSON.stringify(ended[1]) ? [] : [`manifest.json: ${JSON.stringify(ended)}`];
  return { ...one, places, different: [...names.filter((file) => a[file] !== b[file]), ...left, ...end] };
}

/** Whether it came to its end before the kill: resumed, a run that a rule has ended goes on beyond the rule. */
const isAtRest = (out: string): boolean => readManifest(out).status !== 'running';

/** How far a chain is: epochs of the warm start, or steps in all, of how many. */
interface Standing {
  readonly phase: 'start' | 'warm start' | 'steps';
  readonly done: number;
  readonly of: number;
}

/** A process is killed a while after its first chain stands there, seconds between its checkpoints given. */
interface Aim {
  readonly phase: Standing['phase'];
  readonly share: number;
  readonly milliseconds: number;
  readonly checkpointEvery: number;
}

/** Milliseconds from the moment that is aimed at to the kill, at most. */
const LONGEST_WAIT = 20;

/** Random shares of the phases in turn, in the order in which a run comes to them. */
function aimsOf(one: KillCase, kills: number, round: number): Aim[] {
  const which = killCases().findIndex((other) => JSON.stringify(other) === JSON.stringify(one));
  const chances = new Float64Array(3 * kills);
  uniforms(fold(rootKey(round), which), chances);
  // Of the run's three thirds, or two where it comes with trained weights.
  const thirds = one.kind === 'onnx' ? [1, 2] : [0, 1, 2];
  const places = Array.from({ length: kills }, (_, k) => thirds[(which + round + k) % thirds.length] + chances[3 * k]);
  return places.sort().map((place, k) => ({
    phase: place < 1 ? 'warm start' : 'steps',
    share: place < 1 ? place : (place - 1) / 2,
    milliseconds: LONGEST_WAIT * chances[3 * k + 1],
    checkpointEvery: chances[3 * k + 2] < 0.7 ? 0.0001 : 0.002,
  }));
}

/** Resumes in a process that is killed; true where it was done earlier. */
async function ranToItsEnd(cli: string, run: LoadedRun, aim: Aim): Promise<boolean> {
  const args = [cli, 'resume', run.dir, '--workers', '0', '--checkpoint-every', String(aim.checkpointEvery), '--quiet'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise<number | null>((done) => child.on('exit', (code) => done(code)));
  while (child.exitCode === null && !isPast(standingNow(run), aim)) await sleep(5);
  await Promise.race([sleep(aim.milliseconds), ended]);
  child.kill('SIGKILL');
  return (await ended) !== null;
}

const isPast = ({ phase, done, of }: Standing, aim: Aim): boolean =>
  phase === aim.phase ? done >= aim.share * of : phase === 'steps';

function standingNow(run: LoadedRun): Standing {
  const [phase, count] = standingOf(run, 0).split(' ');
  const { warmStart, sampler } = run.spec;
  if (phase === 'training') return { phase: 'warm start', done: Number(count), of: warmStart.epochs };
  if (phase === 'sampling') return { phase: 'steps', done: Number(count), of: sampler.warmup + sampler.steps };
  return { phase: 'start', done: 0, of: 1 };
}

function placeOf({ phase, done, of }: Standing): KillResult['places'][number] {
  if (phase !== 'steps') return phase;
  return done === of ? 'end' : done < of / 2 ? 'warm-up' : 'sampling';
}
