/** The posterior of a network: log p(θ | D) = log prior + (N/|b|) Σ_{i∈b} log p(y_i | x_i, θ) + const. */

import { shapeError } from '../errors.ts';
import { add, cast, constant, type Dtype, gradient, input, mul, peakBytes, type Tensor } from '../graph/index.ts';
import { sumOf } from '../math/sums.ts';
import type { ByRows, CompiledGraph, Key, LogDensity } from '../types.ts';
import type { Likelihood } from './likelihood.ts';
import { dimensionOf, type Model, type Parameter, sizeOf, startValues, unflatten } from './model.ts';
import { isotropic, type Prior } from './prior.ts';

/** A mini-batch for a block of C chains, features before rows. */
export interface NetworkBatch {
  /** Inputs `[C, p, B]`. */
  readonly x: Float32Array;
  /** Targets `[C, targets, B]`: one number, one-hot classes, or the class of each place of a window. */
  readonly y: Float32Array;
}

/** A graph as the engine takes it. */
export interface GraphSpec {
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** The output that ends the forward pass, where there is a backward pass. */
  readonly forward?: string;
  /** How it is put together from parts of its rows. */
  readonly byRows?: ByRows<GraphSpec>;
}

/** A network with its likelihood: everything that defines the posterior but the data. */
export interface BayesianNetwork {
  readonly model: Model;
  readonly likelihood: Likelihood;
  /** The network's parameters, then the likelihood's, in the order of the flat vector. */
  readonly parameters: readonly Parameter[];
  /** d. */
  readonly dim: number;
  /** Input width p. */
  readonly inputs: number;
}

export function bayesianNetwork(given: Model, likelihood: Likelihood, inputs: number): BayesianNetwork {
  const model = withOwnNames(given, likelihood.parameters);
  const parameters = [...model.parameters, ...likelihood.parameters];
  return { model, likelihood, parameters, dim: dimensionOf(parameters), inputs };
}

/** A model none of whose parameters is called as one of the likelihood's: those that are get a name of their own. */
function withOwnNames(model: Model, others: readonly Parameter[]): Model {
  const taken = new Set([...others, ...model.parameters].map(({ name }) => name));
  const own = new Map<string, string>();
  for (const { name } of model.parameters) {
    if (!others.some((other) => other.name === name)) continue;
    let free = `network.${name}`;
    while (taken.has(free)) free = `network.${free}`;
    taken.add(free);
    own.set(name, free);
  }
  if (own.size === 0) return model;
  const parameters = model.parameters.map((each) => ({ ...each, name: own.get(each.name) ?? each.name }));
  const forward: Model['forward'] = (named, x) => {
    const theirs = model.parameters.map(({ name }) => [name, named[own.get(name) ?? name]]);
    return model.forward(Object.fromEntries(theirs), x);
  };
  return { ...model, parameters, forward };
}

/** Start values of chain `chain` `[d]`. */
export function initial({ model, likelihood, parameters, dim }: BayesianNetwork, key: Key, chain = 0): Float64Array {
  if (!model.initial) return startValues(parameters, key);
  const values = new Float64Array(dim);
  values.set(model.initial(key, chain));
  values.set(startValues(likelihood.parameters, key), dimensionOf(model.parameters));
  return values;
}

interface Forward {
  readonly chains: number;
  /** Leading length of x: one set of rows for each chain, or 1 for rows that all chains share. */
  readonly xChains: number;
  readonly rows: number;
  /** The type that the network computes in. */
  readonly dtype: Dtype;
}

/** Parameters come in as float64 `[C, d]`, as samplers hold them. */
function forward(network: BayesianNetwork, { chains, xChains, rows, dtype }: Forward) {
  const theta = input('theta', [chains, network.dim], 'float64');
  const narrow = cast(theta, dtype);
  const x = input('x', [xChains, network.inputs, rows], dtype);
  const named = unflatten(narrow, network.parameters);
  return { theta, narrow, x, named, outputs: network.model.forward(named, x) };
}

function withTargets(network: BayesianNetwork, chains: number, rows: number, dtype: Dtype) {
  const { named, outputs, ...parts } = forward(network, { chains, xChains: chains, rows, dtype });
  const y = input('y', [chains, network.likelihood.targets, rows], dtype);
  return { ...parts, y, logLikelihood: network.likelihood.logLikelihood(outputs, named, y) };
}

