/**
 * A block of chains from start to end: warm start, warm-up, sampling. All it needs is in the run directory, all it makes goes there, and
 * it goes on from the checkpoints it finds.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type LoadedRun, loadData, loadRun, type SplitData } from '../spec/loaded-run.ts';
import type { Phase } from '../spec/records.ts';
import { type Claim, claimChain } from '../store/claim.ts';
import { sweep } from '../store/files.ts';
import { readMember } from '../store/member.ts';
import { runPaths } from '../store/rundir.ts';
import { attemptOf, readStart } from './attempt.ts';
import type { BlockOptions, ClaimedBlock } from './block-options.ts';
import { byStanding, readStandings } from './checkpoint.ts';
import { heartbeat } from './heartbeat.ts';
import { ensurePosteriorStore, WATCHED } from './posterior-store.ts';
import { sampleBlock } from './sample.ts';
import { stopWatch } from './stop.ts';
import { trainBlock } from './train.ts';

/**
 * Runs chains on from where they stand, until they are done or asked to stop, by the options or by `smile stop`. Chains at the same place
 * step together; a kill between two of their checkpoints leaves them at different places, and then one group follows the other.
 */
export async function runBlock(dir: string, asked: BlockOptions): Promise<void> {
  const run = loadRun(dir);
  const data = loadData(run, asked.encoded);
  const stopRequested = stopWatch(dir);
  const options = { ...asked, stopped: (phase: Phase, done: number) => asked.stopped(phase, done) || stopRequested() };
  await ensurePosteriorStore(run, data);
  const claims = new Map(asked.chains.map((chain) => [chain, takeOver(dir, chain)]));
  for (const chains of byStanding(run, asked.chains).values()) {
    await runTogether(run, data, { ...options, chains, claims: chains.map((chain) => claims.get(chain) as Claim) });
  }
}

/** Claims a chain, and clears what its last writer left half written. */
function takeOver(dir: string, chain: number): Claim {
  const { chain: folder, members, posterior } = runPaths(dir);
  const claim = claimChain(folder(chain));
  const { check } = claim;
  sweep(folder(chain), { check });
  sweep(members, { prefix: `${chain}.`, check });
  for (const path of WATCHED) sweep(join(posterior, path, 'c', String(chain)), { below: true, check });
  return claim;
}

async function runTogether(run: LoadedRun, data: SplitData, block: ClaimedBlock): Promise<void> {
  const { chains, claims } = block;
  const onProgress = heartbeat(run.dir, block.onProgress, claims[0].check);
  const told = { ...block, onProgress };
  const { training, sampling } = readStandings(run, chains);
  const stored = training ? undefined : storedMembers(run, chains);
  const members = stored ?? (await trainBlock(run, data, told, training));
  // Interrupted while it trained a lost member again: its draws stay as they are.
  if (!members && sampling) return;
  await sampleBlock(run, data, starts(run, chains, members), told, sampling);
}

/** Where the chains' attempts begin `[C × d]`: at their members, or where a repair has put them. */
function starts({ dir, network: { dim } }: LoadedRun, chains: readonly number[], members?: Float64Array): Float64Array {
  const start = members ?? new Float64Array(chains.length * dim);
  for (const [c, chain] of chains.entries()) {
    const attempt = attemptOf(dir, chain);
    if (attempt > 0) start.set(readStart(dir, chain, attempt), c * dim);
  }
  return start;
}

/** The block's members where all of them are stored, and trained to their end: a run that samples from another's start. */
function storedMembers({ dir, network }: LoadedRun, chains: readonly number[]): Float64Array | undefined {
  const paths = chains.map((chain) => runPaths(dir).member(chain));
  if (!paths.every((path) => existsSync(path))) return undefined;
  const members = paths.map((path) => readMember(path, network.dim));
  if (members.some(({ unfinished }) => unfinished)) return undefined;
  const start = new Float64Array(chains.length * network.dim);
  for (const [c, { theta }] of members.entries()) start.set(theta, c * network.dim);
  return start;
}
