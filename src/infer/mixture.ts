/** Quantiles of an equal mixture of one law, one row of a regression ensemble. */
import { shapeError, specError } from '../errors.ts';
import { type Law, NORMAL } from './law.ts';

/** Newton stops at this relative step; being quadratic, it leaves an error far below the promised 1e-9. */
const STEP_TOLERANCE = 1e-12;
const MAX_ITERATIONS = 200;

/**
 * The quantiles of 1/M Σ_m p(μ_m, σ_m) at `probabilities`, each in (0, 1), to a relative 1e-9, for members of `law`. Between two
 * modes so far apart that no probability lies between them, any point of the gap is a quantile and one is returned.
 * @param means μ `[M]`, finite, M ≥ 1. @param sds σ `[M]`, positive and finite.
 * @throws ShapeError on lengths that differ, SpecError on a probability or member out of range.
 */
export function mixtureQuantiles(
  means: ArrayLike<number>,
  sds: ArrayLike<number>,
  probabilities: ArrayLike<number>,
  law: Law = NORMAL,
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
  return Float64Array.from(probabilities, (p) => {
    if (p > 0 && p < 1) return quantile(means, sds, p, law);
    throw specError(`mixtureQuantiles: expected probabilities in (0, 1), got ${p}. Pass 0.05 for the 5 % quantile.`);
  });
}

/**
 * Newton on the logarithm of the smaller tail inside a bracket, with a bisection wherever Newton leaves it or shrinks too slowly. The
 * upper half counts what lies above, where a small tail probability keeps its digits.
 */
function quantile(means: ArrayLike<number>, sds: ArrayLike<number>, p: number, law: Law): number {
  const upper = p > 0.5;
  const wanted = upper ? 1 - p : p;
  let low = Infinity;
  let high = -Infinity;
  let narrowest = Infinity;
  for (let m = 0; m < means.length; m++) {
    const own = law.quantile(p, means[m], sds[m]);
    low = Math.min(low, own);
    high = Math.max(high, own);
    narrowest = Math.min(narrowest, sds[m]);
  }
  let x = low + 0.5 * (high - low);
  let step = high - low;
  for (let k = 0; k < MAX_ITERATIONS && Math.abs(step) > STEP_TOLERANCE * (Math.abs(x) + narrowest); k++) {
    let tail = 0;
    let density = 0;
    for (let m = 0; m < means.length; m++) {
      tail += upper ? law.above(x, means[m], sds[m]) : law.below(x, means[m], sds[m]);
      density += Math.exp(law.logDensity(x, means[m], sds[m]));
    }
    // Positive where x lies too high.
    const excess = (upper ? -1 : 1) * Math.log(tail / means.length / wanted);
    if (excess === 0) return x;
    if (excess > 0) high = x;
    else low = x;
    const newton = (excess * tail) / density;
    const safe = Math.abs(newton) < 0.5 * Math.abs(step) && x - newton > low && x - newton < high;
    step = safe ? newton : x - (low + 0.5 * (high - low));
    x -= step;
  }
  return x;
}