/** Log likelihood of every row `[C, B]`, each chain on its own rows. */
export function likelihoodGraph(network: BayesianNetwork, chains: number, rows: number): GraphSpec {
  const { theta, x, y, logLikelihood } = withTargets(network, chains, rows, 'float32');
  return { inputs: { theta, x, y }, outputs: { logLikelihood } };
}

/** What C members predict for the same rows: `x` is `[1, p, B]`. */
export function predictionGraph(network: BayesianNetwork, chains: number, rows: number): GraphSpec {
  const { theta, x, named, outputs } = forward(network, { chains, xChains: 1, rows, dtype: 'float32' });
  return { inputs: { theta, x }, outputs: network.likelihood.predict(outputs, named) };
}

/** The parts of a log posterior and their weights. */
export type Scaling = {
  /** Factor of the batch's log likelihood, N/|b|. */
  readonly factor: number;
} & (
  | {
      /** The prior, made of the network's `parameters`. */
      readonly prior: Prior;
    }
  | {
      /** Scale of the isotropic normal prior N(0, scale²) on every parameter; Infinity for none. */
      readonly priorScale: number;
    }
);

function priorOf(scaling: Scaling, dim: number): Prior {
  const prior = 'prior' in scaling ? scaling.prior : isotropic(dim, scaling.priorScale);
  if (prior.dim === dim) return prior;
  throw shapeError(`prior: expected one of ${dim} parameters, got one of ${prior.dim}. Make it of the network's own.`);
}

/**
 * What the posterior needs of the network: the log likelihood of every row `[C, B]`, and the gradient `[C, d]` (float64)
 * of `factor` times its sum plus the log prior, each chain on its own rows.
 */
export function posteriorGraph(
  network: BayesianNetwork,
  chains: number,
  rows: number,
  scaling: Scaling,
  dtype: Dtype = 'float32',
): GraphSpec {
  return partOfPosterior(network, chains, rows, scaling, dtype, 1);
}

/** The same with a share of the prior's gradient. */
function partOfPosterior(
  network: BayesianNetwork,
  chains: number,
  rows: number,
  scaling: Scaling,
  dtype: Dtype,
  share: number,
): GraphSpec {
  const { theta, narrow, x, y, logLikelihood } = withTargets(network, chains, rows, dtype);
  const [slope] = gradient(mul(constant(scaling.factor, logLikelihood), logLikelihood), [narrow]);
  const pull = priorOf(scaling, network.dim).flatSlope(narrow);
  const pulled = add(slope, mul(constant(share, pull), pull));
  const outputs = { logLikelihood, gradient: cast(pulled, 'float64') };
  const byRows = {
    rows,
    along: ALONG,
    part: (count: number, of: number) => partOfPosterior(network, chains, count, scaling, dtype, share * of),
    portion: () => portionOf(network, rows, () => posteriorGraph(network, 1, rows, scaling, dtype)),
  };
  return { inputs: { theta, x, y }, outputs, forward: 'logLikelihood', byRows };
}

/** What has rows in it, of the graphs of a posterior. */
const ALONG = ['x', 'y', 'logLikelihood'];

/** Bytes that are best not exceeded at a time: more would go through the memory, less makes calls that are too small. */
const AT_HAND = 20e6;
/** Rows of which no fewer are best computed at a time. */
const FEWEST = 64;

/**
 * Rows to compute at a time: halves as long as what is computed from them stays large and outweighs the parameters, whose gradients
 * each portion adds to. It depends on shapes alone, and not on how many chains there are.
 */
function portionOf({ dim }: BayesianNetwork, rows: number, ofOneChain: () => GraphSpec): number {
  if (rows % 2 === 1 || rows < 2 * FEWEST) return rows;
  const parameters = 8 * dim;
  const work = peakBytes(ofOneChain().outputs) - parameters;
  const isLarge = (portion: number) => (work * portion) / rows > Math.max(AT_HAND, 16 * parameters);
  let portion = rows;
  while (portion % 2 === 0 && portion >= 2 * FEWEST && isLarge(portion)) portion /= 2;
  return portion;
}

/** d from which a network's parameters are fed one by one: joining and cutting them would take more than they bring. */
export const SEPARATE = 100_000;

/** Names of the graph's inputs and outputs, which no tensor of a user's file can take from the batch. */
const numbersOf = (name: string) => `value of ${name}`;
const slopeOf = (name: string) => `slope of ${name}`;

