/**
 * The graphs of a resident chain: a move with the gradient at its end, the learning of noise moments, and a new multiplier.
 * Vectors are float32, and θ is the unevaluated sum of two, `high` and `low`: a step that is small against the spacing of
 * float32 numbers is not lost.
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
  slice,
  sqrt,
  square,
  sub,
  type Tensor,
} from '../graph/index.ts';
import { type Parameter, sizeOf } from './model.ts';
import type { BayesianNetwork, GraphSpec } from './posterior.ts';

/** A resident chain's vectors: g is `slope`, V `noise`, S² `variance`. */
export type Field = 'high' | 'low' | 'velocity' | 'slope' | 'noise' | 'multiplier' | 'mean' | 'variance';
export type Marked = 'high' | 'low' | 'slope';
export type Fed = Field | `marked ${Marked}`;

/** A graph whose outputs stay, apart from a `report`: for each quantity in turn so many numbers, of which it is the sum. */
export interface ReportingGraph extends GraphSpec {
  readonly lengths: Readonly<Record<string, number>>;
}

/** Weights of the log posterior's parts: the likelihood's factor N/|b|, and the scale of the prior N(0, scale²). */
export interface ResidentScaling {
  readonly factor: number;
  readonly priorScale: number;
}

/** Consecutive parameters, of which a vector's numbers lie in one tensor `[1, size]`. */
export interface Segment {
  readonly parameters: readonly Parameter[];
  readonly size: number;
}

/** Numbers of a segment, larger parameters apart: WebGPU promises buffers of twice as many bytes. */
const SEGMENT = 2 ** 24;

/** The parameters in as few segments as a GPU's buffers allow: a pass over a tensor costs a launch, however short it is. */
export function segmentsOf(parameters: readonly Parameter[], largest = SEGMENT): Segment[] {
  const segments: Segment[] = [];
  for (const parameter of parameters) {
    const size = sizeOf(parameter.shape);
    const last = segments.at(-1);
    if (!last || last.size + size > largest) segments.push({ parameters: [parameter], size });
    else segments.push({ parameters: [...segments.pop()!.parameters, parameter], size: last.size + size });
  }
  return segments;
}

/** Names of a segment's inputs and outputs. */
export const fedAs = (field: Fed, segment: number) => `${field} ${segment}`;
export const keptAs = (field: Field, segment: number) => `next ${field} ${segment}`;

