/** Threads of a worker, where the configuration leaves them to a trial. */
import { availableParallelism } from 'node:os';
import { bestThreads } from '../engine/layout.ts';
import { type BayesianNetwork, posteriorGraph, SEPARATE, separateGraph } from '../models/posterior.ts';
import { compiling } from '../spec/compute.ts';
import type { FitSpec } from '../spec/spec.ts';

/**
 * The configuration with its threads settled, and a word on a trial. More than one is tried only where cores would stand
 * idle, since chains beside each other use them better, and only for networks that are large enough to gain. The choice
 * becomes part of the run, whose draws then do not depend on the machine that continues it. `cores` are those of the machine
 * that samples.
 */
export async function settleThreads(
  network: BayesianNetwork,
  spec: FitSpec,
  workers: number,
  cores = availableParallelism(),
): Promise<{ readonly spec: FitSpec; readonly finding?: string }> {
  if (spec.compute.threads !== 'auto') return { spec };
  const beside = Math.max(1, Math.min(workers, spec.chains));
  const most = Math.floor(cores / beside);
  const settled = (compute: Partial<FitSpec['compute']>): FitSpec => ({
    ...spec,
    compute: { ...spec.compute, ...compute },
  });
  if (most < 2 || spec.compute.device !== 'cpu') return { spec: settled({ threads: 1 }) };
  const rows = spec.sampler.batchSize;
  const chains = Math.ceil(spec.chains / beside);
  const graph =
    network.dim >= SEPARATE
      ? separateGraph(network, rows, 1)
      : posteriorGraph(network, chains, rows, { priorScale: 1, factor: 1 });
  const best = await bestThreads(graph, most, compiling(spec));
  if (!best) return { spec: settled({ threads: 1 }) };
  const { threads, sharing, one, many } = best;
  const time = (ms: number) => `${ms.toPrecision(3)} ms`;
  const chosen = threads === 1 ? '1 thread a worker' : `${threads} threads a worker, which share ${sharing}`;
  const ways = Object.entries(many).map(
    ([what, ms], i) => `${time(ms)}${i === 0 ? ` with ${most}` : ''} that share ${what}`,
  );
  const times = [`${time(one)} with one`, ...ways].join(', ');
  return { spec: settled({ threads, sharing }), finding: `${chosen}: a gradient takes ${times}` };
}
