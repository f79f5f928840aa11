/** Entry of a process of its own that runs one block: `node process.js '{"dir": …, "chains": […]}'`. */
import { runBlock } from '../chains/block.ts';
import type { Phase } from '../spec/records.ts';

/** What the process is given, as JSON. */
export interface ProcessJob {
  readonly dir: string;
  readonly chains: readonly number[];
  readonly checkpointSeconds?: number | undefined;
  /** Kills itself, as `kill -9` does, once so many epochs of the warm start, or steps in all, are done in this phase or a later one. */
  readonly kill?: { readonly phase: Phase; readonly done: number } | undefined;
}

const PHASES: readonly Phase[] = ['warm start', 'warm-up', 'sampling'];

const { kill, ...job } = JSON.parse(process.argv[2]) as ProcessJob;
const due = (phase: Phase, done: number) =>
  kill !== undefined && (phase === kill.phase ? done >= kill.done : PHASES.indexOf(phase) > PHASES.indexOf(kill.phase));
await runBlock(job.dir, {
  ...job,
  stopped: (phase, done) => {
    if (due(phase, done)) process.kill(process.pid, 'SIGKILL');
    return false;
  },
  onProgress: () => {},
});
