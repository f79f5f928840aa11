/** The secret that fits and workers share: who knows it may have workers run chains, and may write to the store of a run. */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { existsSync } from 'node:fs';
import { specError } from '../errors.ts';
import { readWhole, writeWhole } from '../store/files.ts';
import { runPaths } from '../store/rundir.ts';
import { isFar, shownAddress } from './address.ts';

/** Characters below which a secret can be guessed. */
const LEAST = 16;

/** The secret of `file`, else of the variable SMILE_SECRET, else none. Throws a `SpecError` for one that is too short. */
export function readSecret(file?: string, variable = process.env.SMILE_SECRET): string | undefined {
  const secret = file === undefined ? variable?.trim() : new TextDecoder().decode(readWhole(file)).trim();
  if (secret === undefined || secret.length >= LEAST) return secret;
  throw specError(
    `${file ?? 'SMILE_SECRET'}: expected a secret of ${LEAST} characters or more, got ${secret.length}. ` +
      'Make one with openssl rand -hex 32.',
  );
}

/** Throws a `SpecError` where an address leaves this machine and there is no secret. */
export function requireSecret(secret: string | undefined, addresses: readonly string[]): void {
  const far = addresses.find(isFar);
  if (secret !== undefined || far === undefined) return;
  throw specError(
    `${shownAddress(far)}: expected --secret-file, or SMILE_SECRET, for what other machines can reach, got none. ` +
      'Make one with openssl rand -hex 32 > smile.secret and give it to fit and workers.',
  );
}

/** What only one who knows the secret can say of a text. */
export const seal = (secret: string | undefined, text: string): string =>
  createHmac('sha256', secret ?? '')
    .update(text)
    .digest('hex');

/** Whether two texts are equal, in a time that does not tell how much of them is. */
export function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/** What is special about the store of this run. Throws a `StoreError` before a fit has made it. */
export const readNonce = (dir: string): string => new TextDecoder().decode(readWhole(runPaths(dir).nonce));

/** Makes it at first; it is kept, so that a fit that goes on opens to the same workers. */
export function storeNonce(dir: string): string {
  const { nonce } = runPaths(dir);
  if (!existsSync(nonce)) writeWhole(nonce, randomBytes(24).toString('hex'), undefined, { mode: 0o600 });
  return readNonce(dir);
}

/** The word that opens the store of a run as it is configured. It never travels with a job. */
export const storeToken = (
  secret: string | undefined,
  { nonce, run, configHash }: Readonly<Record<'nonce' | 'run' | 'configHash', string>>,
): string => seal(secret, `store ${nonce} ${run} ${configHash}`);
