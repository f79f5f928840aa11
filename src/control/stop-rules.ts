/**
 * When a run has had enough: a budget of gradients, or a running LPPD that no longer rises; never R-hat alone. Rules are asked at steps
 * that the configuration and the seed decide, when every chain has come to just there, so that they answer alike whatever the timing and
 * the workers. (A budget of time cannot: see `supervise`.)
 */

import { readWatched } from '../chains/posterior-store.ts';
import { median } from '../infer/function-space.ts';
import type { LoadedRun } from '../spec/loaded-run.ts';
import { allChains } from '../spec/records.ts';
import type { FitSpec } from '../spec/spec.ts';

export type StopSpec = FitSpec['stop'];

/** Running LPPD after so many draws of a chain, in rising order of draws. */
export interface LppdPoint {
  readonly draws: number;
  readonly lppd: number;
}

/**
 * The gain of a chain's running LPPD over the second half of its draws, in nats per row: LPPD(n) − LPPD(n/2), where n/2 is the last
 * point at or before the middle. NaN where there is none.
 */
export function lateGain(history: readonly LppdPoint[]): number {
  const last = history.at(-1);
  const middle = history.findLast(({ draws }) => last !== undefined && draws <= last.draws / 2);
  return last && middle ? last.lppd - middle.lppd : Number.NaN;
}

/**
 * Whether the running LPPD of K chains has come to rest: every chain has `minDraws` draws, and the median over chains of the absolute
 * late gain is at most `tolerance` nats per row. An average of more draws always comes to rest, a frozen chain's too: this says that
 * more draws will not change the predictions, not that they are right, which is the verdict's question.
 */
export function hasPlateau(
  histories: readonly (readonly LppdPoint[])[],
  { tolerance, minDraws }: { tolerance: number; minDraws: number },
): boolean {
  if (histories.length === 0 || histories.some((history) => (history.at(-1)?.draws ?? 0) < minDraws)) return false;
  const gains = histories.map((history) => Math.abs(lateGain(history)));
  return !gains.some(Number.isNaN) && median(gains) <= tolerance;
}

/** What is known where every chain stands before step `t`. */
export interface Progressed {
  readonly t: number;
  /** Gradients that each chain has spent. */
  readonly gradients: readonly number[];
  readonly histories: readonly (readonly LppdPoint[])[];
}

/** Why the run should end there, if it should. */
export function reasonToEnd(
  { gradients: budget, plateau, minDraws }: StopSpec,
  { gradients, histories }: Omit<Progressed, 't'>,
): string | undefined {
  if (budget !== undefined && gradients.every((spent) => spent >= budget)) return `${budget} gradients of every chain`;
  if (plateau === undefined || !hasPlateau(histories, { tolerance: plateau, minDraws })) return undefined;
  const draws = Math.min(...histories.map((history) => history.at(-1)?.draws ?? 0));
  return `LPPD plateau after ${draws} draws of every chain: the second half changed it by at most ${plateau} nats per row`;
}

/** Steps after which a chain's gradients per step are known well enough to aim. */
const FIRST_LOOK = 8;
/** A plateau is asked for again after so many times the draws. */
const DRAWS_GROW = 1.2;

/** The step before which the rules are to be asked next; Infinity where none needs to be asked any more. */
export function nextQuestion(
  { gradients: budget, plateau, minDraws }: StopSpec,
  { warmup, thin }: Pick<FitSpec['sampler'], 'warmup' | 'thin'>,
  last?: Pick<Progressed, 't' | 'gradients'>,
): number {
  const questions = [Number.POSITIVE_INFINITY];
  if (budget !== undefined) questions.push(last ? stepOfBudget(budget, last) : FIRST_LOOK);
  if (plateau !== undefined) {
    let draws = minDraws;
    const stepOf = () => warmup + (draws - 1) * thin + 1;
    while (last && stepOf() <= last.t) draws = Math.ceil(draws * DRAWS_GROW);
    questions.push(stepOf());
  }
  return Math.min(...questions);
}

/** Where the chain that has spent the least comes to the budget, at its rate so far. */
function stepOfBudget(budget: number, { t, gradients }: Pick<Progressed, 't' | 'gradients'>): number {
  const least = Math.min(...gradients);
  return t + Math.max(1, Math.ceil(((budget - least) * t) / least));
}

/** What a run has seen of every chain's running LPPD before step t. */
export async function lppdHistories({ dir, spec }: LoadedRun, t = Number.POSITIVE_INFINITY): Promise<LppdPoint[][]> {
  const { warmup, thin } = spec.sampler;
  const { data, shape } = await readWatched(dir, 'posterior/running_lppd');
  const most = Math.min(shape[1], Math.max(0, Math.ceil((t - warmup) / thin)));
  return allChains(spec.chains).map((chain) =>
    [...data.subarray(chain * shape[1], chain * shape[1] + most)]
      .map((lppd, i) => ({ draws: i + 1, lppd }))
      .filter(({ lppd }) => Number.isFinite(lppd)),
  );
}
