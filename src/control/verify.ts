/** Proves on this machine that a run is reproducible: a piece of it is run again, killed on the way, and compared to the bit. */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { attemptOf, startPath } from '../chains/attempt.ts';
import { chainStanding } from '../chains/checkpoint.ts';
import { drawsPerFile } from '../chains/posterior-store.ts';
import { processArguments } from '../entries.ts';
import { uniforms } from '../math/random.ts';
import { rootKey, stream } from '../math/threefry.ts';
import { type LoadedRun, loadRun, storeVariation } from '../spec/loaded-run.ts';
import { allChains, type Phase } from '../spec/records.ts';
import { readWhole, sha256 } from '../store/files.ts';
import { readMember } from '../store/member.ts';
import { runPaths } from '../store/rundir.ts';
import { scratchFolder, sweepScratch } from '../store/scratch.ts';
import type { ProcessJob } from './process.ts';

/** A kill, and from where the chains then went on. */
export interface Kill {
  readonly phase: Phase;
  /** Epochs of the warm start, or steps in all, that were done at the kill. */
  readonly done: number;
  /** Phase and count of the first chain's checkpoint; undefined where there was none. */
  readonly resumedFrom: { readonly phase: Phase; readonly done: number } | undefined;
}

export interface Verification {
  /** Files of members and draws that were compared, and those that differ or are missing, relative to the run. */
  readonly compared: readonly string[];
  readonly different: readonly string[];
  readonly kills: readonly Kill[];
  /** Phases of the replayed piece in which no kill was followed by a resume from a checkpoint of that phase. */
  readonly untried: readonly Phase[];
}

export interface VerifyOptions {
  /** Chains to replay, from the first. Default 2. */
  readonly chains?: number;
  /** Times that the process is killed on the way, spread over the phases in turn. Default 3. */
  readonly kills?: number;
  readonly onNote?: (message: string) => void;
}

/** What the temporary folder of a verification is for, in its name. */
const VERIFY = 'verify';

/**
 * Replays the warm start, the warm-up and the first file of draws of some chains in a temporary folder, in a process that is
 * killed at random moments of every phase and started again; repaired chains from where their last attempt began. Throws what `fit` throws.
 */
