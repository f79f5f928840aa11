/**
 * Whether step size and batch size show in the predictions: the run is sampled again from the same warm start, with half the step
 * and with twice the batch, and the predictions are compared with their Monte Carlo error.
 */
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { specError } from '../errors.ts';
import { FULL_GRADIENT } from '../samplers/registry.ts';
import { runPaths } from '../store/rundir.ts';
import { evaluate } from './evaluate.ts';
import type { BlockProgress } from './events.ts';
import { type LoadedRun, loadData, loadRun, storeVariation } from './load.ts';
import { predictMembers, readEnsemble } from './members.ts';
import { allChains, runChains } from './pool.ts';
import type { FitSpec } from './spec.ts';

export const VARIATIONS = ['half step', 'double batch'] as const;
export type Variation = (typeof VARIATIONS)[number];

export interface Shift {
  readonly variation: Variation;
  /** Root mean square over test rows of the change of the predictive mean (or probability), in predictive deviations. */
  readonly shift: number;
  /** The same quantity expected from Monte Carlo error alone, from the chains' disagreement. */
  readonly expected: number;
  /** Change of the test LPPD, varied less original. */
  readonly lppd: number;
  readonly gradients: number;
}

export interface SensitivityOptions {
  readonly workers?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress: (variation: Variation, block: BlockProgress) => void;
}

/** Runs both variations in `<run>/sensitivity` and compares. Throws a `SpecError` where one is not possible. */
export async function sensitivity(dir: string, options: SensitivityOptions): Promise<Shift[]> {
  const run = loadRun(dir);
  const original = await chainPredictions(run);
  const { bayesianEnsemble } = await evaluate(dir);
  const shifts: Shift[] = [];
  for (const variation of VARIATIONS) {
    const folder = join(dir, 'sensitivity', variation.replace(' ', '-'));
    prepareVariation(run, folder, varied(run.spec, variation, loadData(run).train.y.length));
    const { workers, signal } = options;
    await runChains(folder, allChains(run.spec.chains), {
      workers,
      signal,
      onProgress: (block) => options.onProgress(variation, block),
    });
    const other = await evaluate(folder);
    shifts.push({
      variation,
      ...compare(original, await chainPredictions(loadRun(folder))),
      lppd: (other.bayesianEnsemble?.test.lppd ?? Number.NaN) - (bayesianEnsemble?.test.lppd ?? Number.NaN),
      gradients: other.chains.reduce((sum, chain) => sum + chain.gradients, 0),
    });
  }
  return shifts;
}

/** Steps halve directly, or for a tuned sampler through its energy goal, which goes with ε⁶. */
function varied(spec: FitSpec, variation: Variation, rows: number): FitSpec {
  const { sampler } = spec;
  if (variation === 'half step') {
    const stepSize = (sampler.stepSize ?? Number.NaN) / 2;
    const energyTarget = sampler.energyTarget / 2 ** 6;
    return {
      ...spec,
      sampler: { ...sampler, stepSize, energyTarget, steps: 2 * sampler.steps, thin: 2 * sampler.thin },
    };
  }
  if (FULL_GRADIENT.includes(sampler.name) || 2 * sampler.batchSize > rows) {
    throw specError(
      `sensitivity: expected a batch that can double within ${rows} training rows, got ${sampler.batchSize}. Fit with a smaller batch.`,
    );
  }
  return { ...spec, sampler: { ...sampler, batchSize: 2 * sampler.batchSize } };
}

/** A run folder with the same data and warm start, and another configuration. */
function prepareVariation(run: LoadedRun, folder: string, spec: FitSpec): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const [from, to] = [runPaths(run.dir), runPaths(folder)];
  for (const key of ['preprocessing', 'data', 'network', 'members'] as const)
    if (existsSync(from[key])) cpSync(from[key], to[key], { recursive: true });
  storeVariation(run, folder, spec);
}

interface ChainPredictions {
  /** Mean prediction of each chain `[n]` (of every class, for a classification). */
  readonly chains: readonly Float64Array[];
  /** Predictive deviation `[n]`. */
  readonly deviation: Float64Array;
}

async function chainPredictions(run: LoadedRun): Promise<ChainPredictions> {
  const { test } = loadData(run);
  const { chains: summaries } = await evaluate(run.dir);
  const classes = 'classes' in run.preprocessing.target ? run.preprocessing.target.classes.length : 0;
  const size = test.y.length * Math.max(1, classes);
  const chains = summaries.map(() => new Float64Array(size));
  const square = new Float64Array(size);
  let chain = 0;
  let draw = 0;
  const total = summaries.reduce((sum, { draws }) => sum + draws, 0);
  for await (const { mean, sd, logProbability } of predictMembers(run, test.x, readEnsemble(run))) {
    while (draw >= summaries[chain].draws) {
      chain++;
      draw = 0;
    }
    draw++;
    for (let i = 0; i < size; i++) {
      const value = classes ? Math.exp(logProbability[i]) : mean[i];
      chains[chain][i] += value / summaries[chain].draws;
      square[i] += (value ** 2 + (classes ? 0 : sd[i] ** 2)) / total;
    }
  }
  const deviation = square.map((s, i) => {
    const mean = chains.reduce((sum, own) => sum + own[i], 0) / chains.length;
    return classes ? Math.sqrt(mean * (1 - mean)) : Math.sqrt(s - mean ** 2);
  });
  return { chains, deviation };
}

/**
 * Chains of both runs start at the same networks, so their differences are paired; their spread over chains is the Monte
 * Carlo error.
 */
function compare(a: ChainPredictions, b: ChainPredictions): { shift: number; expected: number } {
  const k = a.chains.length;
  const n = a.deviation.length;
  let shift = 0;
  let noise = 0;
  for (let i = 0; i < n; i++) {
    const differences = a.chains.map((own, c) => (b.chains[c][i] - own[i]) / Math.max(a.deviation[i], 1e-12));
    const mean = differences.reduce((sum, x) => sum + x, 0) / k;
    shift += mean ** 2 / n;
    noise += differences.reduce((sum, x) => sum + (x - mean) ** 2, 0) / Math.max(1, k - 1) / k / n;
  }
  return { shift: Math.sqrt(shift), expected: Math.sqrt(noise) };
}