/** Builds a graph over a network's segments. */
function building(segments: readonly Segment[]) {
  const inputs: Record<string, Tensor> = {};
  const outputs: Record<string, Tensor> = {};
  const fed = (name: string, shape: readonly number[]) => {
    inputs[name] ??= input(name, shape);
    return inputs[name];
  };
  return {
    fed,
    scalar: (name: string) => fed(name, []),
    /** The field's tensor of every segment. */
    all: (field: Fed) => segments.map(({ size }, i) => fed(fedAs(field, i), [1, size])),
    keep(field: Field, tensors: readonly Tensor[]): void {
      for (const [i, tensor] of tensors.entries()) outputs[keptAs(field, i)] = tensor;
    },
    /** One tensor reports all quantities, so that one transfer brings them. */
    reporting(quantities: Readonly<Record<string, readonly Tensor[]>> = {}): ReportingGraph {
      const lengths = Object.entries(quantities).map(([name, tensors]) => [
        name,
        tensors.reduce((sum, { shape }) => sum + sizeOfShape(shape), 0),
      ]);
      const parts = Object.values(quantities).flat();
      const report = parts.length > 0 && { report: concat(parts, 0) };
      return { inputs, outputs: { ...outputs, ...report }, lengths: Object.fromEntries(lengths) };
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
  { inputs, model, likelihood }: BayesianNetwork,
  segments: readonly Segment[],
  rows: number,
  { priorScale, factor }: ResidentScaling,
  preconditioned: boolean,
): ReportingGraph {
  const graph = building(segments);
  const scaled = (v: readonly Tensor[]) => (preconditioned ? times(v, graph.all('multiplier')) : v);
  const velocity = turned(graph, scaled(graph.all('slope')));
  const drift = graph.scalar('drift');
  const [lows, along] = [graph.all('low'), scaled(velocity)];
  const moved = graph.all('high').map((high, i) => {
    const [sum, error] = twoSum(high, mul(drift, along[i]));
    return twoSum(sum, add(lows[i], error));
  });
  const [high, low] = [moved.map(([sum]) => sum), moved.map(([, error]) => error)];

  const cuts = segments.map(({ parameters }, i) => cut(high[i], parameters));
  const named = Object.fromEntries(cuts.flat());
  const x = graph.fed('x', [1, inputs, rows]);
  const y = graph.fed('y', [1, likelihood.targets, rows]);
  const logLikelihood = likelihood.logLikelihood(model.forward(named, x), named, y);
  const pieces = cuts.flat().map(([, piece]) => piece);
  const slopes = gradient(mul(constant(factor, logLikelihood), logLikelihood), pieces);
  const slope = cuts.map(({ length }, i) => {
    const own = slopes.splice(0, length).map((g) => reshape(g, [1, sizeOfShape(g.shape)]));
    return add(concat(own, 1), priorSlope(high[i], priorScale));
  });

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

/** A segment's parameters, each a slice: WebGPU's Split has no more outputs than a shader has buffers. */
function cut(segment: Tensor, parameters: readonly Parameter[]): [string, Tensor][] {
  let next = 0;
  return parameters.map(({ name, shape }) => {
    next += sizeOf(shape);
    return [name, reshape(slice(segment, 1, next - sizeOf(shape), next), [1, ...shape])];
  });
}

/** The slope of the log prior N(0, scale²). */
const priorSlope = (value: Tensor, scale: number) => mul(value, constant(-1 / scale ** 2, value));

/** V ← V + w(half · (g − g at the mark)² − V). */
export function meterGraph(segments: readonly Segment[]): ReportingGraph {
  const graph = building(segments);
  const [g, marked] = [graph.all('slope'), graph.all('marked slope')];
  const [w, half] = [graph.scalar('w'), graph.scalar('half')];
  const noise = graph.all('noise').map((v, i) => {
    const difference = sub(g[i], marked[i]);
    return add(v, mul(w, sub(mul(square(difference), half), v)));
  });
  graph.keep('noise', noise);
  return graph.reporting();
}

/** μ ← μ + v(g − μ), S² ← S² + w((g − μ)² − S²). Reports the sum of S². */
export function learnGraph(segments: readonly Segment[]): ReportingGraph {
  const graph = building(segments);
  const [g, means, variances] = [graph.all('slope'), graph.all('mean'), graph.all('variance')];
  const [w, v] = [graph.scalar('w'), graph.scalar('v')];
  const mean = means.map((m, i) => add(m, mul(v, sub(g[i], m))));
  const variance = variances.map((s, i) => add(s, mul(w, sub(square(sub(g[i], mean[i])), s))));
  graph.keep('mean', mean);
  graph.keep('variance', variance);
  return graph.reporting({ total: sumsOf(variance) });
}

/** u ← ofGradient (m ⊙ g) + ofVelocity u, then m ← 1/√(share · S² + rest). Reports the new products. */
export function renewGraph(segments: readonly Segment[]): ReportingGraph {
  const graph = building(segments);
  const [share, rest] = [graph.scalar('share'), graph.scalar('rest')];
  const velocity = turned(graph, times(graph.all('slope'), graph.all('multiplier')));
  const multiplier = graph.all('variance').map((s) => reciprocal(sqrt(add(mul(share, s), rest))));
  graph.keep('velocity', velocity);
  graph.keep('multiplier', multiplier);
  return graph.reporting(productsOf(times(graph.all('slope'), multiplier), velocity));
}
