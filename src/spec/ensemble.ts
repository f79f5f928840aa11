/** Which networks of a run predict: its draws, or the deep ensemble where that is asked for, or no draw predicts anything. */
import { storeError } from '../errors.ts';
import { usableClasses, usableNormal } from '../infer/usable.ts';
import { readJson } from '../store/files.ts';
import { runPaths } from '../store/rundir.ts';
import { deepEnsemble } from './deep-ensemble.ts';
import { type LoadedRun, loadData } from './opened.ts';
import { predictMembers, readEnsemble, type Thetas } from './predictor.ts';
import type { ChainSummary } from './records.ts';

export interface Ensemble {
  readonly name: 'bayesian' | 'deep';
  readonly members: number;
  /** Whether it was asked for by its name. */
  readonly asked?: boolean;
  /** All members in order, anew at each call. */
  thetas(): Thetas;
}

/** Rows that are asked whether a run predicts at all. */
const PROBES = 20;

/**
 * The draws of a run, or the deep ensemble it started from where the sampler diverged: no draw predicts any of the first validation
 * rows. What is `asked` for goes before. Throws a `StoreError` for a run without draws that is not asked for the deep ensemble.
 */
export async function predictingEnsemble(run: LoadedRun, asked?: Ensemble['name']): Promise<Ensemble> {
  const { valid } = loadData(run);
  const deep = async () => {
    const thetas = await deepEnsemble(run, valid);
    return { name: 'deep' as const, members: thetas.length, thetas: () => thetas };
  };
  if (asked === 'deep') return { ...(await deep()), asked: true };
  const members = countDraws(run);
  if (members === 0) {
    throw storeError(
      `${run.dir}: expected draws to predict with, got none: the run stopped before its first. Run smile resume, or the fit again.`,
    );
  }
  if (asked === 'bayesian' || (await predictsSome(run, valid.x.subarray(0, PROBES * run.network.inputs)))) {
    return { name: 'bayesian', members, thetas: () => readEnsemble(run) };
  }
  return deep();
}

/** Draws of all chains. */
function countDraws({ dir, spec }: LoadedRun): number {
  const summaries = Array.from({ length: spec.chains }, (_, k) => readJson(runPaths(dir).summary(k)) as ChainSummary);
  return summaries.reduce((sum, chain) => sum + chain.draws, 0);
}

/** Whether some draw predicts some of these rows; ends with the first. */
async function predictsSome(run: LoadedRun, x: Float32Array): Promise<boolean> {
  const rows = [...Array(x.length / run.network.inputs).keys()];
  const { target } = run.preprocessing;
  for await (const { mean, sd, logProbability } of predictMembers(run, x, readEnsemble(run))) {
    const usable = (i: number) =>
      'classes' in target ? usableClasses(logProbability, i, target.classes.length) : usableNormal(mean[i], sd[i]);
    if (rows.some(usable)) return true;
  }
  return false;
}
