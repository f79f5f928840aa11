/**
 * Where threads and processes of their own begin: each entry is a file beside this one once built, and its source in a
 * checkout, which tsx then reads.
 */
import { fileURLToPath } from 'node:url';
import { Worker, type WorkerOptions } from 'node:worker_threads';

/** The source of each entry, from this folder. */
export const ENTRIES = {
  worker: './control/worker.ts',
  process: './control/process.ts',
  probe: './engine/probe.ts',
  'bench-worker': './bench/worker.ts',
  'aside-thread': './engine/aside-thread.js',
} as const;
export type Entry = keyof typeof ENTRIES;

const FROM_SOURCE = import.meta.url.endsWith('.ts');

const placeOf = (entry: Entry): URL => new URL(FROM_SOURCE ? ENTRIES[entry] : `./${entry}.js`, import.meta.url);

/** Whether tsx has to read it. */
const isTyped = (entry: Entry): boolean => FROM_SOURCE && ENTRIES[entry].endsWith('.ts');

/** A thread that begins with this entry, without the flags of Node that this one has. */
export function startThread(entry: Entry, options: WorkerOptions): Worker {
  const place = placeOf(entry);
  if (!isTyped(entry)) return new Worker(place, { ...options, execArgv: [] });
  const code = `import('${import.meta.resolve('tsx/esm/api')}').then(({ register }) => (register(), import('${place}')))`;
  return new Worker(code, { ...options, execArgv: [], eval: true });
}

/** What Node is to be started with for a process that begins with this entry. */
export const processArguments = (entry: Entry): string[] => [
  ...(isTyped(entry) ? ['--import', import.meta.resolve('tsx')] : []),
  fileURLToPath(placeOf(entry)),
];
