/** What a worker does with a job: reads who asks, for what and where, and runs its chains there or in a copy. */

import { runChains } from '../control/pool.ts';
import { engineError, SmileError } from '../errors.ts';
import { loadRun } from '../spec/loaded-run.ts';
import type { BlockProgress } from '../spec/records.ts';
import { type Admission, placeOf } from './admission.ts';
import { type ChainJob, readJob, runId } from './job.ts';
import { mirrored } from './mirror.ts';
import { storeToken } from './secret.ts';

export interface TakeOptions extends Admission {
  readonly secret: string | undefined;
  /** Aborting it gives the chains back. */
  readonly signal: AbortSignal;
  /** Aborted when the queue has given the job to another. */
  readonly lost: AbortSignal;
  readonly onProgress: (block: BlockProgress) => void;
  readonly onNote: (message: string) => void;
}

/**
 * Runs a job's chains to their end, or to where they are asked to stop. Throws an `EngineError`, before anything is touched, for a job that
 * nobody with the secret put there, or that leads out of the worker's roots and stores.
 */
export async function takeJob(data: unknown, options: TakeOptions): Promise<void> {
  const { secret, signal, lost, onProgress, onNote } = options;
  let label = 'a job';
  try {
    const job = readJob(data, secret);
    label = `chains ${job.chains.join(', ')} of ${job.dir}`;
    const place = placeOf(job, options);
    onNote(`${label}: begins`);
    const either = AbortSignal.any([lost, signal]);
    const run = async (dir: string, stop: AbortSignal) => {
      refuseOther(dir, job);
      const { chains, checkpointSeconds } = job;
      await runChains(dir, chains, { workers: 1, signal: stop, checkpointSeconds, onProgress });
    };
    if (place === 'directory') await run(job.dir, either);
    else {
      const waits = (message: string) => onNote(`${label}: ${message}`);
      await mirrored(storeOf(job, secret), job.chains, { signal: either, onNote: waits }, run);
    }
    onNote(`${label}: ${signal.aborted ? 'given back' : lost.aborted ? 'lock lost, left where it stands' : 'ends'}`);
  } catch (error) {
    onNote(`${label}: ${(error as Error).message}`);
    if (!(error instanceof SmileError && error.tag === 'TakenOver')) throw error;
  }
}

function storeOf(job: ChainJob, secret: string | undefined) {
  const { url, nonce } = job.store!;
  const { run, configHash } = job;
  return { url, token: storeToken(secret, { nonce, run, configHash }) };
}

/** Throws an `EngineError` where the directory holds another run than the job is of, or fewer chains. */
function refuseOther(dir: string, { run, configHash, chains }: ChainJob): void {
  const { manifest, spec } = loadRun(dir);
  const same = runId(manifest) === run && manifest.configHash === configHash;
  if (same && chains.every((chain) => chain < spec.chains)) return;
  throw engineError(`${dir}: expected the run of the job, got another. Nothing was written.`);
}
