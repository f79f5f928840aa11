/** The families of priors that a run can choose by name. */
import { type Fans, fans } from './fans.ts';
import { flatNormal, laplace, type MixtureNumbers, mixture, normal, type PriorLaw, softBox } from './laws.ts';
import type { Parameter } from './model.ts';
import { offsetNormal } from './offset-normal.ts';
import { independent, type Prior } from './prior.ts';

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
  return independent(parameters, laws(choice));
}

/** The law of each parameter; parameters of one law share the object. */
function laws(choice: Exclude<PriorChoice, { name: 'eps-standard-normal' }>): (parameter: Parameter) => PriorLaw {
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

const everywhere = (law: PriorLaw) => () => law;
const glorot = ({ fanIn, fanOut }: Fans) => Math.sqrt(2 / (fanIn + fanOut));

/** A family by its deviation: of the fans for kernels, 1 for the rest. */
function byDeviation(deviationOf: (kernel: Fans) => number, law: (deviation: number) => PriorLaw) {
  const rest = law(1);
  return (parameter: Parameter) => {
    const kernel = fans(parameter);
    return kernel ? law(deviationOf(kernel)) : rest;
  };
}
