/** Ctrl-C and the scheduler's TERM as a signal for the work; a second one ends the process at once. */
export function interruption(): AbortSignal {
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  return stop.signal;
}
