/**
 * Convergence of networks where it can be seen: in what they say. Weights have symmetries, so chains that agree about the
 * function may sit far apart; the mean log likelihood of a draw on held-out rows is one number that does not mind.
 */
import { meanOf } from '../math/moments.ts';
import { essBulk, rhat } from './diagnostics.ts';

/** How well chains agree about one quantity, or, taken as medians, about several. NaN where a draw is not finite. */
export interface Agreement {
  /** Rank-normalised split R-hat over all chains; large where chains hold different modes. */
  readonly rhat: number;
  /** The same within each chain, its two halves as chains: large while it drifts. */
  readonly chainRhat: readonly number[];
  readonly essBulk: number;
}

export interface FunctionSpace extends Agreement {
  /** Mean of each chain over its finite draws, in nats per row; NaN without any. */
  readonly chainMeans: readonly number[];
  /** Chains whose mean lies far below the others'. */
  readonly outliers: readonly number[];
}

/** A chain is far below the rest at so many robust deviations, and at least so many nats per row. */
const FAR = 8;
const FAR_NATS = 0.5;
/** Factor from the median absolute deviation to a normal's standard deviation. */
const MAD_TO_SD = 1.4826;

/** From the mean log likelihoods of every chain's draws; undefined for fewer than four draws. */
export function functionSpace(series: readonly Float64Array[]): FunctionSpace | undefined {
  const agreed = agreement(series);
  if (!agreed) return undefined;
  const means = series.map((chain) => meanOf(chain.filter(Number.isFinite)));
  const finite = means.filter(Number.isFinite);
  const centre = median(finite);
  const deviation = MAD_TO_SD * median(finite.map((mean) => Math.abs(mean - centre)));
  const limit = centre - Math.max(FAR * deviation, FAR_NATS);
  return {
    ...agreed,
    chainMeans: means,
    outliers: finite.length < 3 ? [] : means.flatMap((mean, c) => (mean < limit ? [c] : [])),
  };
}

/** Of one quantity, a series per chain, cut to the shortest; undefined for fewer than four draws. */
export function agreement(series: readonly Float64Array[]): Agreement | undefined {
  const n = Math.min(...series.map((chain) => chain.length));
  if (series.length === 0 || n < 4) return undefined;
  const chains = series.map((chain) => chain.slice(0, n));
  return { rhat: rhat(chains), chainRhat: chains.map((chain) => rhat([chain])), essBulk: essBulk(chains) };
}

/** Number by number the median over quantities; undefined for none. */
export function medianAgreement(each: readonly Agreement[]): Agreement | undefined {
  if (each.length === 0) return undefined;
  return {
    rhat: median(each.map((a) => a.rhat)),
    chainRhat: each[0].chainRhat.map((_, c) => median(each.map((a) => a.chainRhat[c]))),
    essBulk: median(each.map((a) => a.essBulk)),
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : 0.5 * (sorted[middle - 1] + sorted[middle]);
}
