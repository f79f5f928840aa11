/** The benchmark's targets by name: the three of the paper, and two more; the reach s of spatially varied noise. */
import { funnel } from './funnel.ts';
import { icg, standardNormal } from './gaussian.ts';
import { gaussianGrid } from './mixture.ts';
import { rosenbrock } from './rosenbrock.ts';
import type { Target } from './target.ts';

export const PAPER_TARGETS = ['icg', 'rosenbrock', 'funnel'] as const;
export const BENCH_TARGETS = {
  icg,
  rosenbrock,
  funnel,
  normal: () => standardNormal(10),
  grid: gaussianGrid,
} satisfies Record<string, () => Target>;
export type BenchTarget = keyof typeof BENCH_TARGETS;

/** s of f(θ) = exp(−θ₃/s). */
export const SPATIAL_SPREAD: Readonly<Record<BenchTarget, number>> = {
  icg: 6.5,
  rosenbrock: Math.SQRT2,
  funnel: 9,
  normal: 1,
  grid: 1,
};
