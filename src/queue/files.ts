/** Which files of a run travel, and whose they are. */
import { readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { TEMPORARY } from '../store/files.ts';

const OF_RUN =
  /^(manifest\.json|config\.yaml|preprocessing\.json|data\.safetensors|network\.onnx|posterior\.zarr\/([a-z_]+\/)*zarr\.json)$/;
const OF_CHAIN = [
  /^members\/(\d+)\.safetensors$/,
  /^chains\/(\d+)\/(?:claim-\d{6}|(?:(?:checkpoint|held)-\d{6}|draws|start)-\d{6}\.safetensors|summary\.json|trace\.json|watched\.json)$/,
  /^progress\/(\d+)\.json$/,
  /^posterior\.zarr\/(?:[a-z_]+\/)+c\/(\d+)(?:\/\d+)*$/,
];

/** The chain a file belongs to, 'run' for one that all chains read, undefined for one that does not travel. */
export function ownerOf(path: string): number | 'run' | undefined {
  if (OF_RUN.test(path)) return 'run';
  const match = OF_CHAIN.map((pattern) => pattern.exec(path)).find((found) => found !== null);
  return match ? Number(match[1]) : undefined;
}

/**
 * The files of some chains as they are now, in an order that may be copied at any moment: what a checkpoint or a summary speaks of comes
 * before it. `stamp` changes with the content.
 */
export function filesOf(dir: string, chains: readonly number[]): { path: string; stamp: string }[] {
  const late = (path: string) => (/\/summary\.json$/.test(path) ? 2 : /\/checkpoint-/.test(path) ? 1 : 0);
  const mine = (path: string) => !path.endsWith(TEMPORARY) && chains.includes(ownerOf(path) as number);
  const seen = () => names(dir).filter(mine);
  const after = seen().filter((path) => late(path) > 0);
  const before = seen().filter((path) => late(path) === 0);
  return [...before, ...after.sort((a, b) => late(a) - late(b) || (a < b ? -1 : 1))].flatMap((path) => {
    const facts = statSync(join(dir, path), { throwIfNoEntry: false });
    return facts ? [{ path, stamp: `${facts.ino} ${facts.size} ${facts.mtimeMs}` }] : [];
  });
}

/** Paths of the files that every chain reads. */
export const sharedFiles = (dir: string): string[] => names(dir).filter((path) => ownerOf(path) === 'run');

const names = (dir: string): string[] =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)).replaceAll('\\', '/'));