export async function verify(dir: string, options: VerifyOptions = {}): Promise<Verification> {
  const { kills: wanted = 3, onNote = () => {} } = options;
  const run = loadRun(dir);
  const chains = allChains(Math.min(options.chains ?? 2, run.spec.chains));
  sweepScratch(VERIFY);
  const copy = scratchFolder(VERIFY);
  try {
    prepareCopy(run, copy);
    const replay = loadRun(copy);
    const spans = spansOf(run, replay, chains);
    const kills: Kill[] = [];
    for (const { phase, done } of momentsOf(spans, wanted, run.spec.seed)) {
      for (const checkpointSeconds of CHECKPOINT_SECONDS) {
        if (await killed({ dir: copy, chains, checkpointSeconds, kill: { phase, done } })) break;
        const kill = { phase, done, resumedFrom: placeOf(replay, chains[0]) };
        kills.push(kill);
        onNote(describeKill(kill));
        if (isInside(kill)) break;
      }
    }
    await killed({ dir: copy, chains, checkpointSeconds: CHECKPOINT_SECONDS[0] });
    const compared = chains.flatMap((chain) => filesOf(run, copy, chain));
    const different = compared.filter((file) => !same(join(dir, file), join(copy, file)));
    const tried = (phase: Phase) => kills.some((kill) => kill.phase === phase && isInside(kill));
    return { compared, different, kills, untried: spans.map(({ phase }) => phase).filter((phase) => !tried(phase)) };
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** Whether the chains went on from a checkpoint within the phase that was killed. */
const isInside = ({ phase, resumedFrom }: Kill): boolean => resumedFrom?.phase === phase && resumedFrom.done > 0;

export const describeKill = ({ phase, done, resumedFrom }: Kill): string =>
  `killed in the ${phase} at ${done}, went on from ${resumedFrom ? `${resumedFrom.phase} ${resumedFrom.done}` : 'the start'}`;

/** Seconds between checkpoints; where a kill came before the first one of its phase, it is tried again with the next. */
const CHECKPOINT_SECONDS = [0.1, 0.01, 0] as const;

interface Span {
  readonly phase: Phase;
  readonly from: number;
  readonly to: number;
}

/** The phases of the replay, in epochs and in steps; one of fewer than two has no inside. */
function spansOf(
  { dir, spec, network }: LoadedRun,
  { spec: { sampler } }: LoadedRun,
  chains: readonly number[],
): Span[] {
  const epochs = chains.map((chain) => readMember(runPaths(dir).member(chain), network.dim).epochs);
  const { warmup, steps } = sampler;
  const spans: Span[] = [
    { phase: 'warm start', from: 0, to: spec.warmStart.members === undefined ? Math.max(...epochs) : 0 },
    { phase: 'warm-up', from: 0, to: warmup },
    { phase: 'sampling', from: warmup, to: warmup + steps },
  ];
  return spans.filter(({ from, to }) => to - from >= 2);
}

/** Random moments of the phases in turn, in the order in which a replay comes to them. */
function momentsOf(spans: readonly Span[], count: number, seed: number): { phase: Phase; done: number }[] {
  const moments = new Float64Array(count);
  uniforms(stream(rootKey(seed), 'data'), moments);
  const chosen = Array.from(moments, (moment, i) => ({ at: i % spans.length, moment }));
  chosen.sort((a, b) => a.at - b.at || a.moment - b.moment);
  return chosen.map(({ at, moment }) => {
    const { phase, from, to } = spans[at];
    return { phase, done: Math.min(to - 1, Math.max(from + 1, Math.ceil(from + moment * (to - from)))) };
  });
}

function placeOf(run: LoadedRun, chain: number): Kill['resumedFrom'] {
  const found = chainStanding(run, chain);
  if (!found) return undefined;
  if (found.phase === 'training') return { phase: 'warm start', done: found.epoch };
  const done = found.sampling.facts.t;
  return { phase: done < run.spec.sampler.warmup ? 'warm-up' : 'sampling', done };
}

/** Runs the chains in a process; false where it was killed, true where it came to its end. */
function killed(job: ProcessJob): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...processArguments('process'), JSON.stringify(job)], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      if (code === 0) resolve(true);
      else if (signal === 'SIGKILL' && job.kill) resolve(false);
      else reject(new Error(`verify: expected the replay to end, got exit code ${code} ${signal ?? ''}`));
    });
  });
}

/** The same configuration and data, with no more steps than the first file of draws needs. */
function prepareCopy(run: LoadedRun, copy: string): void {
  const { dir, spec, network } = run;
  const [from, to] = [runPaths(dir), runPaths(copy)];
  const taken = spec.warmStart.members === undefined ? [] : (['members'] as const);
  for (const key of ['preprocessing', 'data', 'network', ...taken] as const) {
    if (existsSync(from[key])) cpSync(from[key], to[key], { recursive: true });
  }
  for (const chain of allChains(spec.chains)) {
    const attempt = attemptOf(dir, chain);
    if (attempt > 0) cpSync(startPath(dir, chain, attempt), startPath(copy, chain, attempt));
  }
  const steps = Math.min(spec.sampler.steps, drawsPerFile(network) * spec.sampler.thin);
  storeVariation(run, copy, { ...spec, sampler: { ...spec.sampler, steps } });
}

/** Member and first file of draws of a chain, where the run has them. */
function filesOf({ dir }: LoadedRun, copy: string, chain: number): string[] {
  const paths = runPaths('');
  const folder = paths.chain(chain);
  const draws = readdirSync(join(copy, folder)).filter((name) => name.startsWith('draws-'));
  const files = [paths.member(chain), ...draws.map((name) => join(folder, basename(name)))];
  return files.filter((file) => existsSync(join(dir, file)));
}

const same = (a: string, b: string): boolean => existsSync(b) && sha256(readWhole(a)) === sha256(readWhole(b));
