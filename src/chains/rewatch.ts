/** Makes a chain's part of `posterior.zarr` again from its first files of draws, to the bit; what lies beyond may be damaged. */

import type { LoadedRun, SplitData } from '../spec/loaded-run.ts';
import { claimChain } from '../store/claim.ts';
import { readDraws } from '../store/draws.ts';
import { runPaths } from '../store/rundir.ts';
import { liveMonitor } from './live-monitor.ts';
import { drawsPerFile, SAMPLE_STATS } from './posterior-store.ts';

export async function rewatch(
  run: LoadedRun,
  data: SplitData,
  chain: number,
  files = Number.POSITIVE_INFINITY,
): Promise<void> {
  const d = run.network.dim;
  const s = SAMPLE_STATS.length;
  const folder = runPaths(run.dir).chain(chain);
  const size = drawsPerFile(run.network);
  const held = { data: new Float32Array(size * d), stats: new Float64Array(size * s) };
  const watched = { chain, claim: claimChain(folder), writer: held };
  const watch = await liveMonitor(run, data, [watched], { files: 0, held: 0 });
  try {
    let seen = 0;
    for (const file of readDraws(folder, d)) {
      held.stats.set(file.stats);
      held.data.set(file.data);
      for (let i = 0; i < file.data.length / d; i++) await watch.add();
      if (++seen === files) break;
    }
    await watch.flush();
  } finally {
    await watch.release();
  }
}
