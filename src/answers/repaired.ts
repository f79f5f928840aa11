/** Chains of a run that were begun again, as the run directory keeps them. */
import { existsSync } from 'node:fs';
import { readJson } from '../store/files.ts';
import { runPaths } from '../store/rundir.ts';
import type { AilmentName } from './ailments.ts';

/** A chain that was begun again. */
export interface Repair {
  readonly chain: number;
  /** Counts the beginnings of the chain; its first one is 0. */
  readonly attempt: number;
  readonly reason: AilmentName;
  /** What showed it, as in `Ailment`; null where draws were not finite. */
  readonly measure: number | null;
  /** The member it began at; absent where it went on from its own last position. */
  readonly member?: number;
  /** Draws that were given up. */
  readonly draws: number;
}

export function readRepairs(dir: string): readonly Repair[] {
  const path = runPaths(dir).repairs;
  return existsSync(path) ? (readJson(path) as { repairs: Repair[] }).repairs : [];
}

/** A repair in words. */
export function describeRepair({ chain, reason, measure, member, draws }: Repair): string {
  const shown = {
    stuck:
      measure === null ? 'its draws are not finite' : `${measure?.toFixed(2)} nats per training row below the others`,
    'step too large': `a tenth of its steps err by more than ${measure?.toFixed(2)} √d in energy`,
    drifts: `R-hat of its two halves ${measure?.toFixed(2)}`,
  }[reason];
  const then = member === undefined ? 'warmed up further' : `begun again from member ${member}`;
  return `chain ${chain}: ${reason} (${shown}); ${then}, its ${draws} draws made anew`;
}
