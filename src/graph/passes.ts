/** What happens to a graph before it is written. */
import { lowered } from './lower.ts';
import { recomputed } from './recompute.ts';
import { shared } from './share.ts';
import type { Tensor } from './tensor.ts';
import type { Target } from './types.ts';

export interface WriteOptions {
  /** What will run the graph. Default: ONNX Runtime on the CPU. */
  readonly runtime?: Target['runtime'];
  /** The blocked layout to use, which ties the model to processors that have the same. Default none. */
  readonly blocks?: Target['blocks'];
  /** Recomputation for memory: default none. */
  readonly recompute?: Recompute;
}

export interface Recompute {
  /** Name of the output whose making is the forward pass. */
  readonly forward: string;
  /** Most passes over memory that are run again for a tensor that is then not kept. */
  readonly passes: number;
}

/** The outputs in the ops that the target has, nothing computed twice but what is not to be kept. */
export function prepared(
  outputs: Readonly<Record<string, Tensor>>,
  { runtime = 'cpu', blocks, recompute }: WriteOptions,
): readonly Tensor[] {
  const names = Object.keys(outputs);
  const results = shared(lowered(Object.values(outputs), { runtime, ...(blocks && { blocks }) }));
  return recompute ? recomputed(results, results[names.indexOf(recompute.forward)], recompute.passes) : results;
}
