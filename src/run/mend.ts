/** What was damaged on disk is named and removed, to be made again: the same seed gives the same bits. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { storeError } from '../errors.ts';
import { checkpointPaths } from '../store/checkpoint.ts';
import { readDraws } from '../store/draws.ts';
import { readJson, readWhole, sha256 } from '../store/files.ts';
import { runPaths } from '../store/rundir.ts';
import { readTensors } from '../store/safetensors.ts';
import { attemptOf, readStart, startPath } from './attempt.ts';
import type { ChainSummary } from './events.ts';
import type { LoadedRun, SplitData } from './load.ts';
import { allChains } from './pool.ts';
import { readLedger, WATCHED } from './posterior-store.ts';
import { rewatch } from './rewatch.ts';
import { isFinished } from './settle.ts';
import { readStandings } from './standing.ts';

type Note = (message: string) => void;

/** Reads every file of members, draws and watched numbers. `note` hears of each that is torn, changed or missing, and what follows. */
export async function mend(run: LoadedRun, data: SplitData, note: Note): Promise<void> {
  for (const chain of allChains(run.spec.chains)) {
    const tell = (lost: string, then: string) => note(`chain ${chain}: ${lost} ${then}`);
    mendStart(run, chain, tell);
    const standing = readStandings(run, [chain]).sampling?.[0];
    const written = standing?.writer.blocks ?? 0;
    mendMember(run, chain, standing !== undefined, tell);
    const blocks = mendDraws(run, chain, written, tell);
    if (blocks >= written) await mendWatched(run, data, chain, isFinished(run, chain) ? blocks : written, tell);
  }
}

type Tell = (lost: string, then: string) => void;

/** Where a repaired chain began cannot be had but from the attempt before, which is made again, and then repaired as it was. */
function mendStart({ dir }: LoadedRun, chain: number, tell: Tell): void {
  for (let attempt = attemptOf(dir, chain); attempt > 0; attempt--) {
    try {
      readStart(dir, chain, attempt);
      return;
    } catch (error) {
      tell((error as Error).message, 'The attempt before it is sampled again, and then repaired.');
      rmSync(startPath(dir, chain, attempt), { force: true });
    }
  }
}

/** `trained`: the chain is past its warm start, so that its member must be there. */
function mendMember({ dir }: LoadedRun, chain: number, trained: boolean, tell: Tell): void {
  const { member, summary } = runPaths(dir);
  if (!trained && !existsSync(member(chain))) return;
  try {
    readTensors(member(chain));
  } catch (error) {
    tell((error as Error).message, 'Its warm start is run again.');
    for (const path of [member(chain), summary(chain)]) rmSync(path, { force: true });
  }
}

/** `written`: the blocks that its last checkpoint counts on. Returns the blocks that are sound. */
function mendDraws(run: LoadedRun, chain: number, written: number, tell: Tell): number {
  const paths = runPaths(run.dir);
  const folder = paths.chain(chain);
  const planned = isFinished(run, chain) ? (readJson(paths.summary(chain)) as ChainSummary).draws : 0;
  let [blocks, draws, damage] = [0, 0, ''];
  try {
    for (const { data } of readDraws(folder, run.network.dim)) {
      blocks++;
      draws += data.length / run.network.dim;
    }
    if (draws < planned) damage = `${folder}: expected ${planned} draws, got ${draws}.`;
  } catch (error) {
    damage = (error as Error).message;
  }
  if (blocks >= written && damage === '') return blocks;
  const lost = damage || `${folder}: expected ${written} blocks of draws, got ${blocks}.`;
  rmSync(paths.summary(chain), { force: true });
  if (blocks < written) for (const path of checkpointPaths(folder)) rmSync(path);
  tell(lost, `It is sampled again from its ${blocks < written ? 'start' : 'last checkpoint'}.`);
  return blocks;
}

/** `blocks`: those that must be in `posterior.zarr`. */
async function mendWatched(run: LoadedRun, data: SplitData, chain: number, blocks: number, tell: Tell): Promise<void> {
  if (blocks === 0) return;
  try {
    const ledger = Object.entries(readLedger(run.dir, chain, blocks));
    if (ledger.length < blocks * WATCHED.length) {
      throw storeError(`${runPaths(run.dir).ledger(chain)}: expected ${blocks} blocks, got fewer.`);
    }
    for (const [path, checksum] of ledger) {
      if (sha256(readWhole(join(run.dir, path))) === checksum) continue;
      throw storeError(`${join(run.dir, path)}: expected what its checksum says, got another.`);
    }
  } catch (error) {
    tell((error as Error).message, 'Its draws are watched again.');
    await rewatch(run, data, chain);
  }
}
