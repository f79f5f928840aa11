/**
 * Potential scale reduction and effective sample size of several chains of equal length, without splitting or ranks.
 * Formula names as in Vehtari et al. 2021, section 3: M chains of N draws, W within-chain and B/N between-chain variance,
 * var⁺ = (N-1)/N · W + B/N.
 */
import { meanOf, varianceOf } from './moments.ts';

/** Means and variances of the chains. */
interface Moments {
  readonly means: Float64Array;
  /** W: mean of the chains' variances with divisor N - 1. */
  readonly within: number;
  /** var⁺, the overestimate of the posterior variance; without B/N for a single chain. */
  readonly total: number;
}

function moments(chains: readonly Float64Array[]): Moments {
  const n = chains[0].length;
  const means = Float64Array.from(chains, meanOf);
  const within = meanOf(Float64Array.from(chains, varianceOf));
  const between = chains.length > 1 ? varianceOf(means) : 0;
  return { means, within, total: ((n - 1) / n) * within + between };
}

/** R̂ = √(var⁺ / W) (eq. 4). NaN for draws that never move. */
export function potentialScaleReduction(chains: readonly Float64Array[]): number {
  const { within, total } = moments(chains);
  return total > 0 ? Math.sqrt(total / within) : Number.NaN;
}

/**
 * Effective sample size M·N / τ̂ with τ̂ = -1 + 2 Σ_k P̂_k + ρ̂ (eqs. 10, 11), where P̂_k = ρ̂_2k + ρ̂_2k+1 are Geyer's
 * pairs, cut at the first negative pair and made monotone, and the last ρ̂ is that of the first even lag left out, if
 * positive (Stan's correction for antithetic chains). At most M·N·log₁₀(M·N). Autocovariances are summed lag by lag and
 * only as far as the pairs stay positive: O(M · N · lags). NaN for draws that never move. N ≥ 2.
 */
export function effectiveSampleSize(chains: readonly Float64Array[]): number {
  const n = chains[0].length;
  const size = chains.length * n;
  const { means, within, total } = moments(chains);
  if (!(total > 0)) return Number.NaN;
  const correlation = (lag: number) => 1 - (within - autocovariance(chains, means, lag)) / total;

  let sum = 0;
  let smallest = Infinity;
  let even = 1;
  let pair = even + correlation(1);
  for (let lag = 2; pair > 0 && lag < n - 2; lag += 2) {
    smallest = Math.min(smallest, pair);
    sum += smallest;
    even = correlation(lag);
    pair = even + correlation(lag + 1);
  }
  const tau = -1 + 2 * sum + Math.max(0, even);
  return size / Math.max(tau, 1 / Math.log10(size));
}

/** Mean over the chains of the autocovariance at `lag`, divisor N. */
export function autocovariance(chains: readonly Float64Array[], means: Float64Array, lag: number): number {
  const n = chains[0].length;
  let sum = 0;
  chains.forEach((chain, c) => {
    for (let i = 0; i + lag < n; i++) sum += (chain[i] - means[c]) * (chain[i + lag] - means[c]);
  });
  return sum / (n * chains.length);
}
