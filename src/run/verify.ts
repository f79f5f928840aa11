/** Proves on this machine that a run is reproducible: a piece of it is run again, killed on the way, and compared to the bit. */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { uniforms } from '../math/random.ts';
import { rootKey, stream } from '../math/threefry.ts';
import { readWhole, sha256, writeWhole } from '../store/files.ts';
import { runPaths } from '../store/rundir.ts';
import { attemptOf, startPath } from './attempt.ts';
import { type LoadedRun, loadRun } from './load.ts';
import { DRAWS_PER_BLOCK } from './posterior-store.ts';
import type { ProcessJob } from './process.ts';
import { standingOf } from './standing.ts';

export interface Verification {
  /** Files of members and draws that were compared, and those that differ or are missing, relative to the run. */
  readonly compared: readonly string[];
  readonly different: readonly string[];
  readonly kills: number;
  /** Where the chains stood after each kill. */
  readonly places: readonly string[];
}

export interface VerifyOptions {
  /** Chains to replay, from the first. Default 2. */
  readonly chains?: number;
  /** Times that the process is killed on the way. Default 3. */
  readonly kills?: number;
  readonly onNote?: (message: string) => void;
}

/**
 * Replays the warm start, the warm-up and the first stored block of draws of some chains in a temporary folder, in a process that is
 * killed at random moments and started again; repaired chains from where their last attempt began. Throws what `fit` throws.
 */
export async function verify(dir: string, options: VerifyOptions = {}): Promise<Verification> {
  const { kills: wanted = 3, onNote = () => {} } = options;
  const run = loadRun(dir);
  const chains = Array.from({ length: Math.min(options.chains ?? 2, run.spec.chains) }, (_, k) => k);
  const copy = mkdtempSync(join(tmpdir(), 'smile-verify-'));
  try {
    prepareCopy(run, copy);
    const moments = new Float64Array(wanted);
    uniforms(stream(rootKey(run.spec.seed), 'data'), moments);
    const places: string[] = [];
    let kills = 0;
    let longest = FIRST_KILL;
    for (const moment of moments) {
      const done = await killed(copy, chains, longest * (0.3 + 0.7 * moment));
      if (done) break;
      kills++;
      longest *= 2;
      places.push(...new Set(chains.map((chain) => standingOf(loadRun(copy), chain))));
      onNote(`killed; chains stand at ${places.at(-1)}`);
    }
    await killed(copy, chains, Number.POSITIVE_INFINITY);
    const compared = chains.flatMap((chain) => filesOf(run, copy, chain));
    return { compared, different: compared.filter((file) => !same(join(dir, file), join(copy, file))), kills, places };
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** Milliseconds after which the first kill comes at the latest; each later one may wait twice as long. */
const FIRST_KILL = 800;
const CHECKPOINT_SECONDS = 0.1;

/** Runs the chains in a process and kills it after a while; true where it was done before. */
function killed(dir: string, chains: readonly number[], milliseconds: number): Promise<boolean> {
  const job: ProcessJob = { dir, chains, checkpointSeconds: CHECKPOINT_SECONDS };
  const entry = fileURLToPath(new URL('./process.js', import.meta.url));
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [entry, JSON.stringify(job)], { stdio: ['ignore', 'ignore', 'inherit'] });
    const timer =
      milliseconds === Number.POSITIVE_INFINITY ? undefined : setTimeout(() => child.kill('SIGKILL'), milliseconds);
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) resolve(true);
      else if (signal === 'SIGKILL' && timer) resolve(false);
      else reject(new Error(`verify: expected the replay to end, got exit code ${code} ${signal ?? ''}`));
    });
  });
}

/** The same configuration and data, with no more steps than the first block of draws needs. */
function prepareCopy({ dir, spec }: LoadedRun, copy: string): void {
  const [from, to] = [runPaths(dir), runPaths(copy)];
  for (const key of ['manifest', 'preprocessing', 'data', 'network'] as const) {
    if (existsSync(from[key])) cpSync(from[key], to[key]);
  }
  for (let chain = 0; chain < spec.chains; chain++) {
    const attempt = attemptOf(dir, chain);
    if (attempt > 0) cpSync(startPath(dir, chain, attempt), startPath(copy, chain, attempt));
  }
  const steps = Math.min(spec.sampler.steps, DRAWS_PER_BLOCK * spec.sampler.thin);
  writeWhole(to.config, stringify({ ...spec, sampler: { ...spec.sampler, steps } }));
}

/** Member and first block of a chain, where the run has them. */
function filesOf({ dir }: LoadedRun, copy: string, chain: number): string[] {
  const paths = runPaths('');
  const folder = paths.chain(chain);
  const draws = readdirSync(join(copy, folder)).filter((name) => name.startsWith('draws-'));
  const files = [paths.member(chain), ...draws.map((name) => join(folder, basename(name)))];
  return files.filter((file) => existsSync(join(dir, file)));
}

const same = (a: string, b: string): boolean => existsSync(b) && sha256(readWhole(a)) === sha256(readWhole(b));
