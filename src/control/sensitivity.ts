/**
 * Whether step size and batch size show in the predictions: the run is sampled again from the same warm start, with half the step
 * and with twice the batch (or all rows, where there are fewer), and the predictions are compared with their Monte Carlo error.
 */

import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { score } from '../answers/evaluate.ts';
import { storeError } from '../errors.ts';
import { pairedMean } from '../math/moments.ts';
import { hasOption, samplerRow } from '../samplers/registry.ts';
import { type LoadedRun, loadRun, storeVariation } from '../spec/loaded-run.ts';
import { type OpenedRun, withRun } from '../spec/opened-run.ts';
import type { MemberPrediction } from '../spec/prediction.ts';
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
  const { run, rows, original } = await withRun(dir, async (opened) => ({
    run: loadRun(dir),
    rows: opened.data.train.count,
    original: await originalPredictions(opened),
  }));
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
    const found = await withRun(folder, async (opened) => {
      const other = await chainPredictions(opened);
      return {
        variation,
        ...compare(original, other),
        lppd: other.lppd - original.lppd,
        gradients: opened.summaries.reduce((sum, chain) => sum + chain.gradients, 0),
      };
    });
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
  /** Of the test rows; NaN without draws. */
  readonly lppd: number;
  /** Draws that predict some row. */
  readonly members: number;
}

/** Throws a `StoreError` where a chain has no draws, or none predicts a test row. */
async function originalPredictions(run: OpenedRun): Promise<ChainPredictions> {
  const predictions = run.summaries.some(({ draws }) => draws === 0) ? undefined : await chainPredictions(run);
  if (predictions && predictions.members > 0) return predictions;
  throw storeError(
    `${run.dir}: expected draws of every chain to compare with, got none. Run smile resume, or the fit again.`,
  );
}

async function chainPredictions(run: OpenedRun): Promise<ChainPredictions> {
  const { test } = run.data;
  const { target } = run.preprocessing;
  const classes = 'classes' in target ? target.classes.length : 0;
  const width = Math.max(1, classes);
  const rows = test.y.length;
  const sums = run.summaries.map(() => new Float64Array(rows * width));
  const counts = run.summaries.map(() => new Uint32Array(rows));
  const square = new Float64Array(rows * width);
  const add = ({ chain, mean, sd, logProbability, usable }: MemberPrediction) => {
    for (let row = 0; row < rows; row++) {
      if (!usable(row)) continue;
      counts[chain][row]++;
      for (let i = row * width; i < (row + 1) * width; i++) {
        const value = classes ? Math.exp(logProbability[i]) : mean[i];
        sums[chain][i] += value;
        square[i] += value ** 2 + (classes ? 0 : sd[i] ** 2);
      }
    }
  };
  const scores = run.drawCount > 0 ? await score(run, test, run.draws(), add) : { lppd: Number.NaN, members: 0 };
  const total = (row: number) => counts.reduce((sum, own) => sum + own[row], 0);
  const chains = sums.map((sum, c) => sum.map((value, i) => value / counts[c][Math.floor(i / width)]));
  const deviation = square.map((s, i) => {
    const mean = chains.reduce((sum, own) => sum + own[i], 0) / chains.length;
    return classes ? Math.sqrt(mean * (1 - mean)) : Math.sqrt(s / total(Math.floor(i / width)) - mean ** 2);
  });
  return { chains, deviation, width, lppd: scores.lppd, members: scores.members };
}

/**
 * Chains of both runs start at the same networks, so their differences are paired; their spread over chains is the Monte
 * Carlo error.
 */
function compare(a: ChainPredictions, b: ChainPredictions): { shift: number; expected: number; rows: number } {
  let shift = 0;
  let noise = 0;
  let n = 0;
  for (let i = 0; i < a.deviation.length; i++) {
    const differences = a.chains.map((own, c) => (b.chains[c][i] - own[i]) / Math.max(a.deviation[i], 1e-12));
    if (differences.some(Number.isNaN)) continue;
    n++;
    const { mean, error } = pairedMean(differences);
    shift += mean ** 2;
    noise += error ** 2;
  }
  return { shift: Math.sqrt(shift / n), expected: Math.sqrt(noise / n), rows: n / a.width };
}
