/** Graphs of a run, compiled for the device and in the layout that its configuration asks for. */

import type { CompileOptions } from '../engine/compiled.ts';
import { chainsPerGraph } from '../engine/layout.ts';
import { compile, type Device } from '../engine/session.ts';
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
import type { LoadedRun } from './loaded-run.ts';
import type { FitSpec } from './spec.ts';

/** How the graphs of a configuration are compiled. Threads that a trial is to choose are one until it has. */
export const compiling = ({ compute: { device, threads, sharing, recompute } }: FitSpec): CompileOptions<Device> => ({
  device,
  recompute,
  ...(sharing !== 'auto' && { sharing }),
  threads: threads === 'auto' ? 1 : threads,
});

/** Compiles a graph for the run's device. */
export const compileFor = ({ spec }: Pick<LoadedRun, 'spec'>, graph: GraphSpec): Promise<CompiledGraph> =>
  compile(graph, compiling(spec));

export interface BlockDensity {
  readonly density: LogDensity<NetworkBatch>;
  release(): Promise<void>;
}

/** The log density of a block of chains on batches of so many rows. */
export async function blockDensity(
  run: Pick<LoadedRun, 'network' | 'spec'>,
  { chains, rows }: { chains: number; rows: number },
  scaling: Scaling,
): Promise<BlockDensity> {
  const { network, spec } = run;
  const asked = spec.compute.chainsPerGraph;
  const large = network.dim >= SEPARATE;
  const graphOf = (count: number) =>
    large ? separateGraph(network, rows, scaling.factor) : posteriorGraph(network, count, rows, scaling);
  const wanted = asked === 'auto' ? undefined : asked;
  const count = await chainsPerGraph(graphOf, { ...compiling(spec), chains, wanted: large ? 1 : wanted });
  const graph = await compileFor(run, graphOf(count));
  const density = large
    ? separateLogDensity(graph, network, scaling)
    : networkLogDensity(graph, network.dim, scaling, count);
  return { density, release: graph.release };
}
