/** Which chains are done. */
import { readJson } from '../store/files.ts';
import { runPaths } from '../store/rundir.ts';
import { attemptOf } from './attempt.ts';
import type { ChainSummary } from './events.ts';
import type { LoadedRun } from './load.ts';
import { allChains } from './pool.ts';

/** Whether the chain's attempt that counts has taken all steps of the configuration. */
export function isFinished({ dir, spec }: LoadedRun, chain: number): boolean {
  try {
    const { attempt = 0, sampling, status } = readJson(runPaths(dir).summary(chain)) as ChainSummary;
    return status === 'done' && sampling.steps === spec.sampler.steps && attempt === attemptOf(dir, chain);
  } catch {
    return false;
  }
}

export const unfinishedChains = (run: LoadedRun): number[] =>
  allChains(run.spec.chains).filter((chain) => !isFinished(run, chain));
