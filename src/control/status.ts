/** Where a run stands, read from its directory alone, while it runs or after. */
import { existsSync, statSync } from 'node:fs';
import { attemptOf } from '../chains/attempt.ts';
import { standingOf } from '../chains/checkpoint.ts';
import { loadRun } from '../spec/loaded-run.ts';
import { allChains } from '../spec/records.ts';
import { readSummary } from '../spec/summaries.ts';
import { checkpointPaths } from '../store/checkpoint.ts';
import { type RunStatus, runPaths } from '../store/rundir.ts';

interface ChainStatus {
  readonly chain: number;
  /** How often it was begun again; absent for never. */
  readonly attempt?: number;
  readonly phase: 'not started' | 'warm start' | 'warm-up' | 'sampling' | 'stopped' | 'done';
  /** Epochs of the warm start, else steps of warm-up and sampling together; done and planned. */
  readonly step: number;
  readonly of: number;
  /** When its last checkpoint was written, ISO 8601; absent before the first. */
  readonly saved?: string;
  /** Checkpoints that cannot be used, in words; absent where there is none. It stands where the one before says. */
  readonly damage?: readonly string[];
}

export interface RunReport {
  readonly run: string;
  readonly status: RunStatus;
  readonly started: string;
  readonly chains: readonly ChainStatus[];
}

export function status(dir: string): RunReport {
  const run = loadRun(dir);
  const { sampler, warmStart, chains } = run.spec;
  const total = sampler.warmup + sampler.steps;
  return {
    run: dir,
    status: run.manifest.status,
    started: run.manifest.created,
    chains: allChains(chains).map((chain): ChainStatus => {
      const { chain: folder, summary } = runPaths(dir);
      const [last] = checkpointPaths(folder(chain));
      const saved = last && { saved: statSync(last).mtime.toISOString() };
      const damage: string[] = [];
      const [word, count] = standingOf(run, chain, (message) => damage.push(message)).split(' ');
      const attempt = attemptOf(dir, chain);
      const about = { chain, ...(attempt > 0 && { attempt }), ...(saved || {}), ...(damage.length > 0 && { damage }) };
      if (word === 'training') return { ...about, phase: 'warm start', step: Number(count), of: warmStart.epochs };
      if (word === 'start') return { ...about, phase: 'not started', step: 0, of: total };
      const step = Number(count);
      const summed = existsSync(summary(chain)) ? readSummary(dir, chain) : undefined;
      const ended = (summed?.attempt ?? 0) === attempt ? summed?.status : undefined;
      const phase =
        step === total ? 'done' : ended === 'stopped' ? 'stopped' : step < sampler.warmup ? 'warm-up' : 'sampling';
      return { ...about, phase, step, of: total };
    }),
  };
}
