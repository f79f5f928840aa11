/** Entry of a worker thread: runs one block and reports. The stop flag and the data are shared memory. */
import { parentPort, workerData } from 'node:worker_threads';
import { runBlock } from '../chains/block.ts';
import type { BlockProgress } from '../spec/records.ts';
import type { TensorFile } from '../store/safetensors.ts';

/** What a worker is given. */
export interface WorkerJob {
  readonly dir: string;
  readonly chains: readonly number[];
  readonly checkpointSeconds?: number | undefined;
  /** One Int32: not zero means stop. */
  readonly stop: SharedArrayBuffer;
  /** What the file of the run's encoded rows holds. */
  readonly encoded: TensorFile;
}

const { stop, ...job } = workerData as WorkerJob;
const flag = new Int32Array(stop);
await runBlock(job.dir, {
  ...job,
  stopped: () => Atomics.load(flag, 0) !== 0,
  onProgress: (progress: BlockProgress) => parentPort?.postMessage(progress),
});
