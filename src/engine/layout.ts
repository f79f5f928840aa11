/** How a block of chains is best evaluated: how many share a graph, and with how many threads. */
import { freemem } from 'node:os';
import { engineError } from '../errors.ts';
import { peakBytes, sizeOfShape, type Tensor } from '../graph/index.ts';
import type { TensorData } from '../types.ts';
import { compile, type Device } from './session.ts';

export interface Layout {
  readonly chainsPerGraph: number;
  readonly threads: number;
}

interface Graph {
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly outputs: Readonly<Record<string, Tensor>>;
}

export interface LayoutOptions {
  readonly chains: number;
  /** Threads that the block may use. */
  readonly threads: number;
  readonly device: Device;
  /** What the user settled. */
  readonly fixed: Partial<Layout>;
}

/** Numbers that go into a graph, below which one graph for all chains wins without a trial: the cost of a call is all that counts. */
const SMALL = 50_000;
/** Milliseconds of the whole trial, compilation apart. */
const TRIAL = 2000;
/** Share of the free memory that graphs of one block may take. */
const SHARE = 0.8;

/**
 * Tries one graph for all chains against one for each, with one thread and with all it may use, and returns the
 * fastest. `graphOf` builds the graph of so many chains. Throws an `EngineError` where not even one chain fits in memory.
 */
export async function chooseLayout(
  graphOf: (chains: number) => Graph,
  { chains, threads, device, fixed }: LayoutOptions,
): Promise<Layout> {
  const sizes = unique(fixed.chainsPerGraph ? [Math.min(fixed.chainsPerGraph, chains)] : [chains, 1]);
  const counts = device === 'cpu' ? unique(fixed.threads ? [fixed.threads] : [1, threads]) : [1];
  const fitting = sizes.filter((size) => fits(graphOf(size)));
  if (fitting.length === 0) throw tooLarge(graphOf(sizes.at(-1)!), sizes.at(-1)!);
  const whole = { chainsPerGraph: fitting[0], threads: counts[0] };
  const numbers = Object.values(graphOf(fitting[0]).inputs).reduce((sum, { shape }) => sum + sizeOfShape(shape), 0);
  if (fitting.length * counts.length === 1 || (numbers < SMALL && fitting[0] === chains)) return whole;

  let best = { layout: whole, time: Number.POSITIVE_INFINITY };
  const candidates = fitting.flatMap((chainsPerGraph) => counts.map((count) => ({ chainsPerGraph, threads: count })));
  for (const layout of candidates) {
    const each = await callTime(graphOf(layout.chainsPerGraph), layout.threads, device, TRIAL / candidates.length);
    const time = each * Math.ceil(chains / layout.chainsPerGraph);
    if (time < best.time) best = { layout, time };
  }
  return best.layout;
}

const unique = (values: readonly number[]) => [...new Set(values)];

const fits = (graph: Graph) => peakBytes(Object.values(graph.outputs)) < SHARE * freemem();

function tooLarge(graph: Graph, chains: number) {
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toPrecision(2)} GB`;
  return engineError(
    `compile: expected a graph that fits in ${gigabytes(SHARE * freemem())}, got about ` +
      `${gigabytes(peakBytes(Object.values(graph.outputs)))} for ${chains} ${chains === 1 ? 'chain' : 'chains'}. ` +
      'Lower the batch size, or the chains of a graph, or use fewer workers.',
  );
}

/** Median milliseconds of a call on zeros. */
async function callTime(graph: Graph, threads: number, device: Device, budget: number): Promise<number> {
  const compiled = await compile(graph, { threads, device });
  const feeds = Object.fromEntries(
    Object.entries(graph.inputs).map(([name, { shape, dtype }]): [string, TensorData] => {
      const size = sizeOfShape(shape);
      return [name, dtype === 'float64' ? new Float64Array(size) : new Float32Array(size)];
    }),
  );
  const times: number[] = [];
  await compiled.run(feeds);
  for (const began = performance.now(); performance.now() - began < budget || times.length < 2; ) {
    const start = performance.now();
    await compiled.run(feeds);
    times.push(performance.now() - start);
  }
  await compiled.release();
  return times.sort((a, b) => a - b)[times.length >> 1];
}
