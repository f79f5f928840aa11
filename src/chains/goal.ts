/** How far chains have come, and how far they are to go. */

import type { LoadedRun } from '../spec/loaded-run.ts';
import { allChains } from '../spec/records.ts';
import { readSummary } from '../spec/summaries.ts';
import { attemptOf } from './attempt.ts';

const stepsOf = ({ sampler: { warmup, steps } }: LoadedRun['spec']): number => warmup + steps;

/** The step before which chains end for now: where the rules of the run are asked next, else the end of the run. */
export const goalOf = ({ spec, manifest: { until } }: LoadedRun): number =>
  Math.min(stepsOf(spec), typeof until === 'number' ? until : Number.POSITIVE_INFINITY);

/** Steps of the chain's attempt that counts, where it has come to an end or was stopped; 0 before. */
function stepsTaken({ dir }: LoadedRun, chain: number): number {
  try {
    const { attempt = 0, warmup, sampling } = readSummary(dir, chain);
    return attempt === attemptOf(dir, chain) ? warmup.steps + sampling.steps : 0;
  } catch {
    return 0;
  }
}

/** Whether the chain has come as far as it is to go for now. */
export const isFinished = (run: LoadedRun, chain: number): boolean => stepsTaken(run, chain) >= goalOf(run);

/** Chains that have not taken all steps of the configuration. */
export const unfinishedChains = (run: LoadedRun): number[] =>
  allChains(run.spec.chains).filter((chain) => stepsTaken(run, chain) < stepsOf(run.spec));