/**
 * `posteriorGraph` for one chain of a large network: parameters and their gradients are inputs and outputs of their own,
 * so that the runtime reads and writes slices of two flat arrays and copies neither. The prior is left to the caller.
 */
export function separateGraph(network: BayesianNetwork, rows: number, factor: number): GraphSpec {
  const { parameters, inputs, model, likelihood } = network;
  const named = Object.fromEntries(parameters.map(({ name, shape }) => [name, input(numbersOf(name), [1, ...shape])]));
  const x = input('x', [1, inputs, rows]);
  const y = input('y', [1, likelihood.targets, rows]);
  const logLikelihood = likelihood.logLikelihood(model.forward(named, x), named, y);
  const scaled = mul(constant(factor, logLikelihood), logLikelihood);
  // By the list: an object puts names that are numbers first.
  const slopes = gradient(
    scaled,
    parameters.map(({ name }) => named[name]),
  );
  return {
    inputs: { ...Object.fromEntries(parameters.map(({ name }) => [numbersOf(name), named[name]])), x, y },
    outputs: {
      logLikelihood,
      ...Object.fromEntries(parameters.map(({ name }, i) => [slopeOf(name), slopes[i]])),
    },
    forward: 'logLikelihood',
    byRows: {
      rows,
      along: ALONG,
      part: (count) => separateGraph(network, count, factor),
      portion: () => portionOf(network, rows, () => separateGraph(network, rows, factor)),
    },
  };
}

/** The log density over a compiled `separateGraph`: chain by chain, the prior in float64. */
export function separateLogDensity(
  compiled: CompiledGraph,
  { parameters, dim }: BayesianNetwork,
  scaling: Scaling,
): LogDensity<NetworkBatch> {
  const prior = priorOf(scaling, dim);
  const narrow = new Float32Array(dim);
  const slope = new Float32Array(dim);
  const feeds: Record<string, Float32Array> = {};
  const into: Record<string, Float32Array> = {};
  let next = 0;
  for (const { name, shape } of parameters) {
    const end = next + sizeOf(shape);
    feeds[numbersOf(name)] = narrow.subarray(next, end);
    into[slopeOf(name)] = slope.subarray(next, end);
    next = end;
  }
  return {
    dim,
    async evaluate(theta, { x, y }, value, grad) {
      const chains = value.length;
      const part = (all: Float32Array, c: number) =>
        all.subarray((c * all.length) / chains, ((c + 1) * all.length) / chains);
      for (let c = 0; c < chains; c++) {
        const at = c * dim;
        narrow.set(theta.subarray(at, at + dim));
        const { logLikelihood } = await compiled.run({ ...feeds, x: part(x, c), y: part(y, c) }, into);
        grad.set(slope, at);
        prior.addSlope(theta, at, grad);
        value[c] = prior.logDensity(theta, at) + scaling.factor * sumOf(logLikelihood, 0, logLikelihood.length);
      }
    },
  };
}

/**
 * The log density over a compiled `posteriorGraph` of the same scaling. A block of more chains than the graph has is
 * evaluated group by group; the last group may overlap the one before.
 */
export function networkLogDensity(
  compiled: CompiledGraph,
  dim: number,
  scaling: Scaling,
  chainsPerGraph = Number.POSITIVE_INFINITY,
): LogDensity<NetworkBatch> {
  const prior = priorOf(scaling, dim);
  return {
    dim,
    async evaluate(theta, { x, y }, value, grad) {
      const chains = value.length;
      const group = Math.min(chainsPerGraph, chains);
      for (let next = 0; next < chains; next += group) {
        const from = Math.min(next, chains - group);
        const part = <A extends Float32Array | Float64Array>(all: A): A =>
          group === chains
            ? all
            : (all.subarray((from * all.length) / chains, ((from + group) * all.length) / chains) as A);
        const { logLikelihood } = await compiled.run(
          { theta: part(theta), x: part(x), y: part(y) },
          { gradient: part(grad) },
        );
        const rows = logLikelihood.length / group;
        for (let c = 0; c < group; c++) {
          const at = (from + c) * dim;
          const likelihood = scaling.factor * sumOf(logLikelihood, c * rows, (c + 1) * rows);
          value[from + c] = prior.logDensity(theta, at) + likelihood;
        }
      }
    },
  };
}
