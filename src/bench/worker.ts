/** Entry of a benchmark's worker thread: runs one cell. */
import { parentPort, workerData } from 'node:worker_threads';
import { type CellResult, type CellSpec, runCell } from './cell.ts';

/** Share of the cell done, or its result. */
export type WorkerMessage = number | CellResult;

const send = (message: WorkerMessage) => parentPort?.postMessage(message);
send(runCell(workerData as CellSpec, send));
