/** Has an engine run chains, tells what they do, and ends them when a rule of the run says so. */
import { existsSync } from 'node:fs';
import { runPaths, setStatus } from '../store/rundir.ts';
import type { FitEvent } from './events.ts';
import { type LoadedRun, loadRun } from './load.ts';
import { allChains, type Engine, runChains } from './pool.ts';
import { beginRepairs } from './repairs.ts';
import { unfinishedChains } from './settle.ts';
import { lppdHistories, stopRule } from './stop-rules.ts';
import { workersOf } from './workers.ts';

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

/** Runs the chains to their end, and begins again those that ail, within the share of work that the configuration leaves for it. */
export async function supervise(run: LoadedRun, chains: readonly number[], options: SuperviseOptions): Promise<void> {
  const { dir } = run;
  const { signal, onEvent = () => {} } = options;
  const note = (message: string) => onEvent({ type: 'note', message });
  let reason = await runToEnd(run, chains, options);
  while (!reason && !signal?.aborted && !existsSync(runPaths(dir).stop)) {
    const again = await beginRepairs(loadRun(dir), note);
    if (again.length === 0) break;
    reason = await runToEnd(loadRun(dir), again, options);
  }
  const done = unfinishedChains(loadRun(dir)).length === 0;
  setStatus(dir, done ? 'done' : 'stopped', done ? undefined : reason);
}

/**
 * Has the engine run chains until they are done or stopped; returns the rule that ended them, if one did. A run that a rule has ended
 * before is asked to go beyond it, so that its rules rest.
 */
async function runToEnd(
  run: LoadedRun,
  chains: readonly number[],
  options: SuperviseOptions,
): Promise<string | undefined> {
  const { workers, signal, checkpointSeconds, engine = runChains, onEvent = () => {} } = options;
  const { dir, spec, manifest } = run;
  const count = workersOf(spec, workers);
  const histories = spec.stop.plateau === undefined ? allChains(spec.chains).map(() => []) : await lppdHistories(run);
  const rule = manifest.endedBy ? () => undefined : stopRule(spec.stop, chains, histories);
  const enough = new AbortController();
  let reason: string | undefined;
  setStatus(dir, 'running');
  await engine(dir, chains, {
    workers: count,
    signal: signal ? AbortSignal.any([signal, enough.signal]) : enough.signal,
    checkpointSeconds,
    onProgress: (block) => {
      onEvent({ type: 'progress', block });
      if (reason) return;
      reason = rule(block);
      if (!reason) return;
      onEvent({ type: 'note', message: `enough: ${reason}` });
      enough.abort();
    },
  });
  return reason;
}
