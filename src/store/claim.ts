/**
 * Who may write a chain. Each process that takes it over makes a claim of the next epoch; one whose epoch is passed may write no more,
 * however late it wakes (a fencing token).
 */
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { storeError, takenOver } from '../errors.ts';

const NAME = /^claim-(\d{6})$/;

export interface Claim {
  /** Counts the claims of the chain, from 1. */
  readonly epoch: number;
  /**
   * Throws a `TakenOver` error where a later claim was made, a `StoreError` where the chain is not there any more. Asked before every file
   * of the chain gets its name or goes.
   */
  readonly check: () => void;
}

/** The newest epoch of a chain's folder; 0 before the first. */
export function latestEpoch(folder: string): number {
  if (!existsSync(folder)) return 0;
  return readdirSync(folder).reduce((latest, name) => Math.max(latest, Number(NAME.exec(name)?.[1] ?? 0)), 0);
}

const claimPath = (folder: string, epoch: number) => join(folder, `claim-${String(epoch).padStart(6, '0')}`);

/** Takes the chain in `folder` from whoever has it. Throws a `StoreError` where the folder cannot be written. */
export function claimChain(folder: string): Claim {
  for (let epoch = latestEpoch(folder) + 1; ; epoch++) {
    try {
      mkdirSync(folder, { recursive: true });
      closeSync(openSync(claimPath(folder, epoch), 'wx'));
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException;
      if (code === 'EEXIST') continue;
      throw storeError(`${folder}: expected to claim the chain, got ${message}. Check space and rights.`, { cause });
    }
    rmSync(claimPath(folder, epoch - 1), { force: true });
    return { epoch, check: () => checkEpoch(folder, epoch) };
  }
}

export function checkEpoch(folder: string, epoch: number): void {
  const latest = latestEpoch(folder);
  if (latest === epoch) return;
  if (latest < epoch) {
    throw storeError(
      `${folder}: expected the chain where it was claimed, got none. Was the run moved or removed? smile resume goes on where it is now.`,
    );
  }
  throw takenOver(
    `${folder}: expected to be its only writer (epoch ${epoch}), got a later claim (epoch ${latest}). Another process goes on with it.`,
  );
}
