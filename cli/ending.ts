/** How every command ends, whatever becomes of its output: quietly where nobody reads it, with a word where it cannot be written. */
import { SmileError } from '../src/errors.ts';
import { printable } from '../src/queue/printable.ts';
import { endWork } from './interrupt.ts';

/** How a write fails at a pipe without a reader, and at a terminal that was closed. */
const UNREAD = ['EPIPE', 'ERR_STREAM_DESTROYED'];
const CLOSED = 'EIO';
const TOO_MANY_FILES = /EMFILE|ENFILE/;

/** Without this, a write that fails would end the process in the middle of what native threads do. */
export function watchOutput(): void {
  const isLost = (code = ''): boolean => {
    const lost = code === CLOSED || UNREAD.includes(code);
    if (lost) endWork(code === CLOSED);
    return lost;
  };
  process.stderr.on('error', ({ code }: NodeJS.ErrnoException) => void isLost(code));
  process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    if (isLost(code)) return;
    process.exitCode = 1;
    console.error(
      `smile: standard output: expected to write the result, got ${message}. Make room, or write elsewhere.`,
    );
  });
}

/** What a person can do something about, in our words; undefined for a fault of ours. */
export function explained(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, path, syscall, message } = error as NodeJS.ErrnoException;
  const causes = `${message} ${(error.cause as Error | undefined)?.message ?? ''}`;
  const more = TOO_MANY_FILES.test(causes) ? ' Raise the number of open files: ulimit -n 1024.' : '';
  if (error instanceof SmileError) return printable(`${message}${more}`);
  if (more) return `${path ?? 'files'}: expected to open them, got too many open ones.${more}`;
  if (!code || !syscall) return undefined;
  return printable(`${path ?? syscall}: expected the system to ${syscall} it, got ${message}. Check space and rights.`);
}
