/** A folder with a folder of pictures for each class, or with `train` and `test` (`val`, `valid`) of such folders. */
import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { dataError } from '../../errors.ts';
import { few } from '../names.ts';
import type { ImageFile, ImageOptions } from './file.ts';
import { readPictures } from './pictures.ts';

const PICTURE = /\.(?:png|jpe?g)$/i;
const TESTS = ['test', 'val', 'valid'];

const foldersOf = (folder: string) =>
  readdirSync(folder)
    .filter((name) => !name.startsWith('.') && statSync(join(folder, name), { throwIfNoEntry: false })?.isDirectory())
    .sort();

const trainOf = (path: string) => (existsSync(join(path, 'train')) && idOf(path) ? join(path, 'train') : path);
const idOf = (path: string) => TESTS.find((name) => existsSync(join(path, name)));

/** Whether the folder has classes with pictures in them. */
export const isPictureFolder = (path: string): boolean =>
  foldersOf(trainOf(path)).some((name) => readdirSync(join(trainOf(path), name)).some((file) => PICTURE.test(file)));

/** The official test pictures of a folder with `train`; undefined where there are none. */
export function folderTest(path: string): string | undefined {
  const name = trainOf(path) === path ? undefined : idOf(path);
  return name === undefined ? undefined : join(path, name);
}

/** Reads all pictures. Throws a `DataError` for one that is broken or lies outside of the folder, and where a class is empty. */
export async function readFolder(path: string, options: ImageOptions = {}): Promise<ImageFile> {
  const folder = trainOf(path);
  const root = realpathSync(folder);
  const classes = foldersOf(folder);
  const files: string[] = [];
  const codes: number[] = [];
  const others: string[] = [];
  for (const [k, name] of classes.entries()) {
    const before = files.length;
    for (const file of readdirSync(join(folder, name)).sort()) {
      const picture = join(folder, name, file);
      if (!PICTURE.test(file)) {
        others.push(join(name, file));
        continue;
      }
      checkInside(picture, root);
      files.push(picture);
      codes.push(k);
    }
    if (files.length === before)
      throw dataError(`${join(folder, name)}: expected PNG or JPEG files, got none. Fill the folder or take it away.`);
  }
  if (files.length === 0)
    throw dataError(`${path}: expected a folder of pictures for each class, got none. Check the path.`);
  return readPictures(
    {
      source: path,
      count: files.length,
      where: (k) => files[k],
      read: (k) => files[k],
      labels: classes.length > 256 ? Uint16Array.from(codes) : Uint8Array.from(codes),
      classes,
      notes: others.length > 0 ? [`${others.length} files that are no PNG or JPEG were left out: ${few(others)}`] : [],
    },
    options,
  );
}

/** Data from elsewhere must not have files read that are not their own. */
function checkInside(picture: string, root: string): void {
  const inside = existsSync(picture) ? relative(root, realpathSync(picture)) : '..';
  if (inside.split(sep)[0] !== '..') return;
  throw dataError(`${picture}: expected a picture in its folder, got a link out of it. Put the picture there.`);
}
