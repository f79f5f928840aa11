/**
 * Repairs: chains that ail are begun again before the run is scored. What is done follows from the run directory alone, and is written
 * there before it is done, so that a run killed at any moment goes on to the same bits.
 */
import { rmSync } from 'node:fs';
import { type Ailment, ailments } from '../answers/ailments.ts';
import { describeRepair, type Repair, readRepairs } from '../answers/repaired.ts';
import { attemptOf, writeStart } from '../chains/attempt.ts';
import { lastPosition } from '../chains/checkpoint.ts';
import { unfinishedChains } from '../chains/goal.ts';
import { permutation } from '../math/random.ts';
import { rootKey, stream } from '../math/threefry.ts';
import type { LoadedRun } from '../spec/loaded-run.ts';
import type { FitSpec } from '../spec/spec.ts';
import { readSummary } from '../spec/summaries.ts';
import { writeJson } from '../store/files.ts';
import { runPaths } from '../store/rundir.ts';
import { readTensors } from '../store/safetensors.ts';
import { symptoms } from './symptoms.ts';

/** Times that a chain may be begun again. */
const ATTEMPTS = 2;

/** Whether chains of such a run are begun again: the paper's code knows no such thing, and a run with a stop rule has its own end. */
export const repairable = ({ repair, sampler, stop }: FitSpec): boolean =>
  repair.share > 0 &&
  sampler.mode !== 'paper' &&
  [stop.gradients, stop.seconds, stop.plateau].every((rule) => rule === undefined);

/** Repairs of such a run, at most. */
export const mostRepairs = (spec: FitSpec): number =>
  repairable(spec) ? Math.floor(spec.repair.share * spec.chains) : 0;

/** Begins again what ails in a run whose chains are done, and returns those chains: none where all is well, or the share is spent. */
export async function beginRepairs(run: LoadedRun, note: (message: string) => void): Promise<number[]> {
  if (!repairable(run.spec) || unfinishedChains(run).length > 0) return [];
  let due = pending(run);
  if (due.length === 0) {
    const before = readRepairs(run.dir);
    due = await decide(run, before);
    if (due.length === 0) return [];
    writeJson(runPaths(run.dir).repairs, { repairs: [...before, ...due] });
  }
  for (const repair of due) {
    const { chain, attempt, member } = repair;
    const theta = member === undefined ? lastPosition(run, chain) : memberOf(run, member);
    if (theta) {
      note(describeRepair(repair));
      writeStart(run.dir, chain, attempt, theta);
    } else {
      note(`chain ${chain}: its last checkpoint is lost; it is sampled again, and then repaired`);
      rmSync(runPaths(run.dir).summary(chain));
    }
  }
  return due.map(({ chain }) => chain);
}

/** Repairs that were decided and whose chain has not come to them: of each chain the first. */
function pending({ dir }: LoadedRun): Repair[] {
  const first = new Map<number, Repair>();
  for (const repair of readRepairs(dir)) {
    if (repair.attempt > attemptOf(dir, repair.chain) && !first.has(repair.chain)) first.set(repair.chain, repair);
  }
  return [...first.values()];
}

async function decide(run: LoadedRun, before: readonly Repair[]): Promise<Repair[]> {
  const { dir, spec } = run;
  const budget = mostRepairs(spec) - before.length;
  if (budget <= 0) return [];
  const found = ailments(await symptoms(dir));
  const curable = found.filter(({ chain }) => attemptOf(dir, chain) < ATTEMPTS).slice(0, budget);
  const members = startsOfOthers(spec, found);
  return curable.map(({ chain, name, measure }): Repair => {
    const { draws } = readSummary(dir, chain);
    return {
      chain,
      attempt: attemptOf(dir, chain) + 1,
      reason: name,
      measure: Number.isFinite(measure) ? measure : null,
      ...(name === 'stuck' && { member: members() }),
      draws,
    };
  });
}

/** Members of chains that are not stuck, in an order that the seed gives, over and over. */
function startsOfOthers({ seed, chains }: FitSpec, found: readonly Ailment[]): () => number {
  const stuck = new Set(found.flatMap(({ chain, name }) => (name === 'stuck' ? [chain] : [])));
  const order = [...permutation(stream(rootKey(seed), 'repair'), chains)].filter((chain) => !stuck.has(chain));
  let next = 0;
  return () => order[next++ % order.length];
}

const memberOf = ({ dir }: LoadedRun, chain: number): Float64Array =>
  readTensors(runPaths(dir).member(chain)).tensors.theta.data as Float64Array;
