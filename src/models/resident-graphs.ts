/**
 * The graphs of a resident chain: a move with the gradient at its end, the learning of noise moments, and a new multiplier.
 * Vectors are float32, a tensor for each parameter, and θ is the unevaluated sum of two, `high` and `low`: a step that is
 * small against the spacing of float32 numbers is not lost.
 */
import {
  add,
  concat,
  constant,
  gradient,
  input,
  mul,
  pad,
  reciprocal,
  reduceSum,
  reshape,
  sizeOfShape,
  sqrt,
  square,
  sub,
  type Tensor,
} from '../graph/index.ts';
import type { Parameter } from './model.ts';
import type { BayesianNetwork, GraphSpec, Scaling } from './posterior.ts';

/** A resident chain's vectors: g is `slope`, V `noise`, S² `variance`. */
export type Field = 'high' | 'low' | 'velocity' | 'slope' | 'noise' | 'multiplier' | 'mean' | 'variance';
export type Marked = 'high' | 'low' | 'slope';
export type Fed = Field | `marked ${Marked}`;

/** A graph whose outputs stay, apart from `report`: for each quantity in turn so many numbers, of which it is the sum. */
export interface ReportingGraph extends GraphSpec {
  readonly lengths: Readonly<Record<string, number>>;
}

/** Names of inputs and outputs, which no tensor of a user's file can take from the batch. */
export const fedAs = (field: Fed, parameter: string) => `${field} of ${parameter}`;
export const keptAs = (field: Field, parameter: string) => `next ${field} of ${parameter}`;

/** Builds a graph over a network's parameters. */
function building(parameters: readonly Parameter[]) {
  const inputs: Record<string, Tensor> = {};
  const outputs: Record<string, Tensor> = {};
  const fed = (name: string, shape: readonly number[]) => {
    inputs[name] ??= input(name, shape);
    return inputs[name];
  };
  return {
    fed,
    scalar: (name: string) => fed(name, []),
    /** The field's tensor of every parameter. */
    all: (field: Fed) => parameters.map(({ name, shape }) => fed(fedAs(field, name), [1, ...shape])),
    keep(field: Field, tensors: readonly Tensor[]): void {
      for (const [i, { name }] of parameters.entries()) outputs[keptAs(field, name)] = tensors[i];
    },
    /** One tensor reports all quantities, so that one transfer brings them. */
    reporting(quantities: Readonly<Record<string, readonly Tensor[]>>): ReportingGraph {
      const lengths = Object.entries(quantities).map(([name, tensors]) => [
        name,
        tensors.reduce((sum, { shape }) => sum + sizeOfShape(shape), 0),
      ]);
      const report = concat(Object.values(quantities).flat(), 0);
      return { inputs, outputs: { ...outputs, report }, lengths: Object.fromEntries(lengths) };
    },
  };
}

/** Partial sums have at most so many terms: longer ones lose digits in float32. */
const TERMS = 1024;

/** Partial sums `[n]` of all elements. */
export function partialSums(x: Tensor): Tensor {
  const size = sizeOfShape(x.shape);
  let terms = Math.min(size, TERMS);
  while (size % terms !== 0) terms--;
  if (terms < Math.min(size, TERMS / 8)) terms = TERMS;
  const rows = Math.ceil(size / terms);
  return reduceSum(reshape(pad(reshape(x, [size]), [0], [rows * terms - size]), [rows, terms]), [1]);
}

const sumsOf = (tensors: readonly Tensor[]) => tensors.map(partialSums);
const squaresOf = (tensors: readonly Tensor[]) => sumsOf(tensors.map(square));
const times = (a: readonly Tensor[], b: readonly Tensor[]) => a.map((x, i) => mul(x, b[i]));

/** a + b and what rounding took from it (Knuth 1997, TwoSum): the two results add to a + b exactly. */
export function twoSum(a: Tensor, b: Tensor): [Tensor, Tensor] {
  const sum = add(a, b);
  const ofB = sub(sum, a);
  return [sum, add(sub(a, sub(sum, ofB)), sub(b, ofB))];
}

/** gradient · g + velocity · u. */
function turned(graph: ReturnType<typeof building>, g: readonly Tensor[]): Tensor[] {
  const [ofGradient, ofVelocity] = [graph.scalar('ofGradient'), graph.scalar('ofVelocity')];
  return graph.all('velocity').map((u, i) => add(mul(ofGradient, g[i]), mul(ofVelocity, u)));
}

