/** The members of a run as its directory keeps them: the warm-started networks, and the draws of every chain. */
import { existsSync } from 'node:fs';
import { storeError } from '../errors.ts';
import { readDraws } from '../store/draws.ts';
import { readMember } from '../store/member.ts';
import { runPaths } from '../store/rundir.ts';
import type { ReadTensors } from '../store/safetensors.ts';
import type { LoadedRun } from './loaded-run.ts';
import { allChains } from './records.ts';
import { readSummary } from './summaries.ts';

/** Members of one chain that lie together. */
export interface MemberBlock {
  readonly chain: number;
  /** Which draw of the chain the first of them is; 0 for a warm-started network. */
  readonly first: number;
  /** Parameter vectors, float32 `[count × d]`. */
  readonly thetas: Float32Array;
}

/** The members of an ensemble in order. */
export type Members = Iterable<MemberBlock>;

/**
 * The warm-started networks `[d]`, in the order of the chains. Throws a `StoreError` for a run that was stopped before it has all of
 * them.
 */
export function readStarts({ dir, spec, network, manifest }: LoadedRun): Float64Array[] {
  const chains = allChains(spec.chains);
  const missing = chains.filter((k) => !existsSync(runPaths(dir).member(k)));
  if (missing.length > 0 && manifest.status !== 'done') {
    const which = missing.length === spec.chains ? 'no chain has begun' : `chains ${missing.join(', ')} have not begun`;
    throw storeError(`${dir}: expected every chain to have a member to score, but ${which}. Go on with smile resume.`);
  }
  return chains.map((k) => readMember(runPaths(dir).member(k), network.dim).theta);
}

/** All draws of some chains, a file at a time, each as `read` has it. Throws a `StoreError` where a run at rest lacks some. */
export function* storedDraws(
  { dir, manifest, network }: LoadedRun,
  chains: readonly number[],
  read?: ReadTensors,
): Generator<MemberBlock> {
  const { chain: folder, summary } = runPaths(dir);
  for (const chain of chains) {
    let draws = 0;
    for (const { data } of readDraws(folder(chain), network.dim, read)) {
      yield { chain, first: draws, thetas: data };
      draws += data.length / network.dim;
    }
    if (manifest.status === 'running' || !existsSync(summary(chain))) continue;
    const { draws: expected } = readSummary(dir, chain);
    if (draws === expected) continue;
    throw storeError(
      `${folder(chain)}: expected ${expected} draws, got ${draws}. Run smile resume, which makes them again.`,
    );
  }
}
