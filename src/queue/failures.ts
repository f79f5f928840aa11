/** How often the blocks of every chain have failed, in whatever company. */
import { engineError } from '../errors.ts';
import { printable } from './printable.ts';

/** Times that a chain's block may fail before the chain is given up. */
const FAILURES = 3;

export interface FailureCounts {
  /** Throws an `EngineError` with the reason where one of the chains has failed too often. */
  count(chains: readonly number[], reason: string): void;
}

export function failureCounts(): FailureCounts {
  const counts = new Map<number, number>();
  return {
    count(chains, reason) {
      for (const chain of chains) counts.set(chain, (counts.get(chain) ?? 0) + 1);
      const most = Math.max(...chains.map((chain) => counts.get(chain)!));
      if (most < FAILURES) return;
      throw engineError(
        `chains ${chains.join(', ')}: expected a worker to run them, got ${most} failures: ` +
          `${printable(reason)} Mend the cause, then smile resume.`,
      );
    },
  };
}
