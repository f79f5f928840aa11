/** Which networks of a run predict: its draws, or the deep ensemble where that is asked for, or no draw predicts anything. */
import { firstOf } from '../data/asked.ts';
import { storeError } from '../errors.ts';
import type { Members } from './members.ts';
import type { OpenedRun } from './opened-run.ts';

export interface Ensemble {
  readonly name: 'bayesian' | 'deep';
  /** How many members it has. */
  readonly size: number;
  /** Whether it was asked for by its name. */
  readonly asked?: boolean;
  /** All members in order, anew at each call. */
  members(): Members;
}

/** Rows that are asked whether a run predicts at all. */
const PROBES = 20;

/**
 * The draws of a run, or the deep ensemble it started from where the sampler diverged: no draw predicts any of the first validation
 * rows. What is `asked` for goes before. Throws a `StoreError` for a run without draws that is not asked for the deep ensemble.
 */
export async function predictingEnsemble(run: OpenedRun, asked?: Ensemble['name']): Promise<Ensemble> {
  const deep = async () => {
    const starts = await run.deepEnsemble();
    return { name: 'deep' as const, size: starts.length, members: () => starts };
  };
  if (asked === 'deep') return { ...(await deep()), asked: true };
  const size = run.drawCount;
  if (size === 0) {
    throw storeError(
      `${run.dir}: expected draws to predict with, got none: the run stopped before its first. Run smile resume, or the fit again.`,
    );
  }
  if (asked === 'bayesian' || (await predictsSome(run))) return { name: 'bayesian', size, members: () => run.draws() };
  return deep();
}

/** Whether some draw predicts some of the first validation rows; ends with the first. */
async function predictsSome(run: OpenedRun): Promise<boolean> {
  const asked = firstOf(run.data.valid.asked(), PROBES);
  const rows = [...asked.y.keys()];
  for await (const { usable } of run.predict(asked, run.draws())) if (rows.some(usable)) return true;
  return false;
}
