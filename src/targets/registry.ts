/** The benchmark's targets by name, with the reach s of their spatially varied noise. */
import { funnel } from './funnel.ts';
import { icg } from './gaussian.ts';
import { rosenbrock } from './rosenbrock.ts';
import type { Target } from './target.ts';

export const BENCH_TARGETS = { icg, rosenbrock, funnel } satisfies Record<string, () => Target>;
export type BenchTarget = keyof typeof BENCH_TARGETS;

/** s of f(θ) = exp(−θ₃/s). */
export const SPATIAL_SPREAD: Readonly<Record<BenchTarget, number>> = { icg: 6.5, rosenbrock: Math.SQRT2, funnel: 9 };
