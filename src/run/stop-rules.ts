/** When a run has had enough: a budget of gradients or time, or a running LPPD that no longer rises. Never R-hat alone. */
import { median } from '../infer/function-space.ts';
import type { BlockProgress } from './events.ts';
import type { LoadedRun } from './load.ts';
import { readWatched } from './posterior-store.ts';
import type { FitSpec } from './spec.ts';

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

/**
 * Takes progress as it comes and says why the run should end, if it should. `chains` are those that run, `histories` those of all
 * chains so far.
 */
export function stopRule(
  { gradients, seconds, plateau, minDraws }: StopSpec,
  chains: readonly number[],
  histories: LppdPoint[][],
): (block: BlockProgress) => string | undefined {
  const began = performance.now();
  const spent = new Map(chains.map((chain) => [chain, 0]));
  return (block) => {
    block.chains.forEach((chain, c) => {
      spent.set(chain, block.gradients);
      const lppd = block.lppd[c];
      const history = histories[chain];
      if (lppd !== null && block.draws > (history.at(-1)?.draws ?? 0)) history.push({ draws: block.draws, lppd });
    });
    if (gradients !== undefined && [...spent.values()].every((count) => count >= gradients)) {
      return `${gradients} gradients of every chain`;
    }
    const elapsed = (performance.now() - began) / 1000;
    if (seconds !== undefined && elapsed >= seconds) return `${seconds} seconds`;
    if (plateau !== undefined && hasPlateau(histories, { tolerance: plateau, minDraws })) {
      const draws = Math.min(...histories.map((history) => history.at(-1)?.draws ?? 0));
      return `LPPD plateau after ${draws} draws of every chain: the second half changed it by at most ${plateau} nats per row`;
    }
    return undefined;
  };
}

/** What a run has seen so far of every chain's running LPPD. */
export async function lppdHistories({ dir, spec }: LoadedRun): Promise<LppdPoint[][]> {
  const { data, shape } = await readWatched(dir, 'posterior/running_lppd');
  return Array.from({ length: spec.chains }, (_, chain) =>
    [...data.subarray(chain * shape[1], (chain + 1) * shape[1])]
      .map((lppd, i) => ({ draws: i + 1, lppd }))
      .filter(({ lppd }) => Number.isFinite(lppd)),
  );
}
