/** What ends work before its end: Ctrl-C, the scheduler's TERM, a closed terminal, output that nobody reads any more. */

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const ended = new AbortController();
let closed = false;

/**
 * A signal for the work, with a word to whoever sent it. A second one ends the process at once, as the system does: its own way out would
 * take down what native threads are using.
 */
export function interruption(word?: string): AbortSignal {
  if (word) ended.signal.addEventListener('abort', () => console.error(word), { once: true });
  for (const signal of SIGNALS) process.off(signal, interrupt).on(signal, interrupt);
  return ended.signal;
}

function interrupt(signal: NodeJS.Signals): void {
  for (const name of SIGNALS) process.off(name, interrupt);
  endWork(signal === 'SIGHUP');
}

/** Ends the work as Ctrl-C does: nobody reads what it says, or the `terminal` was closed. */
export function endWork(terminal: boolean): void {
  closed ||= terminal;
  ended.abort();
}

/** Aborted when that happens; signals of the system do what they always do. */
export const outputLost = (): AbortSignal => ended.signal;

/** Ends a process whose terminal was closed as the system does: Node would set the terminal right, find none and abort. */
export function leaveClosedTerminal(): void {
  if (!closed) return;
  process.off('SIGHUP', interrupt);
  process.kill(process.pid, 'SIGHUP');
}
