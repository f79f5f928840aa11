/** Threads of a worker, where the configuration leaves them to a trial. */
import { availableParallelism } from 'node:os';
import { fasterThreads } from '../engine/layout.ts';
import { type BayesianNetwork, posteriorGraph, SEPARATE, separateGraph } from '../models/posterior.ts';
import { compiling } from './compute.ts';
import type { FitSpec } from './spec.ts';

/**
 * The configuration with its threads settled, and a word on how. More than one is tried only where cores would stand idle:
 * chains beside each other use them better. The choice becomes part of the run, whose draws then do not depend on the
 * machine that continues it.
 */
export async function settleThreads(
  network: BayesianNetwork,
  spec: FitSpec,
  workers: number,
): Promise<{ readonly spec: FitSpec; readonly finding?: string }> {
  if (spec.compute.threads !== 'auto') return { spec };
  const beside = Math.max(1, Math.min(workers, spec.chains));
  const most = Math.floor(availableParallelism() / beside);
  const withThreads = (threads: number): FitSpec => ({ ...spec, compute: { ...spec.compute, threads } });
  if (most < 2 || spec.compute.device !== 'cpu') {
    return { spec: withThreads(1), finding: `1 thread a worker: ${beside} workers leave no core idle` };
  }
  const rows = spec.sampler.batchSize;
  const chains = Math.ceil(spec.chains / beside);
  const graph =
    network.dim >= SEPARATE
      ? separateGraph(network, rows, 1)
      : posteriorGraph(network, chains, rows, { priorScale: 1, factor: 1 });
  const { threads, one, many } = await fasterThreads(graph, most, compiling(spec));
  const times = `a gradient takes ${one.toPrecision(3)} ms with one, ${many.toPrecision(3)} ms with ${most}`;
  return {
    spec: withThreads(threads),
    finding: `${threads} ${threads === 1 ? 'thread' : 'threads'} a worker: ${times}`,
  };
}
