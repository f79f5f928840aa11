/**
 * Laws of one number that priors are made of. Each is a proper density over the reals; its logarithm is given without
 * the constant that does not depend on x, and that constant beside it.
 */
import { specError } from '../errors.ts';
import { abs, add, constant, greater, mul, select, sigmoid, sign, sub, type Tensor } from '../graph/index.ts';
import { HALF_LOG_TWO_PI, normalCdf } from '../math/special.ts';
import { sumOfSquares } from '../math/sums.ts';

export interface PriorLaw {
  /** log p(x) − `constant`. */
  logDensity(x: number): number;
  /** d log p/dx. */
  derivative(x: number): number;
  /** Both over [at, end), where there is a quicker way than one by one: Σ `logDensity`, and what is added to `grad`. */
  readonly whole?: {
    total(values: Float64Array, at: number, end: number): number;
    addSlope(values: Float64Array, at: number, end: number, grad: Float64Array): void;
  };
  /** d log p/dx of every element, in the tensor's type. */
  slope(x: Tensor): Tensor;
  /** The logarithm of what `logDensity` leaves out. */
  readonly constant: number;
  readonly variance: number;
}

const logistic = (x: number) => 1 / (1 + Math.exp(-x));
/** log(1 + eˣ). */
const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** Throws a `SpecError` unless `holds`. */
export function expectNumber(where: string, expected: string, value: number, holds: boolean): void {
  if (!holds) throw specError(`${where}: expected ${expected}, got ${value}. Correct it.`);
}
const expectScale = (where: string, value: number) => expectNumber(where, 'a positive number', value, value > 0);

/** N(location, scale²): −½((x − location)/scale)², constant −log scale − ½ log 2π. A scale of Infinity is no law: 0. */
export function normal(location: number, scale: number): PriorLaw {
  expectScale('normal.scale', scale);
  const precision = 1 / scale ** 2;
  return {
    logDensity: (x) => -0.5 * precision * (x - location) ** 2,
    derivative: (x) => -precision * (x - location),
    ...(location === 0 && {
      whole: {
        total: (values, at, end) => -0.5 * precision * sumOfSquares(values, at, end),
        addSlope(values, at, end, grad) {
          for (let i = at; i < end; i++) grad[i] -= precision * values[i];
        },
      },
    }),
    slope: (x) => mul(sub(x, constant(location, x)), constant(-precision, x)),
    constant: -Math.log(scale) - HALF_LOG_TWO_PI,
    variance: scale ** 2,
  };
}

/** −|x − location|/scale, constant −log(2·scale). Its deviation is √2·scale; at the kink the derivative is 0. */
export function laplace(location: number, scale: number): PriorLaw {
  expectScale('laplace.scale', scale);
  return {
    logDensity: (x) => -Math.abs(x - location) / scale,
    derivative: (x) => -Math.sign(x - location) / scale,
    slope: (x) => mul(sign(sub(x, constant(location, x))), constant(-1 / scale, x)),
    constant: -Math.log(2 * scale),
    variance: 2 * scale ** 2,
  };
}

/**
 * A box with soft walls: the law of a number uniform on (−a, a) plus logistic noise of scale τ = softness·a,
 * log σ((x + a)/τ) + log σ((a − x)/τ) with σ the logistic function, constant log((1 − e^{−2a/τ})/2a). Far outside it
 * falls as e^{−|x|/τ}; its variance is (a² + π²τ²)/3.
 */
export function softBox(halfWidth: number, softness: number): PriorLaw {
  expectScale('softBox.halfWidth', halfWidth);
  expectScale('softBox.softness', softness);
  const tau = softness * halfWidth;
  return {
    logDensity: (x) => -softplus((-x - halfWidth) / tau) - softplus((x - halfWidth) / tau),
    derivative: (x) => (logistic((-x - halfWidth) / tau) - logistic((x - halfWidth) / tau)) / tau,
    slope: (x) => {
      const a = constant(halfWidth, x);
      const below = sigmoid(mul(add(x, a), constant(-1 / tau, x)));
      const above = sigmoid(mul(sub(x, a), constant(1 / tau, x)));
      return mul(sub(below, above), constant(1 / tau, x));
    },
    constant: Math.log(-Math.expm1((-2 * halfWidth) / tau) / (2 * halfWidth)),
    variance: (halfWidth ** 2 + (Math.PI * tau) ** 2) / 3,
  };
}

/**
 * N(0, scale²) with its top cut off: −½ max(|z|, core)² with z = x/scale, constant
 * −log(scale·(2·core·e^{−core²/2} + 2√(2π)·Φ(−core))). The density is continuous; its derivative jumps at the core's
 * edges, where it is 0.
 */
export function flatNormal(scale: number, core: number): PriorLaw {
  expectScale('flatNormal.scale', scale);
  expectNumber('flatNormal.core', 'a number not below 0', core, core >= 0);
  const [edge, precision] = [core * scale, 1 / scale ** 2];
  const top = Math.exp(-0.5 * core ** 2);
  const tail = Math.sqrt(2 * Math.PI) * normalCdf(-core);
  const mass = 2 * (core * top + tail);
  return {
    logDensity: (x) => -0.5 * precision * Math.max(Math.abs(x), edge) ** 2,
    derivative: (x) => (Math.abs(x) > edge ? -precision * x : 0),
    slope: (x) => select(greater(abs(x), constant(edge, x)), mul(x, constant(-precision, x)), constant(0, x)),
    constant: -Math.log(scale * mass),
    variance: (scale ** 2 * 2 * (core ** 3 * (top / 3) + core * top + tail)) / mass,
  };
}

export interface MixtureNumbers {
  /** Probability of the first. */
  readonly weight: number;
  readonly locations: readonly [number, number];
  readonly scales: readonly [number, number];
}

/**
 * w·N(m₁, s₁²) + (1 − w)·N(m₂, s₂²): log Σ (w_k/s_k)·e^{−½((x − m_k)/s_k)²}, constant −½ log 2π. In the graph the share
 * of the first is the logistic function of a quadratic in x.
 */
export function mixture({ weight, locations, scales }: MixtureNumbers): PriorLaw {
  expectNumber('mixture.weight', 'a number between 0 and 1', weight, weight > 0 && weight < 1);
  for (const scale of scales) expectScale('mixture.scales', scale);
  const [m, n] = locations;
  const [p, q] = scales.map((scale) => 1 / scale ** 2);
  const [logFirst, logSecond] = [Math.log(weight / scales[0]), Math.log((1 - weight) / scales[1])];
  const first = (x: number) => logFirst - 0.5 * p * (x - m) ** 2;
  const second = (x: number) => logSecond - 0.5 * q * (x - n) ** 2;
  return {
    logDensity: (x) => second(x) + softplus(first(x) - second(x)),
    derivative: (x) => {
      const share = logistic(first(x) - second(x));
      return -share * p * (x - m) - (1 - share) * q * (x - n);
    },
    slope: (x) => {
      const line = (factor: number, offset: number) => add(mul(x, constant(factor, x)), constant(offset, x));
      const odds = logFirst - logSecond - 0.5 * (p * m ** 2 - q * n ** 2);
      const share = sigmoid(add(mul(line(0.5 * (q - p), p * m - q * n), x), constant(odds, x)));
      return add(line(-q, q * n), mul(share, line(q - p, p * m - q * n)));
    },
    constant: -HALF_LOG_TWO_PI,
    variance: weight / p + (1 - weight) / q + weight * (1 - weight) * (m - n) ** 2,
  };
}
