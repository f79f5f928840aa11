/** How a block of chains is best evaluated: all in one call, or one after another. */
import { freemem } from 'node:os';
import { engineError } from '../errors.ts';
import { peakBytes, sizeOfShape } from '../graph/index.ts';
import type { CompiledGraph, TensorData } from '../types.ts';
import { type CompileOptions, type Graph, room, SHARINGS, type Sharing } from './compiled.ts';
import { recomputation } from './memory.ts';
import { compile, type Device } from './session.ts';

export interface LayoutOptions extends CompileOptions<Device> {
  readonly chains: number;
  /** What the user settled. */
  readonly wanted?: number | undefined;
}

/** Numbers that go into a graph, below which the cost of a call is all that counts: one graph on one thread wins without a trial. */
const SMALL = 50_000;
/** Milliseconds of a whole trial, compilation apart. */
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
  if (second === undefined || fedNumbers(graphOf(first)) < SMALL) return first;
  const [all, one] = await callTimes([first, second].map((size) => ({ ...options, graph: graphOf(size) })));
  return all <= chains * one ? first : second;
}

/** How much faster another way must be: less might not be found again in another trial. */
const GAIN = 1.1;

/** How a graph is best computed, and the milliseconds of a call in each way that was tried. */
export interface Threading {
  readonly threads: number;
  readonly sharing: Sharing;
  readonly one: number;
  readonly many: Readonly<Partial<Record<Sharing, number>>>;
}

/**
 * Tries one thread, and `most` in each way to share that is not settled and fits in memory, in two seconds. Undefined for
 * graphs so small that one is best anyway.
 */
export async function bestThreads(
  graph: Graph,
  most: number,
  options: CompileOptions<Device>,
): Promise<Threading | undefined> {
  if (fedNumbers(graph) < SMALL) return;
  const shared = (options.sharing ? [options.sharing] : SHARINGS)
    .map((sharing) => ({ ...options, graph, threads: most, sharing }))
    .filter((way) => fits(graph, way));
  const [one, ...times] = await callTimes([{ ...options, graph, threads: 1 }, ...shared]);
  const many: Partial<Record<Sharing, number>> = Object.fromEntries(
    shared.map(({ sharing }, i) => [sharing, times[i]]),
  );
  const { operators = Number.POSITIVE_INFINITY, rows = Number.POSITIVE_INFINITY } = many;
  const sharing = rows * GAIN < operators ? 'rows' : 'operators';
  return { threads: Math.min(operators, rows) * GAIN < one ? most : 1, sharing: options.sharing ?? sharing, one, many };
}

const fedNumbers = ({ inputs }: Graph) => Object.values(inputs).reduce((sum, { shape }) => sum + sizeOfShape(shape), 0);

/** Throws an `EngineError` where the graph does not fit in memory. */
export function checkMemory(graph: Graph, options: CompileOptions<Device>): void {
  if (!fits(graph, options)) throw tooLarge(bytesOf(graph, options), 1);
}

const fits = (graph: Graph, options: CompileOptions<Device>) => bytesOf(graph, options) < SHARE * freemem();

function bytesOf(whole: Graph, { device = 'cpu', recompute, threads = 1, sharing }: CompileOptions<Device>): number {
  const graph = device === 'cpu' ? (whole.byRows?.part(whole.byRows.portion(), 1) ?? whole) : whole;
  const again = recomputation(graph, recompute);
  const copies = sharing === 'rows' ? threads - 1 : 0;
  return (
    peakBytes(graph.outputs, { runtime: device, ...(again && { recompute: again }) }) + copies * bytesAcross(graph)
  );
}

/** Bytes of what goes into a graph and comes out, of which each thread that shares rows has a copy. */
const bytesAcross = ({ inputs, outputs }: Graph): number =>
  [...Object.values(inputs), ...Object.values(outputs)].reduce(
    (sum, { shape, dtype }) => sum + sizeOfShape(shape) * (dtype === 'float64' ? 8 : 4),
    0,
  );

function tooLarge(needed: number, chains: number) {
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toPrecision(2)} GB`;
  return engineError(
    `compile: expected a graph that fits in ${gigabytes(SHARE * freemem())}, got about ` +
      `${gigabytes(needed)} for ${chains} ${chains === 1 ? 'chain' : 'chains'}. ` +
      'Lower the batch size, or the chains of a graph, use --recompute always, or fewer workers.',
  );
}

/** A graph, and one way to compute it. */
interface Way extends CompileOptions<Device> {
  readonly graph: Graph;
}

/**
 * Median milliseconds of a call on zeros in each way. Where the processor's memory holds all of them they are called in turn, so
 * that a slow moment of the machine meets all alike.
 */
async function callTimes(ways: readonly Way[]): Promise<number[]> {
  const bytes = ways.reduce((sum, way) => sum + bytesOf(way.graph, way), 0);
  const here = ways.every(({ device = 'cpu' }) => device === 'cpu');
  if (here && bytes < SHARE * freemem()) return timesInTurn(ways, TRIAL);
  const times: number[] = [];
  for (const way of ways) times.push(...(await timesInTurn([way], TRIAL / ways.length)));
  return times;
}

/** Calls in a turn. The first is not counted: the caches hold what another way left. */
const TURN = 3;

async function timesInTurn(ways: readonly Way[], milliseconds: number): Promise<number[]> {
  const tried: { compiled: CompiledGraph; feeds: Record<string, TensorData>; times: number[] }[] = [];
  try {
    for (const { graph, ...options } of ways) {
      const feeds = Object.fromEntries(Object.entries(graph.inputs).map(([name, tensor]) => [name, room(tensor)]));
      const compiled = await compile(graph, options);
      tried.push({ compiled, feeds, times: [] });
    }
    const began = performance.now();
    do {
      for (const { compiled, feeds, times } of tried) {
        for (let call = 0; call < TURN; call++) {
          const start = performance.now();
          await compiled.run(feeds);
          if (call > 0) times.push(performance.now() - start);
        }
      }
    } while (performance.now() - began < milliseconds);
  } finally {
    for (const { compiled } of tried) await compiled.release();
  }
  return tried.map(({ times }) => times.sort((a, b) => a - b)[times.length >> 1]);
}
