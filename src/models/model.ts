/** What a network is to the rest: named parameters in one flat vector, their start values, and a forward pass. */
import { concat, reshape, split, type Tensor, transpose } from '../graph/index.ts';
import { normals } from '../math/random.ts';
import { fold } from '../math/threefry.ts';
import type { Key } from '../types.ts';

/** How a parameter starts: one value everywhere, N(0, 1/fanIn) (LeCun et al. 1998), or N(0, deviation²). */
type Start = { readonly constant: number } | { readonly fanIn: number } | { readonly deviation: number };

/**
 * What a parameter is to the layer that has it: a kernel with its outputs along the first axis and its inputs along the
 * second (further axes are those of an image's filters), a kernel the other way round, a bias, or anything else: scales,
 * thresholds, embeddings, positions, log σ.
 */
export type Role = 'outIn' | 'inOut' | 'bias' | 'other';

/** One named parameter: its place in the flat vector follows the order of the list. */
export interface Parameter {
  readonly name: string;
  /** Shape for one chain, for example `[out, in]`. */
  readonly shape: readonly number[];
  readonly start: Start;
  /** Default `other`; priors look at it. */
  readonly role?: Role;
}

/** A network for a block of C chains. */
export interface Model {
  readonly name: string;
  readonly parameters: readonly Parameter[];
  /** Start values of chain `chain` (0) `[d]`, where they are not what each parameter's `start` says. */
  initial?(key: Key, chain?: number): Float64Array;
  /**
   * From parameters `[C, …shape]` by name and inputs `[C or 1, features, rows]` to outputs `[C, outputs, rows]`, or
   * `[C, outputs, places·rows]` where each row has several places, all rows of a place together.
   */
  forward(parameters: Readonly<Record<string, Tensor>>, x: Tensor): Tensor;
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

/** d: the number of scalars in a list of parameters. */
export const dimensionOf = (parameters: readonly Parameter[]): number =>
  parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0);

/** Cuts the flat vectors `theta` `[C, d]` into the named parameters `[C, …shape]`. */
export function unflatten(theta: Tensor, parameters: readonly Parameter[]): Record<string, Tensor> {
  const chains = theta.shape[0];
  const pieces = split(
    theta,
    1,
    parameters.map(({ shape }) => sizeOf(shape)),
  );
  return Object.fromEntries(parameters.map(({ name, shape }, i) => [name, reshape(pieces[i], [chains, ...shape])]));
}

/** Start values of one chain `[d]`; parameter i draws from `fold(key, i)`. */
export function startValues(parameters: readonly Parameter[], key: Key): Float64Array {
  const values = new Float64Array(dimensionOf(parameters));
  let at = 0;
  for (const [i, { shape, start }] of parameters.entries()) {
    const part = values.subarray(at, at + sizeOf(shape));
    at += part.length;
    if ('constant' in start) part.fill(start.constant);
    else {
      normals(fold(key, i), part);
      if ('fanIn' in start) for (let j = 0; j < part.length; j++) part[j] /= Math.sqrt(start.fanIn);
      else for (let j = 0; j < part.length; j++) part[j] *= start.deviation;
    }
  }
  return values;
}

/**
 * A block of chains from a network for one chain, chain by chain: `network` maps parameters by name and inputs
 * `[rows, features]` to `[outputs, places·rows]`.
 */
export function eachChain(
  network: (parameters: Readonly<Record<string, Tensor>>, x: Tensor) => Tensor,
): Model['forward'] {
  return (parameters, x) => {
    const names = Object.keys(parameters);
    const chains = parameters[names[0]].shape[0];
    const one = (t: Tensor) => reshape(t, t.shape.slice(1));
    const cut = (t: Tensor) => (t.shape[0] === 1 ? [one(t)] : split(t, 0, new Array(chains).fill(1)).map(one));
    const pieces = names.map((name) => cut(parameters[name]));
    const inputs = cut(x).map((t) => transpose(t, [1, 0]));
    const outputs = Array.from({ length: chains }, (_, c) => {
      const own = Object.fromEntries(names.map((name, i) => [name, pieces[i][c]]));
      const y = network(own, inputs[inputs.length === 1 ? 0 : c]);
      return reshape(y, [1, ...y.shape]);
    });
    return concat(outputs, 0);
  };
}
