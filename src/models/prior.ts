/** Priors of a network's parameters: independent numbers, each with a law that its parameter decides. */
import { concat, split, type Tensor } from '../graph/index.ts';
import { normal, type PriorLaw } from './laws.ts';
import { dimensionOf, type Parameter, sizeOf } from './model.ts';

/** The log prior of one chain's parameters, θ `[d]`. */
export interface Prior {
  /** d. */
  readonly dim: number;
  /** log p(θ) − `constant` of θ = theta[at … at + d), in float64. */
  logDensity(theta: Float64Array, at: number): number;
  /** Adds d log p/dθ of theta[at … at + d) to grad[at … at + d), in float64. */
  addSlope(theta: Float64Array, at: number, grad: Float64Array): void;
  /** d log p/dθ of one parameter in a graph; `value` is `[C or 1, …shape]`, the result its like. */
  slope(parameter: Parameter, value: Tensor): Tensor;
  /** d log p/dθ of flat vectors `[C, d]` in a graph. */
  flatSlope(theta: Tensor): Tensor;
  /** What `logDensity` leaves out, the logarithm of the normalising constant: it does not depend on θ. −Infinity for no prior. */
  readonly constant: number;
  /** Root mean square, over the elements, of their prior standard deviations. */
  readonly deviation: number;
}

/** The prior of these parameters, in the order of the flat vector, by the law of each; those of one law share the object. */
export function independent(parameters: readonly Parameter[], lawOf: (parameter: Parameter) => PriorLaw): Prior {
  const own = new Map(parameters.map((parameter) => [parameter.name, lawOf(parameter)]));
  const runs: Run[] = [];
  for (const { name, shape } of parameters) {
    const law = own.get(name)!;
    if (runs.at(-1)?.law === law) runs.at(-1)!.size += sizeOf(shape);
    else runs.push({ law, size: sizeOf(shape) });
  }
  return { dim: dimensionOf(parameters), ...composed(runs), slope: ({ name }, value) => own.get(name)!.slope(value) };
}

/** N(0, scale²) on all of d numbers; nothing where the scale is Infinity. */
export function isotropic(dim: number, scale: number): Prior {
  const law = normal(0, scale);
  return { dim, ...composed([{ law, size: dim }]), slope: (_parameter, value) => law.slope(value) };
}

/** Neighbours in the flat vector that share a law. */
interface Run {
  readonly law: PriorLaw;
  size: number;
}

function composed(runs: readonly Run[]): Omit<Prior, 'dim' | 'slope'> {
  const sum = (of: (law: PriorLaw) => number) => runs.reduce((total, { law, size }) => total + size * of(law), 0);
  const dim = sum(() => 1);
  return {
    logDensity(theta, at) {
      let total = 0;
      let from = at;
      for (const { law, size } of runs) {
        if (law.whole) total += law.whole.total(theta, from, from + size);
        else for (let i = from; i < from + size; i++) total += law.logDensity(theta[i]);
        from += size;
      }
      return total;
    },
    addSlope(theta, at, grad) {
      let from = at;
      for (const { law, size } of runs) {
        if (law.whole) law.whole.addSlope(theta, from, from + size, grad);
        else for (let i = from; i < from + size; i++) grad[i] += law.derivative(theta[i]);
        from += size;
      }
    },
    flatSlope(theta) {
      if (runs.length === 1) return runs[0].law.slope(theta);
      const sizes = runs.map(({ size }) => size);
      const slopes = split(theta, 1, sizes).map((part, i) => runs[i].law.slope(part));
      return concat(slopes, 1);
    },
    constant: sum((law) => law.constant),
    deviation: Math.sqrt(sum((law) => law.variance) / dim),
  };
}
