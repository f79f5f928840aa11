/**
 * Convergence diagnostics of one scalar quantity from several chains: R-hat, effective sample size and Monte Carlo
 * error. Source: Vehtari, Gelman, Simpson, Carpenter & Bürkner, "Rank-normalization, folding, and localization: an
 * improved R-hat for assessing convergence of MCMC", Bayesian Analysis 16(2), 2021.
 *
 * Every function takes one array per chain, all of the same length n ≥ 4, and splits each chain in halves. The result
 * is NaN where a draw is not finite or all draws are equal: nothing can be said then. Chains of different or too
 * small length throw a ShapeError.
 */
import { shapeError } from '../errors.ts';
import { autocovariance, effectiveSampleSize, potentialScaleReduction } from '../math/autocorrelation.ts';
import { meanOf, varianceOf } from '../math/moments.ts';
import { fold, normalScores, pooledAscending, quantileOf, split } from './rank.ts';

type Chains = readonly Float64Array[];

const TAILS = [0.05, 0.95] as const;
const SHORTEST = 4;

/** All diagnostics of one quantity. */
export interface Diagnostics {
  readonly rhat: number;
  readonly essBulk: number;
  readonly essTail: number;
  readonly essMean: number;
  readonly mcseMean: number;
}

/** Rank-normalised split R-hat, the larger of bulk and folded; below 1.01 for chains that agree. */
export function rhat(draws: Chains): number {
  return measured('rhat', draws, () => {
    const halves = split(draws);
    const bulk = potentialScaleReduction(normalScores(halves));
    const spread = potentialScaleReduction(normalScores(fold(halves)));
    return Math.max(bulk, spread);
  });
}

/**
 * Nested R-hat for many short chains (Margossian et al. 2024): `superchains[k]` are chains that started at one point. With B
 * the variance of the superchains' means and W the mean of their variances (between and within their chains), √(1 + B/W);
 * chains may be of length one. Throws a ShapeError for fewer than two superchains or unequal sizes.
 */
export function nestedRhat(superchains: readonly Chains[]): number {
  const sizes = superchains.flatMap((chains) => chains.map((chain) => chain.length));
  const width = superchains[0]?.length ?? 0;
  if (
    superchains.length < 2 ||
    width < 2 ||
    superchains.some((s) => s.length !== width) ||
    sizes.some((n) => n !== sizes[0])
  ) {
    throw shapeError(
      'nestedRhat: expected two or more superchains of as many equally long chains each. Group the chains.',
    );
  }
  const means = superchains.map((chains) => Float64Array.from(chains, meanOf));
  const within = superchains.map((chains, k) => {
    const between = varianceOf(means[k]);
    const inside = sizes[0] > 1 ? meanOf(Float64Array.from(chains, varianceOf)) : 0;
    return between + inside;
  });
  return Math.sqrt(1 + varianceOf(Float64Array.from(means, meanOf)) / meanOf(Float64Array.from(within)));
}

/** Split R-hat of the draws themselves (Gelman et al., BDA3, section 11.4); needs a finite variance. */
export function splitRhat(draws: Chains): number {
  return measured('splitRhat', draws, () => potentialScaleReduction(split(draws)));
}

/** Effective sample size for the bulk: that of the rank-normalised split chains. */
export function essBulk(draws: Chains): number {
  return measured('essBulk', draws, () => effectiveSampleSize(normalScores(split(draws))));
}

/**
 * Effective sample size for the tails: the smaller of those of the 5 % and 95 % quantiles. A quantile that is the
 * largest draw (many ties) has no draw beyond it and counts as known, as in ArviZ.
 */
export function essTail(draws: Chains): number {
  return measured('essTail', draws, () => {
    const ascending = pooledAscending(draws);
    const largest = ascending[ascending.length - 1];
    const sizes = TAILS.map((p) => {
      const quantile = quantileOf(ascending, p);
      if (quantile === largest && ascending[0] < largest) return ascending.length;
      return effectiveSampleSize(split(draws.map((chain) => chain.map((x) => (x <= quantile ? 1 : 0)))));
    });
    return Math.min(...sizes);
  });
}

/** Effective sample size for the mean: that of the split chains as they are. */
export function essMean(draws: Chains): number {
  return measured('essMean', draws, () => effectiveSampleSize(split(draws)));
}

/** Monte Carlo standard error of the pooled mean, sd / √essMean, in the units of the draws. */
export function mcseMean(draws: Chains): number {
  return measured('mcseMean', draws, () => Math.sqrt(varianceOf(pooledAscending(draws)) / essMean(draws)));
}

/** Autocorrelation at lags 0 … `lags`, pooled over the chains about their own means; at most n − 1 lags. */
export function autocorrelation(draws: Chains, lags: number): Float64Array {
  const means = Float64Array.from(draws, meanOf);
  const variance = autocovariance(draws, means, 0);
  return Float64Array.from({ length: Math.min(lags, draws[0].length - 1) + 1 }, (_, lag) => {
    return autocovariance(draws, means, lag) / variance;
  });
}

/** All diagnostics of one quantity at once. */
export function diagnose(draws: Chains): Diagnostics {
  return {
    rhat: rhat(draws),
    essBulk: essBulk(draws),
    essTail: essTail(draws),
    essMean: essMean(draws),
    mcseMean: mcseMean(draws),
  };
}

/** Refuses shapes that cannot be measured and answers NaN for draws that say nothing. */
function measured(where: string, draws: Chains, measure: () => number): number {
  if (draws.length === 0)
    throw shapeError(`${where}: expected at least one chain, got none. Pass one array per chain.`);
  const lengths = draws.map((chain) => chain.length);
  if (Math.min(...lengths) < SHORTEST || lengths.some((length) => length !== lengths[0])) {
    throw shapeError(
      `${where}: expected chains of equal length, at least ${SHORTEST}, got lengths ${lengths.join(', ')}. ` +
        'Cut the chains to the shortest or draw more.',
    );
  }
  const finite = draws.every((chain) => chain.every(Number.isFinite));
  const moving = draws.some((chain) => chain.some((x) => x !== draws[0][0]));
  return finite && moving ? measure() : Number.NaN;
}
