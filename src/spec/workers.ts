/** How many worker threads run the chains of a run on this machine. */
import { availableParallelism } from 'node:os';
import { specError } from '../errors.ts';
import type { FitSpec } from './spec.ts';

/**
 * As many as asked for, by default one for each core, where the processor computes; a GPU is one device, which the runtime does
 * not bear to be used from several threads of a process. Throws a `SpecError` where more are asked for there, and for no whole number.
 */
export function workersOf({ compute: { device } }: Pick<FitSpec, 'compute'>, asked?: number): number {
  if (asked !== undefined && !(Number.isSafeInteger(asked) && asked >= 0))
    throw specError(`workers: expected a whole number from 0, got ${asked}. Correct it, or leave it out.`);
  if (device === 'cpu') return asked ?? availableParallelism();
  if (asked === undefined || asked <= 1) return asked ?? 1;
  throw specError(`workers: expected 1 on ${device}, whose chains share the one device, got ${asked}. Leave it out.`);
}
