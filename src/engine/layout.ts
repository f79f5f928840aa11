/** How a block of chains is best evaluated: all in one call, or one after another. */
import { freemem } from 'node:os';
import { engineError } from '../errors.ts';
import { peakBytes, sizeOfShape } from '../graph/index.ts';
import type { TensorData } from '../types.ts';
import type { CompileOptions, Graph } from './compiled.ts';
import { recomputation } from './memory.ts';
import { compile, type Device } from './session.ts';

export interface LayoutOptions extends CompileOptions<Device> {
  readonly chains: number;
  /** What the user settled. */
  readonly wanted?: number | undefined;
}

/** Numbers that go into a graph, below which one graph for all chains wins without a trial: the cost of a call is all that counts. */
const SMALL = 50_000;
/** Milliseconds of the whole trial, compilation apart. */
const TRIAL = 2000;
/** Share of the free memory that graphs of one block may take. */
const SHARE = 0.8;

/**
 * How many chains of a block are evaluated in one call: what is wanted, or the faster of all and one. Each chain's numbers
 * are the same to the bit. `graphOf` builds the graph of so many chains. Throws an `EngineError` where not even the
 * smallest fits in memory.
 */
export async function chainsPerGraph(
  graphOf: (chains: number) => Graph,
  { chains, wanted, ...options }: LayoutOptions,
): Promise<number> {
  const sizes = [...new Set(wanted ? [Math.min(wanted, chains)] : [chains, 1])];
  const fitting = sizes.filter((size) => fits(graphOf(size), options));
  const [first, second] = fitting;
  if (first === undefined) throw tooLarge(bytesOf(graphOf(sizes.at(-1)!), options), sizes.at(-1)!);
  const numbers = Object.values(graphOf(first).inputs).reduce((sum, { shape }) => sum + sizeOfShape(shape), 0);
  if (second === undefined || numbers < SMALL) return first;
  const all = await callTime(graphOf(first), options);
  const one = await callTime(graphOf(second), options);
  return all <= chains * one ? first : second;
}

/** Milliseconds of a call with one thread and with `most`, and which count is faster, in a trial of two seconds. */
export async function fasterThreads(
  graph: Graph,
  most: number,
  options: CompileOptions<Device>,
): Promise<{ readonly threads: number; readonly one: number; readonly many: number }> {
  const one = await callTime(graph, { ...options, threads: 1 });
  const many = await callTime(graph, { ...options, threads: most });
  return { threads: many < one ? most : 1, one, many };
}

/** Throws an `EngineError` where the graph does not fit in memory. */
export function checkMemory(graph: Graph, options: CompileOptions<Device>): void {
  if (!fits(graph, options)) throw tooLarge(bytesOf(graph, options), 1);
}

const fits = (graph: Graph, options: CompileOptions<Device>) => bytesOf(graph, options) < SHARE * freemem();

function bytesOf(graph: Graph, { device = 'cpu', recompute }: CompileOptions<Device>): number {
  const again = recomputation(graph, recompute);
  return peakBytes(graph.outputs, { runtime: device, ...(again && { recompute: again }) });
}

function tooLarge(needed: number, chains: number) {
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toPrecision(2)} GB`;
  return engineError(
    `compile: expected a graph that fits in ${gigabytes(SHARE * freemem())}, got about ` +
      `${gigabytes(needed)} for ${chains} ${chains === 1 ? 'chain' : 'chains'}. ` +
      'Lower the batch size, or the chains of a graph, use --recompute always, or fewer workers.',
  );
}

/** Median milliseconds of a call on zeros, in half a trial. */
async function callTime(graph: Graph, options: CompileOptions<Device>): Promise<number> {
  const compiled = await compile(graph, options);
  const feeds = Object.fromEntries(
    Object.entries(graph.inputs).map(([name, { shape, dtype }]): [string, TensorData] => {
      const size = sizeOfShape(shape);
      return [name, dtype === 'float64' ? new Float64Array(size) : new Float32Array(size)];
    }),
  );
  const times: number[] = [];
  await compiled.run(feeds);
  for (const began = performance.now(); performance.now() - began < TRIAL / 2 || times.length < 2; ) {
    const start = performance.now();
    await compiled.run(feeds);
    times.push(performance.now() - start);
  }
  await compiled.release();
  return times.sort((a, b) => a - b)[times.length >> 1];
}
