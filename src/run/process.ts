/** Entry of a process of its own that runs one block: `node process.js '{"dir": …, "chains": […]}'`. */
import { runBlock } from './block.ts';

/** What the process is given, as JSON. */
export interface ProcessJob {
  readonly dir: string;
  readonly chains: readonly number[];
  readonly checkpointSeconds?: number | undefined;
}

const job = JSON.parse(process.argv[2]) as ProcessJob;
await runBlock(job.dir, { ...job, stopped: () => false, onProgress: () => {} });
