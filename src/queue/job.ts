/** What a job on the queue says, signed by the fit that put it there: pointers only, so that one that is lost is only made again. */
import { z } from 'zod';
import { engineError } from '../errors.ts';
import { sha256 } from '../store/files.ts';
import type { Manifest } from '../store/rundir.ts';
import { isSame, seal } from './secret.ts';

const hex = (digits: number) => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`));
const chainNumber = z.int().min(0);

const chainJob = z.strictObject({
  /** Which run of what configuration: a worker that finds another in `dir` refuses. */
  run: hex(16),
  configHash: hex(64),
  dir: z.string().min(1).max(4096),
  chains: z.array(chainNumber).min(1),
  checkpointSeconds: z.number().min(0).optional(),
  /** Where a worker that does not see `dir` finds the files. */
  store: z.strictObject({ url: z.url({ protocol: /^https?$/ }), nonce: hex(48) }).optional(),
});

/** Chains of a run to be worked on. The run directory is the truth. */
export type ChainJob = z.infer<typeof chainJob>;
export type SignedJob = ChainJob & { readonly signature: string };

/** A name for the run that outlives its being made longer. */
export const runId = ({ created, dataHash, source }: Manifest): string =>
  sha256(`${created} ${dataHash} ${source}`).slice(0, 16);

/** Fields stand in the schema's order, so that the text of a job is one. */
const signatureOf = (job: ChainJob, secret: string | undefined) => seal(secret, `job ${JSON.stringify(job)}`);

export function signed(given: ChainJob, secret: string | undefined): SignedJob {
  const job = chainJob.parse(given);
  return { ...job, signature: signatureOf(job, secret) };
}

/** The job that somebody put on the queue. Throws an `EngineError` for one that is none, or is not signed with the secret. */
export function readJob(data: unknown, secret: string | undefined): ChainJob {
  const { signature, ...rest } = Object(data) as Partial<SignedJob>;
  const job = chainJob.safeParse(rest);
  if (!job.success) {
    const [{ path, message }] = job.error.issues;
    throw engineError(
      `job: expected one of smile fit, got ${path.join('.') || 'another'}: ${message}. Nothing was done.`,
    );
  }
  if (typeof signature === 'string' && isSame(signature, signatureOf(job.data, secret))) return job.data;
  throw engineError(
    'job: expected one signed with the secret of this worker, got another signature. ' +
      'Nothing was done. Give fit and worker the same --secret-file.',
  );
}
