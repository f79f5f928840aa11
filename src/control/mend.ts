/** What was damaged on disk is named and removed, to be made again: the same seed gives the same bits. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { attemptOf, readStart, startPath } from '../chains/attempt.ts';
import { readStandings } from '../chains/checkpoint.ts';
import { isFinished } from '../chains/goal.ts';
import { readLedger, WATCHED } from '../chains/posterior-store.ts';
import { rewatch } from '../chains/rewatch.ts';
import { storeError } from '../errors.ts';
import type { LoadedRun, SplitData } from '../spec/loaded-run.ts';
import { allChains } from '../spec/records.ts';
import { readSummary } from '../spec/summaries.ts';
import { checkpointPaths } from '../store/checkpoint.ts';
import { type Claim, claimChain } from '../store/claim.ts';
import { readDraws } from '../store/draws.ts';
import { readWhole, sha256 } from '../store/files.ts';
import { readMember } from '../store/member.ts';
import { runPaths } from '../store/rundir.ts';

type Note = (message: string) => void;

/** A chain that is mended, claimed only where something of it has to go. */
interface Patient {
  readonly run: LoadedRun;
  readonly chain: number;
  /** Says what was lost and what follows, and removes files. Throws a `TakenOver` error where another process claims the chain meanwhile. */
  readonly remove: (lost: string, then: string, paths: readonly string[]) => void;
}

/**
 * Reads every file of members, draws and watched numbers. `note` hears of each that is torn, changed or missing, and what follows. Chains
 * that are whole are not touched.
 */
export async function mend(run: LoadedRun, data: SplitData, note: Note): Promise<void> {
  for (const chain of allChains(run.spec.chains)) {
    let claim: Claim | undefined;
    const remove: Patient['remove'] = (lost, then, paths) => {
      note(`chain ${chain}: ${lost} ${then}`);
      claim ??= claimChain(runPaths(run.dir).chain(chain));
      for (const path of paths) {
        claim.check();
        rmSync(path, { force: true });
      }
    };
    const patient = { run, chain, remove };
    mendStart(patient);
    const standing = readStandings(run, [chain]).sampling?.[0];
    const written = standing?.writer.files ?? 0;
    mendMember(patient, standing !== undefined);
    const files = mendDraws(patient, written);
    if (files >= written) await mendWatched(patient, data, isFinished(run, chain) ? files : written);
  }
}

/** Where a repaired chain began cannot be had but from the attempt before, which is made again, and then repaired as it was. */
function mendStart({ run: { dir }, chain, remove }: Patient): void {
  for (let attempt = attemptOf(dir, chain); attempt > 0; attempt--) {
    try {
      readStart(dir, chain, attempt);
      return;
    } catch (error) {
      const then = 'The attempt before it is sampled again, and then repaired.';
      remove((error as Error).message, then, [startPath(dir, chain, attempt)]);
    }
  }
}

/** `trained`: the chain is past its warm start, so that its member must be there. */
function mendMember({ run: { dir, network }, chain, remove }: Patient, trained: boolean): void {
  const { member, summary } = runPaths(dir);
  if (!trained && !existsSync(member(chain))) return;
  try {
    readMember(member(chain), network.dim);
  } catch (error) {
    remove((error as Error).message, 'Its warm start is run again.', [member(chain), summary(chain)]);
  }
}

/** `written`: the files that its last checkpoint counts on. Returns the files that are sound. */
function mendDraws({ run, chain, remove }: Patient, written: number): number {
  const paths = runPaths(run.dir);
  const folder = paths.chain(chain);
  const planned = isFinished(run, chain) ? readSummary(run.dir, chain).draws : undefined;
  let [files, draws, damage] = [0, 0, ''];
  try {
    for (const { data } of readDraws(folder, run.network.dim)) {
      files++;
      draws += data.length / run.network.dim;
    }
    if (planned !== undefined && draws !== planned) damage = `${folder}: expected ${planned} draws, got ${draws}.`;
  } catch (error) {
    damage = (error as Error).message;
  }
  if (files >= written && damage === '') return files;
  const lost = damage || `${folder}: expected ${written} blocks of draws, got ${files}.`;
  const from = files < written ? 'start' : 'last checkpoint';
  const stale = files < written ? checkpointPaths(folder) : [];
  remove(lost, `It is sampled again from its ${from}.`, [paths.summary(chain), ...stale]);
  return files;
}

/** `files`: those that must be in `posterior.zarr`. */
async function mendWatched({ run, chain, remove }: Patient, data: SplitData, files: number): Promise<void> {
  if (files === 0) return;
  try {
    const ledger = Object.entries(readLedger(run.dir, chain, files));
    if (ledger.length < files * WATCHED.length) {
      throw storeError(`${runPaths(run.dir).ledger(chain)}: expected ${files} blocks, got fewer.`);
    }
    for (const [path, checksum] of ledger) {
      if (sha256(readWhole(join(run.dir, path))) === checksum) continue;
      throw storeError(`${join(run.dir, path)}: expected what its checksum says, got another.`);
    }
  } catch (error) {
    remove((error as Error).message, 'Its draws are watched again.', []);
    await rewatch(run, data, chain, files);
  }
}
