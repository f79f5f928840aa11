/** A normal prior that has a mean and a deviation of its own for every element, which breaks the symmetries of a network. */
import { data, mul, sub, type Tensor } from '../graph/index.ts';
import { normals } from '../math/random.ts';
import { HALF_LOG_TWO_PI } from '../math/special.ts';
import { fold, rootKey } from '../math/threefry.ts';
import { expectNumber } from './laws.ts';
import { type Parameter, sizeOf } from './model.ts';
import type { Prior } from './prior.ts';

export interface OffsetNumbers {
  /** ε: size of the offsets. Default 0.1. */
  readonly epsilon?: number;
  /** Default 0. */
  readonly seed?: number;
}

/**
 * N(m_i, s_i²) with m_i = εz_i and s_i = e^{εz'_i}, where z and z' are standard normals from the seed, the same in every
 * chain and run (after Ziyin et al. 2024, arXiv 2408.15495): −½((θ_i − m_i)/s_i)², constant Σ −log s_i − ½ log 2π. The
 * offsets of parameter k come from keys of their own, whatever the other parameters are.
 */
export function offsetNormal(parameters: readonly Parameter[], { epsilon = 0.1, seed = 0 }: OffsetNumbers): Prior {
  expectNumber('offsetNormal.epsilon', 'a number not below 0', epsilon, epsilon >= 0);
  const places = new Map<string, number>();
  let dim = 0;
  for (const { name, shape } of parameters) {
    places.set(name, dim);
    dim += sizeOf(shape);
  }
  const [mean, precision] = [new Float64Array(dim), new Float64Array(dim)];
  parameters.forEach(({ name, shape }, k) => {
    const key = fold(rootKey(seed), k);
    normals(fold(key, 0), mean, places.get(name), sizeOf(shape));
    normals(fold(key, 1), precision, places.get(name), sizeOf(shape));
  });
  let [logs, squares] = [0, 0];
  for (let i = 0; i < dim; i++) {
    const logDeviation = epsilon * precision[i];
    mean[i] *= epsilon;
    precision[i] = Math.exp(-2 * logDeviation);
    logs += logDeviation;
    squares += 1 / precision[i];
  }
  const slopeAt = (from: number, value: Tensor): Tensor => {
    const shape = value.shape.slice(1);
    const part = (all: Float64Array) => data(all.subarray(from, from + sizeOf(shape)), shape, value.dtype);
    return mul(sub(part(mean), value), part(precision));
  };
  return {
    dim,
    logDensity(theta, at) {
      let total = 0;
      for (let i = 0; i < dim; i++) total -= 0.5 * precision[i] * (theta[at + i] - mean[i]) ** 2;
      return total;
    },
    addSlope(theta, at, grad) {
      for (let i = 0; i < dim; i++) grad[at + i] -= precision[i] * (theta[at + i] - mean[i]);
    },
    slope: ({ name }, value) => slopeAt(places.get(name)!, value),
    flatSlope: (theta) => slopeAt(0, theta),
    constant: -logs - dim * HALF_LOG_TWO_PI,
    deviation: Math.sqrt(squares / dim),
  };
}
