/** What was damaged on disk is named and removed, to be made again: the same seed gives the same bits. */
import { existsSync, rmSync } from 'node:fs';
import { checkpointPaths } from '../store/checkpoint.ts';
import { readDraws } from '../store/draws.ts';
import { readJson } from '../store/files.ts';
import { runPaths } from '../store/rundir.ts';
import { readTensors } from '../store/safetensors.ts';
import type { ChainSummary } from './events.ts';
import type { LoadedRun } from './load.ts';
import { allChains } from './pool.ts';
import { isFinished } from './settle.ts';
import { readStandings } from './standing.ts';

/** Reads every file of members and draws. `note` hears of each that is torn, changed or missing, and what follows. */
export function mend(run: LoadedRun, note: (message: string) => void): void {
  for (const chain of allChains(run.spec.chains)) {
    const standing = readStandings(run, [chain]).sampling?.[0];
    mendMember(run, chain, standing !== undefined, note);
    mendDraws(run, chain, standing?.writer.blocks ?? 0, note);
  }
}

/** `trained`: the chain is past its warm start, so that its member must be there. */
function mendMember({ dir }: LoadedRun, chain: number, trained: boolean, note: (message: string) => void): void {
  const { member, summary } = runPaths(dir);
  if (!trained && !existsSync(member(chain))) return;
  try {
    readTensors(member(chain));
  } catch (error) {
    note(`chain ${chain}: ${(error as Error).message} Its warm start is run again.`);
    for (const path of [member(chain), summary(chain)]) rmSync(path, { force: true });
  }
}

/** `written`: the blocks that its last checkpoint counts on. */
function mendDraws(run: LoadedRun, chain: number, written: number, note: (message: string) => void): void {
  const paths = runPaths(run.dir);
  const folder = paths.chain(chain);
  const planned = isFinished(run, chain) ? (readJson(paths.summary(chain)) as ChainSummary).draws : 0;
  let [blocks, draws, damage] = [0, 0, ''];
  try {
    for (const { steps } of readDraws(folder, run.network.dim)) {
      blocks++;
      draws += steps.length;
    }
    if (draws < planned) damage = `${folder}: expected ${planned} draws, got ${draws}.`;
  } catch (error) {
    damage = (error as Error).message;
  }
  const sound = blocks >= written;
  if (sound && damage === '') return;
  const lost = damage || `${folder}: expected ${written} blocks of draws, got ${blocks}.`;
  rmSync(paths.summary(chain), { force: true });
  if (!sound) for (const path of checkpointPaths(folder)) rmSync(path);
  note(`chain ${chain}: ${lost} It is sampled again from its ${sound ? 'last checkpoint' : 'start'}.`);
}