/** ‖g‖², u·g and ‖u‖², where g is m ⊙ g already. */
const productsOf = (g: readonly Tensor[], u: readonly Tensor[]) => ({
  square: squaresOf(g),
  along: sumsOf(times(u, g)),
  length: squaresOf(u),
});

/**
 * u ← ofGradient (m ⊙ g) + ofVelocity u, θ ← θ + drift (m ⊙ u), then g there on the batch `x`, `y` of so many rows. Reports the rows'
 * log likelihood, the new products, ‖θ‖² and the squared distance from the mark.
 */
export function moveGraph(
  { parameters, inputs, model, likelihood }: BayesianNetwork,
  rows: number,
  { priorScale, factor }: Scaling,
  preconditioned: boolean,
): ReportingGraph {
  const graph = building(parameters);
  const scaled = (v: readonly Tensor[]) => (preconditioned ? times(v, graph.all('multiplier')) : v);
  const velocity = turned(graph, scaled(graph.all('slope')));
  const drift = graph.scalar('drift');
  const [lows, along] = [graph.all('low'), scaled(velocity)];
  const moved = graph.all('high').map((high, i) => {
    const [sum, error] = twoSum(high, mul(drift, along[i]));
    return twoSum(sum, add(lows[i], error));
  });
  const [high, low] = [moved.map(([sum]) => sum), moved.map(([, error]) => error)];

  const named = Object.fromEntries(parameters.map(({ name }, i) => [name, high[i]]));
  const x = graph.fed('x', [1, inputs, rows]);
  const y = graph.fed('y', [1, likelihood.targets, rows]);
  const logLikelihood = likelihood.logLikelihood(model.forward(named, x), named, y);
  const slopes = gradient(mul(constant(factor, logLikelihood), logLikelihood), high);
  const slope = slopes.map((g, i) => add(g, priorSlope(high[i], priorScale)));

  for (const [field, tensors] of Object.entries({ high, low, velocity, slope })) graph.keep(field as Field, tensors);
  const [fromHigh, fromLow] = [graph.all('marked high'), graph.all('marked low')];
  const way = high.map((h, i) => add(sub(h, fromHigh[i]), sub(low[i], fromLow[i])));
  return graph.reporting({
    logLikelihood: [reshape(logLikelihood, [rows])],
    ...productsOf(scaled(slope), velocity),
    position: squaresOf(high),
    distance: squaresOf(way),
  });
}

/** The slope of a parameter's log prior N(0, scale²). */
const priorSlope = (value: Tensor, scale: number) => mul(value, constant(-1 / scale ** 2, value));

/** V ← V + w(½(g − g at the mark)² − V). Reports the sum of V. */
export function meterGraph({ parameters }: BayesianNetwork): ReportingGraph {
  const graph = building(parameters);
  const [g, marked, w] = [graph.all('slope'), graph.all('marked slope'), graph.scalar('w')];
  const noise = graph.all('noise').map((v, i) => {
    const difference = sub(g[i], marked[i]);
    return add(v, mul(w, sub(mul(square(difference), constant(0.5, v)), v)));
  });
  graph.keep('noise', noise);
  return graph.reporting({ total: sumsOf(noise) });
}

/** μ ← μ + v(g − μ), S² ← S² + w((g − μ)² − S²). Reports the sum of S². */
export function learnGraph({ parameters }: BayesianNetwork): ReportingGraph {
  const graph = building(parameters);
  const [g, means, variances] = [graph.all('slope'), graph.all('mean'), graph.all('variance')];
  const [w, v] = [graph.scalar('w'), graph.scalar('v')];
  const mean = means.map((m, i) => add(m, mul(v, sub(g[i], m))));
  const variance = variances.map((s, i) => add(s, mul(w, sub(square(sub(g[i], mean[i])), s))));
  graph.keep('mean', mean);
  graph.keep('variance', variance);
  return graph.reporting({ total: sumsOf(variance) });
}

/** u ← ofGradient (m ⊙ g) + ofVelocity u, then m ← 1/√(share · S² + rest). Reports the new products. */
export function renewGraph({ parameters }: BayesianNetwork): ReportingGraph {
  const graph = building(parameters);
  const [share, rest] = [graph.scalar('share'), graph.scalar('rest')];
  const velocity = turned(graph, times(graph.all('slope'), graph.all('multiplier')));
  const multiplier = graph.all('variance').map((s) => reciprocal(sqrt(add(mul(share, s), rest))));
  graph.keep('velocity', velocity);
  graph.keep('multiplier', multiplier);
  return graph.reporting(productsOf(times(graph.all('slope'), multiplier), velocity));
}
