/** The ends of a run's chains, as they lie beside the draws. */
import { readJson } from '../store/files.ts';
import { runPaths } from '../store/rundir.ts';
import type { LoadedRun } from './loaded-run.ts';
import { allChains, type ChainSummary } from './records.ts';

/** Throws a `StoreError` for a chain that has come to no end yet. */
export const readSummary = (dir: string, chain: number): ChainSummary =>
  readJson(runPaths(dir).summary(chain)) as ChainSummary;

export const readSummaries = ({ dir, spec }: Pick<LoadedRun, 'dir' | 'spec'>): ChainSummary[] =>
  allChains(spec.chains).map((chain) => readSummary(dir, chain));
