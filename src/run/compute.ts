/** Graphs of a run, compiled for the device and in the layout that its configuration asks for. */
import { chainsPerGraph } from '../engine/layout.ts';
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
export const compileFor = ({ spec: { compute } }: LoadedRun, graph: GraphSpec): Promise<CompiledGraph> =>
  compile(graph, { device: compute.device, threads: compute.threads });

export interface BlockDensity {
  readonly density: LogDensity<NetworkBatch>;
  release(): Promise<void>;
}

/** The log density of a block of chains on batches of so many rows. */
export async function blockDensity(
  run: LoadedRun,
  { chains, rows }: { chains: number; rows: number },
  scaling: Scaling,
): Promise<BlockDensity> {
  const { network, spec } = run;
  const { device, threads, chainsPerGraph: asked } = spec.compute;
  const large = network.dim >= SEPARATE;
  const graphOf = (count: number) =>
    large ? separateGraph(network, rows, scaling.factor) : posteriorGraph(network, count, rows, scaling);
  const wanted = asked === 'auto' ? undefined : asked;
  const count = await chainsPerGraph(graphOf, { chains, threads, device, wanted: large ? 1 : wanted });
  const graph = await compileFor(run, graphOf(count));
  const density = large
    ? separateLogDensity(graph, network, scaling)
    : networkLogDensity(graph, network.dim, scaling, count);
  return { density, release: graph.release };
}
