/**
 * Streaming summary of an ensemble whose members say a mean μ_m(x_i) and a deviation σ_m(x_i) of one law, the normal one by
 * default, for member m (one draw of one chain) and row i. Memory is O(n) whatever the number M of members. The predictive
 * distribution is the equal mixture p(y | x_i) = 1/M Σ_m p(y; μ_m, σ_m).
 */
import { dataError } from '../errors.ts';
import { type Law, NORMAL } from './law.ts';
import { logSums } from './logsum.ts';
import { checkLength, checkMembers, checkRows } from './members.ts';
import { type LeftOut, usableCounts, usableNormal } from './usable.ts';

const LEVELS = [0.5, 0.8, 0.9, 0.95] as const;

/** How often the equal-tailed interval of the mixture holds the observation. */
interface Coverage {
  /** Nominal probability of the interval, in (0, 1). */
  readonly level: number;
  /** Number of rows whose y lies inside. */
  readonly inside: number;
  /** inside / n. */
  readonly observed: number;
}

/** The predictive distribution in numbers, each array `[n]` in the units of y. */
interface RegressionPrediction {
  /** M, the members that predict some row. */
  readonly members: number;
  /** Members left out of some row, because a mean was not finite or a standard deviation not positive and finite. */
  readonly nonFiniteMembers: number;
  /** `[n]` members that predict the row; the numbers below are theirs, and NaN where there are none. */
  readonly usable: Uint32Array;
  readonly leftOut: LeftOut;
  /** Mean of the mixture: the grand mean of μ. */
  readonly mean: Float64Array;
  /** Noise: square root of the mean of σ². */
  readonly aleatoric: Float64Array;
  /** Disagreement: standard deviation of μ over the members (divisor M), so that total² = aleatoric² + epistemic². */
  readonly epistemic: Float64Array;
}

/**
 * The prediction and how well it meets the observations. A row that no member predicts is missed: its density is 0, it lies outside
 * every interval; `rmse` and `gibbs` are of the other rows, NaN without any.
 */
export interface RegressionScores extends RegressionPrediction {
  /** Root mean squared error of the grand mean, in the units of y. */
  readonly rmse: number;
  /** Log pointwise predictive density, mean_i log 1/M Σ_m p(y_i | θ_m). */
  readonly lppd: number;
  /** log 1/M Σ_m p(y_i | θ_m) of every row `[n]`; its mean is `lppd`. */
  readonly pointwise: Float64Array;
  /** Gibbs negative log-likelihood, -mean over rows and members of log p(y_i | θ_m). At least -lppd (Jensen). */
  readonly gibbs: number;
  /** Levels 0.5, 0.8, 0.9 and 0.95. */
  readonly coverage: readonly Coverage[];
  /** Probability integral transform `[n]`: the mixture's distribution function at y, uniform if calibrated. */
  readonly pit: Float64Array;
}

/** Takes members one at a time. */
export interface RegressionAccumulator<R extends RegressionPrediction = RegressionPrediction> {
  /**
   * Adds a member with means `[n]` and standard deviations `[n]` (or one number for all rows). Where its mean is not finite or
   * its standard deviation not positive and finite, it is left out of that row and counted.
   * @throws ShapeError on a wrong length.
   */
  add(mean: ArrayLike<number>, sd: ArrayLike<number> | number): void;
  /** The summary so far. @throws DataError before the first member. */
  result(): R;
}

/**
 * An accumulator for `n` rows; with observations `y` `[n]` its result carries the scores by the members' `law`.
 * @throws ShapeError on a wrong length, DataError on a non-finite observation.
 */
export function regressionAccumulator(n: number): RegressionAccumulator;
export function regressionAccumulator(n: number, y: Float64Array, law?: Law): RegressionAccumulator<RegressionScores>;
export function regressionAccumulator(n: number, y?: Float64Array, law?: Law): RegressionAccumulator;
export function regressionAccumulator(n: number, y?: Float64Array, law: Law = NORMAL): RegressionAccumulator {
  checkRows('regressionAccumulator', n);
  const scores = y && scoreAccumulator(n, y, law);
  const mean = new Float64Array(n);
  const squares = new Float64Array(n);
  const noise = new Float64Array(n);
  const counts = usableCounts(n);

  return {
    add(mu, sd) {
      checkLength('regressionAccumulator.add', 'mean', mu, n);
      if (typeof sd !== 'number') checkLength('regressionAccumulator.add', 'sd', sd, n);
      const sigma = typeof sd === 'number' ? new Float64Array(n).fill(sd) : sd;
      counts.member((i) => usableNormal(mu[i], sigma[i]));
      for (let i = 0; i < n; i++) {
        if (!usableNormal(mu[i], sigma[i])) continue;
        const change = mu[i] - mean[i];
        mean[i] += change / counts.each[i];
        squares[i] += change * (mu[i] - mean[i]);
        noise[i] += (sigma[i] * sigma[i] - noise[i]) / counts.each[i];
        scores?.add(i, mu[i], sigma[i]);
      }
    },
    result() {
      checkMembers('regressionAccumulator.result', counts.seen());
      const usable = counts.each.slice();
      const leftOut = counts.leftOut();
      const where = (value: (i: number) => number) =>
        Float64Array.from(usable, (m, i) => (m > 0 ? value(i) : Number.NaN));
      const prediction: RegressionPrediction = {
        members: counts.seen() - leftOut.emptyMembers,
        nonFiniteMembers: leftOut.members,
        usable,
        leftOut,
        mean: where((i) => mean[i]),
        aleatoric: where((i) => Math.sqrt(noise[i])),
        epistemic: where((i) => Math.sqrt(squares[i] / usable[i])),
      };
      return scores ? { ...prediction, ...scores.result(mean, usable) } : prediction;
    },
  };
}

/** The part that needs observations. Equal-tailed intervals need no quantiles: y is inside ⇔ |u - ½| ≤ level/2. */
function scoreAccumulator(n: number, y: Float64Array, law: Law) {
  checkLength('regressionAccumulator', 'y', y, n);
  const bad = y.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw dataError(`regressionAccumulator: expected finite observations, got ${y[bad]} in row ${bad}. Drop that row.`);
  }
  const density = logSums(n);
  const below = new Float64Array(n);
  let logSum = 0;
  return {
    add(i: number, mu: number, sigma: number): void {
      const logDensity = law.logDensity(y[i], mu, sigma);
      density.add(i, logDensity);
      below[i] += law.below(y[i], mu, sigma);
      logSum += logDensity;
    },
    result(mean: Float64Array, usable: Uint32Array): Omit<RegressionScores, keyof RegressionPrediction> {
      const pointwise = density.means(usable);
      const predicted = usable.reduce((rows, m) => rows + Number(m > 0), 0);
      const pairs = usable.reduce((sum, m) => sum + m, 0);
      const squaredError = y.reduce((sum, value, i) => (usable[i] > 0 ? sum + (value - mean[i]) ** 2 : sum), 0);
      const pit = below.map((sum, i) => sum / usable[i]);
      const coverage = LEVELS.map((level) => {
        const inside = pit.reduce((count, u) => count + (Math.abs(u - 0.5) <= level / 2 ? 1 : 0), 0);
        return { level, inside, observed: inside / n };
      });
      return {
        rmse: Math.sqrt(squaredError / predicted),
        lppd: pointwise.reduce((sum, value) => sum + value, 0) / n,
        pointwise,
        gibbs: -logSum / pairs,
        coverage,
        pit,
      };
    },
  };
}
