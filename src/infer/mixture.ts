/** Quantiles of an equal mixture of normal distributions, one row of a regression ensemble. */
import { shapeError, specError } from '../errors.ts';
import { normalCdf, normalQuantile } from '../math/special.ts';

const INVERSE_SQRT_TWO_PI = 1 / Math.sqrt(2 * Math.PI);
/** Newton stops at this relative step; being quadratic, it leaves an error far below the promised 1e-9. */
const STEP_TOLERANCE = 1e-12;
const MAX_ITERATIONS = 200;

/**
 * The quantiles of 1/M Σ_m N(μ_m, σ_m²) at `probabilities`, each in (0, 1), to a relative 1e-9. Between two modes so far
 * apart that no probability lies between them, any point of the gap is a quantile and one is returned.
 * @param means μ `[M]`, finite, M ≥ 1. @param sds σ `[M]`, positive and finite.
 * @throws ShapeError on lengths that differ, SpecError on a probability or member out of range.
 */
export function mixtureQuantiles(
  means: ArrayLike<number>,
  sds: ArrayLike<number>,
  probabilities: ArrayLike<number>,
): Float64Array {
  if (means.length !== sds.length || means.length === 0) {
    throw shapeError(
      `mixtureQuantiles: expected as many means as sds and at least one, got ${means.length} and ${sds.length}. ` +
        'Pass one of each per member.',
    );
  }
  for (let m = 0; m < means.length; m++) {
    if (!Number.isFinite(means[m]) || !(sds[m] > 0 && sds[m] < Infinity)) {
      throw specError(
        `mixtureQuantiles: expected a finite mean and a positive finite sd, got ${means[m]} and ${sds[m]} ` +
          `in member ${m}. Leave that member out.`,
      );
    }
  }
  const mirrored = Float64Array.from(means, (mean) => -mean);
  return Float64Array.from(probabilities, (p) => {
    if (!(p > 0 && p < 1)) {
      throw specError(`mixtureQuantiles: expected probabilities in (0, 1), got ${p}. Pass 0.05 for the 5 % quantile.`);
    }
    // The upper half is the mirrored lower half, where a small tail probability keeps its digits.
    return p <= 0.5 ? lowerQuantile(means, sds, p) : -lowerQuantile(mirrored, sds, 1 - p);
  });
}

/** Newton on log F(x) = log p inside a bracket, with a bisection wherever Newton leaves it or shrinks too slowly. */
function lowerQuantile(means: ArrayLike<number>, sds: ArrayLike<number>, p: number): number {
  const z = normalQuantile(p);
  let low = Infinity;
  let high = -Infinity;
  let narrowest = Infinity;
  for (let m = 0; m < means.length; m++) {
    const quantile = means[m] + sds[m] * z;
    low = Math.min(low, quantile);
    high = Math.max(high, quantile);
    narrowest = Math.min(narrowest, sds[m]);
  }
  let x = low + 0.5 * (high - low);
  let step = high - low;
  for (let k = 0; k < MAX_ITERATIONS && Math.abs(step) > STEP_TOLERANCE * (Math.abs(x) + narrowest); k++) {
    let below = 0;
    let density = 0;
    for (let m = 0; m < means.length; m++) {
      const scaled = (x - means[m]) / sds[m];
      below += normalCdf(scaled);
      density += (INVERSE_SQRT_TWO_PI * Math.exp(-0.5 * scaled * scaled)) / sds[m];
    }
    const excess = Math.log(below / means.length / p);
    if (excess === 0) return x;
    if (excess > 0) high = x;
    else low = x;
    const newton = (excess * below) / density;
    const safe = Math.abs(newton) < 0.5 * Math.abs(step) && x - newton > low && x - newton < high;
    step = safe ? newton : x - (low + 0.5 * (high - low));
    x -= step;
  }
  return x;
}
