/**
 * Bounds of what a network says about a row, in deviations of the target. Far from both a bound changes nothing, near one the
 * curve bends, and its slope lies between 0 and 1 everywhere: no row gets an infinite interval, and no gradient grows by it.
 */
import { add, composite, constant, mul, neg, sigmoid, softplus, sub, type Tensor } from '../../graph/index.ts';

/** How sharply the curve bends: half a unit from a bound it is off by e^{−2}/4, two units by e^{−8}/4. */
const SHARPNESS = 4;

/**
 * Least and largest σ of a row. The deviation of all training rows is 1, so that σ = 10 throughout would need a hundredth of the
 * rows to hold all of the variance; and a thousandth is what float32 leaves of the fourth digit of a squared misfit.
 */
export const SIGMA_BOUNDS = { least: 1e-3, largest: 10 } as const;

/** x within (low, high), smoothly: high − softplus(high − low − softplus(x − low)), softplus of sharpness k (Chua et al. 2018). */
function bounded(name: string, low: number, high: number): (x: Tensor) => Tensor {
  const bend = (x: Tensor) => mul(softplus(mul(x, constant(SHARPNESS, x))), constant(1 / SHARPNESS, x));
  const slopeOf = (x: Tensor) => sigmoid(mul(x, constant(SHARPNESS, x)));
  const above = (x: Tensor) => sub(x, constant(low, x));
  const left = (x: Tensor) => sub(constant(high - low, x), bend(above(x)));
  return composite(
    name,
    (x) => add(neg(bend(left(x))), constant(high, x)),
    ([x], _y, dy) => [mul(dy, mul(slopeOf(above(x)), slopeOf(left(x))))],
  );
}

/** log σ of a row, from a network's output. */
export const boundedLogSigma = bounded('boundedLogSigma', Math.log(SIGMA_BOUNDS.least), Math.log(SIGMA_BOUNDS.largest));

/** Ten deviations to either side: exponentials of locations stay finite however far a row lies. */
const FARTHEST = 10;

/** The location of a row on a logarithmic scale, from a network's output. */
export const boundedLocation = bounded('boundedLocation', -FARTHEST, FARTHEST);
