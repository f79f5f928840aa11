/** Temporary folders that say whose they are, so that those of killed processes can be cleared. */
import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';

const mine = `${hostname().replace(/[^A-Za-z0-9.]/g, '')}-`;
const PREFIX = 'smile-';

/** Folders of this process. One of its number may have been killed before it. */
const made = new Set<string>();

/** A new folder for `purpose`, a word. Whoever makes it removes it. */
export function scratchFolder(purpose: string): string {
  const path = mkdtempSync(join(tmpdir(), `${PREFIX}${purpose}-${mine}${process.pid}-`));
  made.add(path);
  return path;
}

/** Removes the folders of one purpose that processes of this machine left when they were killed. */
export function sweepScratch(purpose: string): void {
  const prefix = `${PREFIX}${purpose}-${mine}`;
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(prefix)) continue;
    const owner = Number(name.slice(prefix.length).split('-')[0]);
    const path = join(tmpdir(), name);
    if (!Number.isInteger(owner) || isAlive(owner) || made.has(path) || !isOurs(path)) continue;
    rmSync(path, { recursive: true, force: true });
  }
}

/** Whether a process other than this one has the number. */
function isAlive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

const isOurs = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false })?.uid === process.getuid?.();
