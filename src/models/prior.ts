/** Priors of a network's parameters: independent numbers, each with a law that its parameter decides. */
import { concat, split, type Tensor } from '../graph/index.ts';
import { type Fans, fans } from './fans.ts';
import { flatNormal, type Law, laplace, type MixtureNumbers, mixture, normal, softBox } from './laws.ts';
import { dimensionOf, type Parameter, sizeOf } from './model.ts';
import { offsetNormal } from './offset-normal.ts';

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

export const PRIOR_NAMES = [
  'standard-normal',
  'normal',
  'shifted-normal',
  'laplace',
  'glorot',
  'he',
  'glorot-laplace',
  'glorot-uniform',
  'trunc-normal',
  'bimixture-normal',
  'eps-standard-normal',
] as const;
export type PriorName = (typeof PRIOR_NAMES)[number];

/** A family of priors with its numbers; those left out have the defaults that are said here. */
export type PriorChoice =
  /** N(0, 1). */
  | { readonly name: 'standard-normal' }
  /** N(location, scale²); 0 and 1. */
  | { readonly name: 'normal'; readonly location?: number; readonly scale?: number }
  /** N(biasLocation, scale²) for biases, N(0, scale²) for the rest; −1 and 1. */
  | { readonly name: 'shifted-normal'; readonly biasLocation?: number; readonly scale?: number }
  /** Density e^{−|θ − location|/scale}/(2·scale); 0 and 1. */
  | { readonly name: 'laplace'; readonly location?: number; readonly scale?: number }
  /** N(0, 2/(fanIn + fanOut)) for kernels (Glorot & Bengio 2010), N(0, 1) for the rest. */
  | { readonly name: 'glorot' }
  /** N(0, 2/fanIn) for kernels (He et al. 2015), N(0, 1) for the rest. */
  | { readonly name: 'he' }
  /** Laplace with the deviations of `glorot`: scale 1/√(fanIn + fanOut) for kernels, 1/√2 for the rest. */
  | { readonly name: 'glorot-laplace' }
  /** `softBox` of half-width √(6/(fanIn + fanOut)) for kernels, √3 for the rest; softness 0.1. */
  | { readonly name: 'glorot-uniform'; readonly softness?: number }
  /** `flatNormal`: N(0, scale²) with the density of its edge between ±core·scale; scale 1, core 0.5. */
  | { readonly name: 'trunc-normal'; readonly core?: number; readonly scale?: number }
  /** `mixture` of two normals; weight 0.5, locations −0.5 and 0.5, scales 0.25. */
  | ({ readonly name: 'bimixture-normal' } & Partial<MixtureNumbers>)
  /** `offsetNormal`: N(εz, e^{2εz'}) with z and z' of each element from the seed; ε 0.1, seed 0. */
  | { readonly name: 'eps-standard-normal'; readonly epsilon?: number; readonly seed?: number };

/**
 * The prior of these parameters, in the order of the flat vector. Kernels, fans and biases are what `Parameter.role`
 * and `fans` say. Throws a `SpecError` for scales and the like that are not positive.
 */
export function prior(parameters: readonly Parameter[], choice: PriorChoice): Prior {
  if (choice.name === 'eps-standard-normal') return offsetNormal(parameters, choice);
  const lawOf = laws(choice);
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

/** The law of each parameter; parameters of one law share the object. */
function laws(choice: Exclude<PriorChoice, { name: 'eps-standard-normal' }>): (parameter: Parameter) => Law {
  switch (choice.name) {
    case 'standard-normal':
      return everywhere(normal(0, 1));
    case 'normal':
      return everywhere(normal(choice.location ?? 0, choice.scale ?? 1));
    case 'shifted-normal': {
      const [rest, bias] = [0, choice.biasLocation ?? -1].map((location) => normal(location, choice.scale ?? 1));
      return ({ role }) => (role === 'bias' ? bias : rest);
    }
    case 'laplace':
      return everywhere(laplace(choice.location ?? 0, choice.scale ?? 1));
    case 'glorot':
      return byDeviation(glorot, (deviation) => normal(0, deviation));
    case 'he':
      return byDeviation(
        ({ fanIn }) => Math.sqrt(2 / fanIn),
        (deviation) => normal(0, deviation),
      );
    case 'glorot-laplace':
      return byDeviation(glorot, (deviation) => laplace(0, deviation * Math.SQRT1_2));
    case 'glorot-uniform':
      return byDeviation(glorot, (deviation) => softBox(deviation * Math.sqrt(3), choice.softness ?? 0.1));
    case 'trunc-normal':
      return everywhere(flatNormal(choice.scale ?? 1, choice.core ?? 0.5));
    case 'bimixture-normal':
      return everywhere(mixture({ weight: 0.5, locations: [-0.5, 0.5], scales: [0.25, 0.25], ...choice }));
  }
}

const everywhere = (law: Law) => () => law;
const glorot = ({ fanIn, fanOut }: Fans) => Math.sqrt(2 / (fanIn + fanOut));

/** A family by its deviation: of the fans for kernels, 1 for the rest. */
function byDeviation(deviationOf: (kernel: Fans) => number, law: (deviation: number) => Law) {
  const rest = law(1);
  return (parameter: Parameter) => {
    const kernel = fans(parameter);
    return kernel ? law(deviationOf(kernel)) : rest;
  };
}

/** Neighbours in the flat vector that share a law. */
interface Run {
  readonly law: Law;
  size: number;
}

function composed(runs: readonly Run[]): Omit<Prior, 'dim' | 'slope'> {
  const sum = (of: (law: Law) => number) => runs.reduce((total, { law, size }) => total + size * of(law), 0);
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
