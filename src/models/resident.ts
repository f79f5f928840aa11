/** Chains of a network whose vectors stay where its graphs run. */
import { shapeError } from '../errors.ts';
import { dot, sumOf } from '../math/sums.ts';
import type { Combination, Kept, Residence, ResidentChain, ResidentGraph } from '../residence.ts';
import type { TensorData } from '../types.ts';
import type { BayesianNetwork, NetworkBatch } from './posterior.ts';
import {
  learnGraph,
  meterGraph,
  moveGraph,
  type ReportingGraph,
  type ResidentScaling,
  renewGraph,
  type Segment,
  segmentsOf,
} from './resident-graphs.ts';
import { ChainVectors, LEARNING, MOVING } from './resident-vectors.ts';

export interface ResidentOptions {
  /** Rows of a batch. */
  readonly rows: number;
  readonly scaling: ResidentScaling;
  /** Whether the chains have a multiplier and noise moments. */
  readonly preconditioned: boolean;
  /** Numbers that lie together at most, larger parameters apart. Default 2²⁴. */
  readonly largest?: number;
}

/** A device, and how it compiles graphs of which some outputs stay. */
export interface ResidentDevice extends Residence {
  compile(graph: ReportingGraph, kept: readonly string[]): Promise<ResidentGraph>;
}

export interface ResidentNetwork {
  /** A new chain; `start` or `write` gives it vectors. */
  chain(): ResidentChain<NetworkBatch>;
  /** Frees the graphs, after the chains. */
  release(): Promise<void>;
}

/** What a run of a graph leaves on the device, and the quantities that it reports. */
interface Outcome {
  readonly kept: Readonly<Record<string, Kept>>;
  readonly told: Readonly<Record<string, number>>;
}
type Feeds = Record<string, TensorData | Kept>;

async function reporting(device: ResidentDevice, graph: ReportingGraph) {
  const kept = Object.keys(graph.outputs).filter((name) => name !== 'report');
  const compiled = await device.compile(graph, kept);
  return {
    async run(feeds: Feeds): Promise<Outcome> {
      const { kept, read } = await compiled.run(feeds);
      let next = 0;
      const told = Object.entries(graph.lengths).map(([name, length]) => {
        next += length;
        return [name, sumOf(read.report, next - length, next)];
      });
      return { kept, told: Object.fromEntries(told) };
    },
    release: compiled.release,
  };
}

/** Compiles the graphs of a network. Throws an `EngineError` where the device does not take them. */
export async function residentNetwork(
  network: BayesianNetwork,
  device: ResidentDevice,
  { rows, scaling, preconditioned, largest }: ResidentOptions,
): Promise<ResidentNetwork> {
  const segments = segmentsOf(network.parameters, largest);
  const move = await reporting(device, moveGraph(network, segments, rows, scaling, preconditioned));
  const meter = await reporting(device, meterGraph(segments));
  const learning = preconditioned && {
    learn: await reporting(device, learnGraph(segments)),
    renew: await reporting(device, renewGraph(segments)),
  };
  const graphs = { move, meter, ...(learning || {}) };
  return {
    chain: () => networkChain(segments, device, scaling, graphs),
    async release() {
      for (const graph of Object.values(graphs)) await graph.release();
    },
  };
}

type Graph = Awaited<ReturnType<typeof reporting>>;

const scalar = (value: number) => Float32Array.of(value);
const turnedBy = ({ gradient, velocity }: Combination) => ({
  ofGradient: scalar(gradient),
  ofVelocity: scalar(velocity),
});

function networkChain(
  segments: readonly Segment[],
  device: ResidentDevice,
  { priorScale, factor }: ResidentScaling,
  { move, meter, learn, renew }: { move: Graph; meter: Graph; learn?: Graph; renew?: Graph },
): ResidentChain<NetworkBatch> {
  const precision = 1 / priorScale ** 2;
  const fields = learn ? LEARNING : MOVING;
  const dim = segments.reduce((sum, { size }) => sum + size, 0);
  const vectors = new ChainVectors(segments, device, fields);
  const run = async (graph: Graph | undefined, feeds: Feeds) => {
    if (!graph) throw new TypeError('a resident chain without a preconditioner cannot learn');
    const { kept, told } = await graph.run({ ...vectors.feeds(), ...feeds });
    vectors.take(kept);
    return told;
  };
  const write = async (given: Readonly<Record<string, TensorData>>) => {
    for (const field of fields) {
      if (given[field]?.length === dim) continue;
      throw shapeError(
        `checkpoint: expected ${dim} numbers of '${field}', got ${given[field]?.length ?? 0}. ` +
          'It is of another version: run the fit again.',
      );
    }
    await vectors.write(Object.fromEntries(fields.map((field) => [field, given[field]])));
    vectors.mark();
  };
  return {
    dim,
    async start(theta, velocity) {
      const high = Float32Array.from(theta);
      const low = Float32Array.from(theta, (x, i) => x - high[i]);
      const multiplier = new Float32Array(dim).fill(1);
      const zeros = new Float32Array(dim);
      const rest = { slope: zeros, noise: zeros, mean: zeros, variance: zeros, multiplier };
      await write({ high, low, velocity: Float32Array.from(velocity), ...rest });
    },
    async move(turn, drift, { x, y }) {
      const told = await run(move, { ...turnedBy(turn), drift: scalar(drift), x, y });
      const { square, along, length, distance } = told;
      return {
        value: factor * told.logLikelihood - 0.5 * precision * told.position,
        square,
        along,
        length,
        distance,
      };
    },
    mark: () => vectors.mark(),
    async restore(velocity) {
      vectors.restore();
      const u = Float32Array.from(velocity);
      await vectors.write({ velocity: u });
      const g = await vectors.read('slope');
      const m = learn && (await vectors.read('multiplier'));
      const scaled = m ? g.map((slope, i) => m[i] * slope) : g;
      return { square: dot(scaled, scaled), along: dot(u, scaled), length: dot(u, u) };
    },
    learn: async (w, v) => (await run(learn, { w: scalar(w), v: scalar(v) })).total,
    async renew(turn, share, rest) {
      const { square, along, length } = await run(renew, {
        ...turnedBy(turn),
        share: scalar(share),
        rest: scalar(rest),
      });
      return { square, along, length };
    },
    async meter(w, share) {
      await run(meter, { w: scalar(w), half: scalar(0.5 * share) });
    },
    async position() {
      const low = await vectors.read('low');
      return Float64Array.from(await vectors.read('high'), (x, i) => x + low[i]);
    },
    async read() {
      const all: Record<string, Float32Array> = {};
      for (const field of fields) all[field] = await vectors.read(field);
      return all;
    },
    write,
    release: async () => vectors.release(),
  };
}
