/**
 * Whether step size and batch size show in the predictions: the run is sampled again from the same warm start, with half the step
 * and with twice the batch (or all rows, where there are fewer), and the predictions are compared with their Monte Carlo error.
 */
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { evaluate } from '../answers/evaluate.ts';
import { storeError } from '../errors.ts';
import { usableClasses, usableNormal } from '../infer/usable.ts';
import { hasOption, samplerRow } from '../samplers/registry.ts';
import { type LoadedRun, loadData, loadRun, storeVariation } from '../spec/opened.ts';
import { predictMembers, readEnsemble } from '../spec/predictor.ts';
import { allChains, type BlockProgress } from '../spec/records.ts';
import type { FitSpec } from '../spec/spec.ts';
import { runPaths } from '../store/rundir.ts';
import { runChains } from './pool.ts';

type Variation = 'half step' | 'double batch' | 'whole batch';

export interface Shift {
  readonly variation: Variation;
  /** Root mean square over test rows of the change of the predictive mean (or probability), in predictive deviations. */
  readonly shift: number;
  /** The same quantity expected from Monte Carlo error alone, from the chains' disagreement. */
  readonly expected: number;
  /** Test rows compared: those that some draw of every chain of both runs predicts. */
  readonly rows: number;
  /** Change of the test LPPD, varied less original. */
  readonly lppd: number;
  readonly gradients: number;
}

export interface SensitivityOptions {
  readonly workers?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress: (variation: Variation, block: BlockProgress) => void;
  /** Hears of each comparison as it is made. */
  readonly onShift?: (shift: Shift) => void;
}

/** The variations that a run allows: a batch of all training rows has no noise, so only its step is varied. */
function variationsOf({ spec: { sampler } }: LoadedRun, rows: number): Variation[] {
  if (samplerRow(sampler.name).fullGradient || sampler.batchSize >= rows) return ['half step'];
  return ['half step', 2 * sampler.batchSize <= rows ? 'double batch' : 'whole batch'];
}

/**
 * Runs the variations that are possible in `<run>/sensitivity` and compares. Throws a `StoreError` for a run without draws that predict
 * something.
 */
export async function sensitivity(dir: string, options: SensitivityOptions): Promise<Shift[]> {
  const run = loadRun(dir);
  const { bayesianEnsemble, chains } = await evaluate(dir);
  if (!bayesianEnsemble || bayesianEnsemble.test.members === 0 || chains.some(({ draws }) => draws === 0)) {
    throw storeError(
      `${dir}: expected draws of every chain to compare with, got none. Run smile resume, or the fit again.`,
    );
  }
  const original = await chainPredictions(run);
  const rows = loadData(run).train.y.length;
  const shifts: Shift[] = [];
  for (const variation of variationsOf(run, rows)) {
    const folder = join(dir, 'sensitivity', variation.replace(' ', '-'));
    prepareVariation(run, folder, varied(run.spec, variation, rows));
    const { workers, signal } = options;
    await runChains(folder, allChains(run.spec.chains), {
      workers,
      signal,
      onProgress: (block) => options.onProgress(variation, block),
    });
    const other = await evaluate(folder);
    const found = {
      variation,
      ...compare(original, await chainPredictions(loadRun(folder))),
      lppd: (other.bayesianEnsemble?.test.lppd ?? Number.NaN) - (bayesianEnsemble?.test.lppd ?? Number.NaN),
      gradients: other.chains.reduce((sum, chain) => sum + chain.gradients, 0),
    };
    shifts.push(found);
    options.onShift?.(found);
    if (signal?.aborted) break;
  }
  return shifts;
}

/** Steps halve directly, or for a tuned sampler through its energy goal, which goes with ε⁶. */
function varied(spec: FitSpec, variation: Variation, rows: number): FitSpec {
  const { sampler } = spec;
  if (variation === 'half step') {
    const stepSize = (sampler.stepSize ?? Number.NaN) / 2;
    const tuned = hasOption(sampler.name, 'energyTarget') && { energyTarget: sampler.energyTarget / 2 ** 6 };
    return {
      ...spec,
      sampler: { ...sampler, stepSize, ...tuned, steps: 2 * sampler.steps, thin: 2 * sampler.thin },
    };
  }
  const batchSize = variation === 'double batch' ? 2 * sampler.batchSize : rows;
  return { ...spec, sampler: { ...sampler, batchSize } };
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
  /** Mean prediction of each chain `[n]` (of every class, for a classification) over its draws that predict the row; NaN for none. */
  readonly chains: readonly Float64Array[];
  /** Predictive deviation `[n]`. */
  readonly deviation: Float64Array;
  /** Numbers a row: 1, or the classes. */
  readonly width: number;
}

async function chainPredictions(run: LoadedRun): Promise<ChainPredictions> {
  const { test } = loadData(run);
  const { chains: summaries } = await evaluate(run.dir);
  const classes = 'classes' in run.preprocessing.target ? run.preprocessing.target.classes.length : 0;
  const width = Math.max(1, classes);
  const size = test.y.length * width;
  const chains = summaries.map(() => new Float64Array(size));
  const counts = summaries.map(() => new Uint32Array(test.y.length));
  const square = new Float64Array(size);
  let chain = 0;
  let draw = 0;
  for await (const { mean, sd, logProbability } of predictMembers(run, test.x, readEnsemble(run))) {
    while (draw >= summaries[chain].draws) {
      chain++;
      draw = 0;
    }
    draw++;
    for (let row = 0; row < test.y.length; row++) {
      if (classes ? !usableClasses(logProbability, row, classes) : !usableNormal(mean[row], sd[row])) continue;
      counts[chain][row]++;
      for (let i = row * width; i < (row + 1) * width; i++) {
        const value = classes ? Math.exp(logProbability[i]) : mean[i];
        chains[chain][i] += value;
        square[i] += value ** 2 + (classes ? 0 : sd[i] ** 2);
      }
    }
  }
  const total = (row: number) => counts.reduce((sum, own) => sum + own[row], 0);
  const means = chains.map((own, c) => own.map((sum, i) => sum / counts[c][Math.floor(i / width)]));
  const deviation = square.map((s, i) => {
    const mean = means.reduce((sum, own) => sum + own[i], 0) / means.length;
    return classes ? Math.sqrt(mean * (1 - mean)) : Math.sqrt(s / total(Math.floor(i / width)) - mean ** 2);
  });
  return { chains: means, deviation, width };
}

/**
 * Chains of both runs start at the same networks, so their differences are paired; their spread over chains is the Monte
 * Carlo error.
 */
function compare(a: ChainPredictions, b: ChainPredictions): { shift: number; expected: number; rows: number } {
  const k = a.chains.length;
  let shift = 0;
  let noise = 0;
  let n = 0;
  for (let i = 0; i < a.deviation.length; i++) {
    const differences = a.chains.map((own, c) => (b.chains[c][i] - own[i]) / Math.max(a.deviation[i], 1e-12));
    if (differences.some(Number.isNaN)) continue;
    n++;
    const mean = differences.reduce((sum, x) => sum + x, 0) / k;
    shift += mean ** 2;
    noise += differences.reduce((sum, x) => sum + (x - mean) ** 2, 0) / Math.max(1, k - 1) / k;
  }
  return { shift: Math.sqrt(shift / n), expected: Math.sqrt(noise / n), rows: n / a.width };
}
