/**
 * One cell of the benchmark: a method on a noisy target. The honest protocol chooses the step size on pilot seeds and
 * judges it on others; the paper's takes the best of fifteen on the seeds it reports.
 */

import { specError } from '../errors.ts';
import { median } from '../infer/function-space.ts';
import { meanOf } from '../math/moments.ts';
import { SPECTRUM } from '../targets/gaussian.ts';
import { BENCH_TARGETS, type BenchTarget } from '../targets/registry.ts';
import { nullScore } from '../targets/target.ts';
import { METHODS, type Method, type MethodName } from './methods.ts';
import { PAPER_TABLE } from './paper-table.ts';
import { type NoiseSpec, type Simulation, simulate } from './simulate.ts';

export interface CellSpec {
  readonly target: BenchTarget;
  readonly noise: NoiseSpec;
  readonly method: MethodName;
  readonly protocol: 'honest' | 'paper';
  /** Gradients of a judged chain. */
  readonly gradients: number;
  readonly replications: number;
  /** Step sizes on the grid. */
  readonly stepSizes: number;
  readonly seed: number;
}

export interface CellResult extends CellSpec {
  /** The step size judged; the median found, for a method that finds its own. */
  readonly stepSize: number;
  /** Median of b² over the replications, with the interval that covers it with 95 % confidence. */
  readonly median: number;
  readonly interval: readonly [number, number];
  readonly mean: number;
  readonly deviation: number;
  readonly biases: readonly number[];
  readonly nullScore: number;
  /** Mean and deviation in the paper's table, where it has the cell. */
  readonly paper?: readonly [number, number];
  readonly essPerThousandGradients: number;
  readonly moved: number;
  readonly nonFinite: number;
  readonly gradientsSpent: number;
  readonly seconds: number;
  /** b² by step size on the grid (medians of the pilot; means in the paper's protocol). */
  readonly pilot: readonly { readonly stepSize: number; readonly bias: number }[];
}

/** Refuses a cell that is not defined. Throws a `SpecError`. */
export function checkCell({ target, noise: { structure } }: CellSpec): void {
  if (structure === 'isotropic' || structure === 'none' || BENCH_TARGETS[target]().dim === SPECTRUM.length) return;
  throw specError(
    `bench: expected isotropic noise or none on ${target}, got ${structure}, which has ten dimensions. Choose another --noise.`,
  );
}

/** Budget and replications of the pilot, as parts of the judged run's. */
const PILOT = { gradients: 0.1, replications: 6 };
const HONEST = { warmup: 0.2, burnIn: 0.2, truth: 'exact', decoherence: Number.POSITIVE_INFINITY } as const;
/** Nothing removed, nothing frozen, the paper's moments and its refreshment, next to none. */
const PAPER = { warmup: 1, burnIn: 0, truth: 'paper', decoherence: 1000 } as const;

export function runCell(spec: CellSpec, onProgress: (share: number) => void = () => {}): CellResult {
  const method: Method = METHODS[spec.method];
  const { target, noise, seed, gradients, replications } = spec;
  const base = { target, noise, method: spec.method } as const;
  const began = performance.now();
  const repeat = (stepSize: number, times: number) => new Array<number>(times).fill(stepSize);
  const grid = method.grid ? logSpaced(...method.grid, spec.stepSizes) : [];
  const run = (job: Omit<Simulation, keyof typeof base | 'onProgress'>, from: number, to: number) =>
    simulate({ ...base, ...job, onProgress: (share) => onProgress(from + share * (to - from)) });

  const pilotTimes = spec.protocol === 'paper' ? replications : PILOT.replications;
  const settings = spec.protocol === 'paper' ? PAPER : HONEST;
  const share = grid.length === 0 ? 0 : 0.3;
  const pilotRun =
    grid.length > 0 &&
    run(
      {
        ...settings,
        stepSizes: grid.flatMap((stepSize) => repeat(stepSize, pilotTimes)),
        gradients: spec.protocol === 'paper' ? gradients : Math.round(gradients * PILOT.gradients),
        seed: spec.protocol === 'paper' ? seed : seed + PILOT_SEED,
      },
      0,
      share,
    );
  const score = spec.protocol === 'paper' ? meanOf : median;
  const biasesAt = (k: number) =>
    (pilotRun ? pilotRun.chains : []).slice(k * pilotTimes, (k + 1) * pilotTimes).map(({ bias }) => bias);
  const pilot = grid.map((stepSize, k) => ({ stepSize, bias: score(biasesAt(k)) }));
  const best = pilot.reduce((low, point, k) => (point.bias < pilot[low].bias ? k : low), 0);

  const chosen = method.grid ? grid[best] : 0;
  const judged =
    spec.protocol === 'paper' && pilotRun
      ? { ...pilotRun, chains: pilotRun.chains.slice(best * pilotTimes, (best + 1) * pilotTimes) }
      : run({ ...settings, stepSizes: repeat(chosen, replications), gradients, seed }, share, 1);
  const biases = judged.chains.map(({ bias }) => bias).sort((a, b) => a - b);
  const row = noise.structure === 'none' ? undefined : PAPER_TABLE[target]?.[noise.structure];
  const paper = row && spec.method in row ? row[spec.method as keyof typeof row] : undefined;
  onProgress(1);
  return {
    ...spec,
    stepSize: median(judged.chains.map(({ stepSize }) => stepSize)),
    median: median(biases),
    interval: medianInterval(biases),
    mean: meanOf(biases),
    deviation: Math.sqrt(meanOf(biases.map((b) => (b - meanOf(biases)) ** 2))),
    biases,
    nullScore: nullScore(BENCH_TARGETS[target]()),
    ...(paper && { paper }),
    essPerThousandGradients: judged.essPerThousandGradients,
    moved: meanOf(judged.chains.map(({ moved }) => moved)),
    nonFinite: judged.chains.reduce((sum, { nonFinite }) => sum + nonFinite, 0),
    gradientsSpent: judged.chains[0].gradients,
    seconds: (performance.now() - began) / 1000,
    pilot,
  };
}

/** Pilot seeds lie this far from the judged ones. */
const PILOT_SEED = 1_000_003;

/** `count` numbers from `low` to `high`, evenly spaced in logarithm. */
export function logSpaced(low: number, high: number, count: number): number[] {
  if (count === 1) return [Math.sqrt(low * high)];
  return Array.from({ length: count }, (_, k) => low * (high / low) ** (k / (count - 1)));
}

/** The narrowest pair of order statistics, symmetric in rank, that covers the median with at least 95 %. */
export function medianInterval(sorted: readonly number[]): [number, number] {
  const n = sorted.length;
  let term = 0.5 ** n;
  let below = 0;
  let k = 0;
  // P(fewer than k+1 of n lie below the median) grows until it would leave more than 2.5 % on a side.
  while (below + term <= 0.025 && k < n >> 1) {
    below += term;
    term *= (n - k) / (k + 1);
    k++;
  }
  const rank = Math.max(0, k - 1);
  return [sorted[rank], sorted[n - 1 - rank]];
}
