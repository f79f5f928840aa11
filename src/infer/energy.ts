/** The distribution of energy errors: what a step size does to the dynamics. */

/** ΔE/√d of a chain's steps; a normal distribution of variance E[ΔE²]/d where the step size is sound. */
export interface EnergyDistribution {
  readonly samples: number;
  /** Mean: positive where the integrator gains energy, about half the variance at a small step size. */
  readonly mean: number;
  readonly sd: number;
  /** 5, 50 and 95 % quantiles, and the errors beyond either end, at most this many on each side. */
  readonly quantiles: readonly [number, number, number];
  readonly extremes: readonly number[];
  /** Fourth moment over the squared variance: 3 for a normal, far above it where rare steps carry the error. */
  readonly kurtosis: number;
}

const EXTREMES = 5;

/** From energy errors ΔE of single steps of a chain of dimension `d`, in nats; undefined for fewer than 20 finite ones. */
export function energyDistribution(errors: ArrayLike<number>, d: number): EnergyDistribution | undefined {
  const scaled = Float64Array.from(errors, (e) => e / Math.sqrt(d))
    .filter(Number.isFinite)
    .sort();
  const n = scaled.length;
  if (n < 20) return undefined;
  const mean = scaled.reduce((sum, e) => sum + e, 0) / n;
  const moment = (k: number) => scaled.reduce((sum, e) => sum + (e - mean) ** k, 0) / n;
  const at = (p: number) => scaled[Math.min(n - 1, Math.floor(p * n))];
  const variance = moment(2);
  return {
    samples: n,
    mean,
    sd: Math.sqrt(variance),
    quantiles: [at(0.05), at(0.5), at(0.95)],
    extremes: [...scaled.slice(0, EXTREMES), ...scaled.slice(-EXTREMES)],
    kurtosis: moment(4) / (variance * variance),
  };
}
