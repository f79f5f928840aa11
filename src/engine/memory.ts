/** How much memory a compiled graph may take, and what is done about it. */
import { peakBytes, type Recompute } from '../graph/index.ts';
import type { CompileOptions, Graph } from './compiled.ts';

/**
 * Bytes up to which the runtime lays out all tensors beforehand: quicker for small graphs, but twice the memory of large
 * ones, which gain nothing by it.
 */
const LARGE = 16e6;

export const isLarge = (graph: Graph): boolean => peakBytes(graph.outputs) > LARGE;

/** Most passes over memory for a tensor that is made again. */
const PASSES = { always: 8, auto: 1 };

/** What the backward pass of a graph makes again; undefined for nothing. */
export function recomputation(
  graph: Graph,
  recompute: CompileOptions<string>['recompute'] = 'auto',
): Recompute | undefined {
  const { forward } = graph;
  if (forward === undefined || recompute === 'never' || (recompute === 'auto' && !isLarge(graph))) return;
  return { forward, passes: PASSES[recompute] };
}
