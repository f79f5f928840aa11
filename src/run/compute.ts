/** Graphs of a run, compiled for the device and in the layout that its configuration asks for. */
import { chooseLayout } from '../engine/layout.ts';
import { compile } from '../engine/session.ts';
import {
  type GraphSpec,
  type NetworkBatch,
  networkLogDensity,
  posteriorGraph,
  type Scaling,
  SEPARATE,
  separateGraph,
  separateLogDensity,
} from '../models/posterior.ts';
import type { CompiledGraph, LogDensity } from '../types.ts';
import type { LoadedRun } from './load.ts';

/** Compiles a graph for the run's device. */
export const compileFor = ({ spec }: LoadedRun, graph: GraphSpec): Promise<CompiledGraph> =>
  compile(graph, { device: spec.compute.device });

export interface BlockDensity {
  readonly density: LogDensity<NetworkBatch>;
  release(): Promise<void>;
}

/** The log density of a block of chains on batches of so many rows. `threads` is what the block may use at most. */
export async function blockDensity(
  { network, spec }: LoadedRun,
  { chains, rows, threads = 1 }: { chains: number; rows: number; threads?: number | undefined },
  scaling: Scaling,
): Promise<BlockDensity> {
  const { device, threads: asked, chainsPerGraph: wanted } = spec.compute;
  const large = network.dim >= SEPARATE;
  const graphOf = (count: number) =>
    large ? separateGraph(network, rows, scaling.factor) : posteriorGraph(network, count, rows, scaling);
  const fixed = {
    ...(asked !== 'auto' && { threads: asked }),
    ...(wanted !== 'auto' && { chainsPerGraph: wanted }),
    ...(large && { chainsPerGraph: 1 }),
  };
  const layout = await chooseLayout(graphOf, { chains, threads, device, fixed });
  const graph = await compile(graphOf(layout.chainsPerGraph), { device, threads: layout.threads });
  const density = large
    ? separateLogDensity(graph, network, scaling)
    : networkLogDensity(graph, network.dim, scaling, layout.chainsPerGraph);
  return { density, release: graph.release };
}
