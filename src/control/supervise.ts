/** Has an engine run chains, tells what they do, and ends them when a rule of the run says so. */
import { existsSync } from 'node:fs';
import { goalOf, isFinished, unfinishedChains } from '../chains/goal.ts';
import { SmileError } from '../errors.ts';
import { type LoadedRun, loadRun } from '../spec/loaded-run.ts';
import type { FitEvent } from '../spec/records.ts';
import { readSummaries } from '../spec/summaries.ts';
import { workersOf } from '../spec/workers.ts';
import { type Manifest, runPaths, setStatus, updateManifest } from '../store/rundir.ts';
import { type Engine, runChains } from './pool.ts';
import { beginRepairs } from './repairs.ts';
import { lppdHistories, nextQuestion, type Progressed, reasonToEnd } from './stop-rules.ts';

export interface SuperviseOptions {
  /** Worker threads; 0 runs in this thread. Default: the number of cores, or 1 on a GPU. */
  readonly workers?: number | undefined;
  /** Aborting it ends the chains at their next step; what they have is stored and scored. */
  readonly signal?: AbortSignal | undefined;
  /** Seconds between checkpoints. Default 15. */
  readonly checkpointSeconds?: number | undefined;
  /** What runs the chains. Default: worker threads of this process. */
  readonly engine?: Engine | undefined;
  readonly onEvent?: ((event: FitEvent) => void) | undefined;
}

/**
 * Runs the chains to their end, and begins again those that ail, within the share of work that the configuration leaves for it. A run
 * whose engine throws is stopped, unless another process has taken it over.
 */
export async function supervise(run: LoadedRun, chains: readonly number[], options: SuperviseOptions): Promise<void> {
  const { dir, spec, manifest } = run;
  const { onEvent = () => {} } = options;
  const note = (message: string) => onEvent({ type: 'note', message });
  const clock = stopClock(isBeyond(manifest) ? undefined : spec.stop.seconds, options.signal);
  const told = { ...options, signal: clock.signal };
  const asked = () => clock.signal.aborted || existsSync(runPaths(dir).stop);
  let reason: string | undefined;
  try {
    reason = await runToEnd(run, chains, told);
    while (!reason && !asked()) {
      const again = await beginRepairs(loadRun(dir), note);
      if (again.length === 0) break;
      reason = await runToEnd(loadRun(dir), again, told);
    }
  } catch (error) {
    if (!(error instanceof SmileError && error.tag === 'TakenOver')) leaveStopped(dir);
    throw error;
  } finally {
    clock.release();
  }
  const timed = clock.ended();
  const endedBy = reason ?? (timed ? `${spec.stop.seconds} seconds` : undefined);
  if (endedBy) note(`enough: ${endedBy}`);
  const done = unfinishedChains(loadRun(dir)).length === 0;
  if (done) setStatus(dir, 'done');
  else updateManifest(dir, { status: 'stopped', endedBy, ...(timed && { timed }) });
}

/** A run that a rule has ended before is asked to go beyond it, so that its rules rest. */
const isBeyond = ({ endedBy, until }: Manifest): boolean => endedBy !== undefined || until === 'end';

/**
 * Has the engine run chains until they are done or stopped, from one question of the rules to the next; returns the rule that ended
 * them, if one did.
 */
async function runToEnd(
  { dir, spec, manifest }: LoadedRun,
  chains: readonly number[],
  options: SuperviseOptions,
): Promise<string | undefined> {
  for (let last: Progressed | undefined; ; ) {
    const stored = last ? undefined : manifest.until;
    const next = typeof stored === 'number' ? stored : nextQuestion(spec.stop, spec.sampler, last);
    const until = isBeyond(manifest) ? 'end' : Number.isFinite(next) ? next : undefined;
    updateManifest(dir, { status: 'running', endedBy: undefined, timed: undefined, until });
    const aimed = loadRun(dir);
    await runOnce(aimed, chains, options);
    const halfway = chains.some((chain) => !isFinished(aimed, chain));
    if (halfway || unfinishedChains(aimed).length === 0) return undefined;
    last = await progressed(aimed);
    const reason = reasonToEnd(spec.stop, last);
    if (reason) return reason;
  }
}

async function runOnce(run: LoadedRun, chains: readonly number[], options: SuperviseOptions): Promise<void> {
  const { workers, signal, checkpointSeconds, engine = runChains, onEvent = () => {} } = options;
  const left = chains.filter((chain) => !isFinished(run, chain));
  if (left.length === 0) return;
  await engine(run.dir, left, {
    workers: workersOf(run.spec, workers),
    signal,
    checkpointSeconds,
    onProgress: (block) => onEvent({ type: 'progress', block }),
  });
}

/** What the rules are asked about, now that every chain has come to its goal. */
async function progressed(run: LoadedRun): Promise<Progressed> {
  const t = goalOf(run);
  const gradients = readSummaries(run).map((chain) => chain.gradients);
  return { t, gradients, histories: run.spec.stop.plateau === undefined ? [] : await lppdHistories(run, t) };
}

/** Aborts after so many seconds, or when `asked` does. */
function stopClock(seconds: number | undefined, asked: AbortSignal | undefined) {
  const enough = new AbortController();
  const timer = seconds === undefined ? undefined : setTimeout(() => enough.abort(), 1000 * seconds);
  return {
    signal: asked ? AbortSignal.any([asked, enough.signal]) : enough.signal,
    ended: () => enough.signal.aborted,
    release: () => clearTimeout(timer),
  };
}

/** The error that comes up says more than one that this would add. */
function leaveStopped(dir: string): void {
  try {
    setStatus(dir, 'stopped');
  } catch {}
}
