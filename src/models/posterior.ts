/**
 * The posterior of a network: log p(θ | D) = log prior + (N/|b|) Σ_{i∈b} log p(y_i | x_i, θ) + const.
 *
 * The graphs hold the likelihood in float32. The prior, the sum over rows and all that the sampler sees are float64.
 */
import { gradient, input, reduceSum, type Tensor } from '../graph/index.ts';
import { sumOf, sumOfSquares } from '../math/sums.ts';
import type { CompiledGraph, LogDensity, TensorData } from '../types.ts';
import type { Likelihood } from './likelihood.ts';
import { dimensionOf, type Model, type Parameter, unflatten } from './model.ts';

/** A mini-batch for a block of C chains, features before rows. */
export interface NetworkBatch {
  /** Inputs `[C, p, B]`. */
  readonly x: Float32Array;
  /** Targets `[C, 1, B]`, or one-hot `[C, K, B]`. */
  readonly y: Float32Array;
}

/** A graph as the engine takes it. */
export interface GraphSpec {
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly outputs: Readonly<Record<string, Tensor>>;
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

export function bayesianNetwork(model: Model, likelihood: Likelihood, inputs: number): BayesianNetwork {
  const parameters = [...model.parameters, ...likelihood.parameters];
  return { model, likelihood, parameters, dim: dimensionOf(parameters), inputs };
}

type Dtype = 'float32' | 'float64';

function forward(network: BayesianNetwork, chains: number, xChains: number, rows: number, dtype: Dtype) {
  const theta = input('theta', [chains, network.dim], dtype);
  const x = input('x', [xChains, network.inputs, rows], dtype);
  const named = unflatten(theta, network.parameters);
  return { theta, x, named, outputs: network.model.forward(named, x) };
}

/** Log likelihood of every row `[C, B]` and the gradient of its sum `[C, d]`, each chain on its own rows. */
export function likelihoodGraph(
  network: BayesianNetwork,
  chains: number,
  rows: number,
  dtype: Dtype = 'float32',
): GraphSpec {
  const { theta, x, named, outputs } = forward(network, chains, chains, rows, dtype);
  const y = input('y', [chains, network.likelihood.targets, rows], dtype);
  const logLikelihood = network.likelihood.logLikelihood(outputs, named, y);
  const [slope] = gradient(reduceSum(logLikelihood, [0, 1]), [theta]);
  return { inputs: { theta, x, y }, outputs: { logLikelihood, gradient: slope } };
}

/** What C members predict for the same rows: `x` is `[1, p, B]`. */
export function predictionGraph(network: BayesianNetwork, chains: number, rows: number): GraphSpec {
  const { theta, x, named, outputs } = forward(network, chains, 1, rows, 'float32');
  return { inputs: { theta, x }, outputs: network.likelihood.predict(outputs, named) };
}

/** An isotropic normal prior N(0, scale²) on every parameter; Infinity for none. */
export interface NormalPrior {
  readonly scale: number;
}

/**
 * The log density over a compiled `likelihoodGraph`. `scale` is N/|b|. A run's buffers are reused, so one evaluation
 * must have ended before the next begins (as a chain does).
 */
export function networkLogDensity(
  compiled: CompiledGraph,
  dim: number,
  prior: NormalPrior,
  scale: number,
): LogDensity<NetworkBatch> {
  const precision = 1 / prior.scale ** 2;
  let theta32 = new Float32Array(0);
  return {
    dim,
    async evaluate(theta, { x, y }, value, grad) {
      if (theta32.length !== theta.length) theta32 = new Float32Array(theta.length);
      theta32.set(theta);
      const { logLikelihood, gradient: slope } = await compiled.run({ theta: theta32, x, y });
      const rows = logLikelihood.length / value.length;
      for (let c = 0; c < value.length; c++) {
        const prior = addPrior(grad, slope, theta, c * dim, (c + 1) * dim, scale, precision);
        value[c] = prior + scale * sumOf(logLikelihood, c * rows, (c + 1) * rows);
      }
    },
  };
}

/** grad = scale·slope − precision·θ over [at, end); returns the log prior −½ precision ‖θ‖². */
function addPrior(
  grad: Float64Array,
  slope: TensorData,
  theta: Float64Array,
  at: number,
  end: number,
  scale: number,
  precision: number,
): number {
  for (let i = at; i < end; i++) grad[i] = scale * slope[i] - precision * theta[i];
  return -0.5 * precision * sumOfSquares(theta, at, end);
}
