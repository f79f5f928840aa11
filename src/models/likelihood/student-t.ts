/**
 * Heavy-tailed noise: Student's t with four degrees of freedom, location and scale of each row. Four are Lange, Little & Taylor's
 * (1989) choice where few rows speak about tails; fixed, they leave density, distribution function and quantiles in closed form.
 */
import {
  add,
  composite,
  constant,
  div,
  exp,
  log,
  mul,
  neg,
  reduceTo,
  reshape,
  square,
  sub,
  type Tensor,
} from '../../graph/index.ts';
import { locationAndScale } from './gaussian.ts';
import type { Likelihood } from './kind.ts';

/** ν. */
const DEGREES = 4;
/** Density at the location of scale one, Γ(5/2)/(Γ(2)√(4π)). */
const PEAK = 3 / 8;

/** z = (y − μ) e^{−s} and z²/ν. */
function misfit(y: Tensor, location: Tensor, logScale: Tensor) {
  const inverse = exp(neg(logScale));
  const z = mul(sub(y, location), inverse);
  return { inverse, z, share: mul(square(z), constant(1 / DEGREES, y)) };
}

/** log PEAK − s − ½(ν + 1) log(1 + z²/ν), element by element. */
const studentLogDensity = composite(
  'studentLogDensity',
  (y, location, logScale) => {
    const { share } = misfit(y, location, logScale);
    const tail = mul(log(add(share, constant(1, y))), constant(-0.5 * (DEGREES + 1), y));
    return sub(tail, add(logScale, constant(-Math.log(PEAK), y)));
  },
  ([y, location, logScale], _density, slope) => {
    const { inverse, z, share } = misfit(y, location, logScale);
    const whole = add(share, constant(1, y));
    const pull = mul(slope, div(mul(mul(z, inverse), constant((DEGREES + 1) / DEGREES, y)), whole));
    const stretch = sub(constant(DEGREES, y), div(constant(DEGREES + 1, y), whole));
    return [
      reduceTo(neg(pull), y.shape),
      reduceTo(pull, location.shape),
      reduceTo(mul(slope, stretch), logScale.shape),
    ];
  },
);

export const studentT: Likelihood = {
  name: 'student-t',
  outputs: 2,
  targets: 1,
  places: 1,
  parameters: [],
  logLikelihood: (outputs, _own, y) => {
    const { mean, logSigma } = locationAndScale(outputs);
    const density = studentLogDensity(y, mean, logSigma);
    return reshape(density, [density.shape[0], density.shape[2]]);
  },
  predict: locationAndScale,
};
