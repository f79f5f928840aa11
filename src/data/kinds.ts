/**
 * What data there are: tables, images and texts, and the formats that each comes in. A format is a row here: what says that a path holds
 * it, and how it is read.
 */
import { statSync } from 'node:fs';
import { dataError } from '../errors.ts';
import { firstBytes, unreadable } from './byte-reader.ts';
import { layOut } from './delimited/layout.ts';
import { hasTestArrays, isImageArrays, type Part, readImageArrays } from './image/arrays.ts';
import { cifarTest, isCifarFolder, readCifar } from './image/cifar.ts';
import type { ImageFile, ImageOptions } from './image/file.ts';
import { folderTest, isPictureFolder, readFolder } from './image/folder.ts';
import { idxTest, isIdx, readIdx } from './image/idx.ts';
import { isImageParquet, parquetTest, readImageParquet } from './image/parquet-images.ts';

export const KINDS = ['table', 'image', 'text'] as const;
export type Kind = (typeof KINDS)[number];

/** What is looked at before a path is read. */
interface Look {
  readonly path: string;
  readonly folder: boolean;
  /** The first bytes, unpacked; none of a folder. */
  readonly begin: Uint8Array;
}

interface Format {
  /** What it is, for a person. */
  readonly about: string;
  is(look: Look): boolean | Promise<boolean>;
}

export interface ImageFormat extends Format {
  /** Reads the images of a path; `part` of those that a file has for learning and for test. */
  read(path: string, options: ImageOptions, part?: Part): ImageFile | Promise<ImageFile>;
  /** Where the official test images lie that come with these; undefined where none do. */
  test(path: string): string | undefined;
}

const named = (pattern: RegExp) => (look: Look) => !look.folder && pattern.test(look.path);
const CIFAR_NAME = /\.bin(?:\.gz)?$/i;
const NUMPY_NAME = /\.np[yz]$/i;

const IMAGES: readonly ImageFormat[] = [
  { about: 'images as IDX files', is: ({ begin }) => isIdx(begin), read: readIdx, test: idxTest },
  {
    about: "images as CIFAR's binary records",
    is: (look) => (look.folder ? isCifarFolder(look.path) : CIFAR_NAME.test(look.path)),
    read: readCifar,
    test: cifarTest,
  },
  {
    about: 'a folder of pictures for each class',
    is: ({ folder, path }) => folder && isPictureFolder(path),
    read: readFolder,
    test: folderTest,
  },
  {
    about: 'images as NumPy arrays',
    is: (look) => named(NUMPY_NAME)(look) && isImageArrays(look.path),
    read: readImageArrays,
    test: (path) => (hasTestArrays(path) ? path : undefined),
  },
  {
    about: 'images in Parquet',
    is: async (look) => !look.folder && (await isImageParquet(look.path)),
    read: readImageParquet,
    test: parquetTest,
  },
];

export type Recognised =
  | { readonly kind: 'image'; readonly about: string; readonly format: ImageFormat }
  | { readonly kind: 'table' | 'text'; readonly about: string };

/** Bytes that are looked at. */
const BEGIN = 1 << 16;
const TEXT_NAME = /\.txt(?:\.gz)?$/i;

/** What lies at a path, or whether it is of the kind that it is said to be. Throws a `DataError` where it is not, or is nothing. */
export async function recognise(path: string, asked: Kind | 'auto' = 'auto'): Promise<Recognised> {
  if (asked === 'text') return { kind: 'text', about: 'a text' };
  if (asked === 'table') return { kind: 'table', about: 'a table' };
  const folder = isFolder(path);
  const look = { path, folder, begin: folder ? new Uint8Array(0) : await firstBytes(path, BEGIN) };
  for (const format of IMAGES) if (await format.is(look)) return { kind: 'image', about: format.about, format };
  if (folder || asked === 'image') {
    throw dataError(
      `${path}: expected images (IDX, CIFAR's records, a folder of pictures for each class, NumPy or Parquet), got ${folder ? 'a folder without' : 'none of these'}. Check the path.`,
    );
  }
  if (TEXT_NAME.test(path) && !looksLikeTable(look)) return { kind: 'text', about: 'a text' };
  return { kind: 'table', about: 'a table' };
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** Whether the first lines are laid out in columns. */
function looksLikeTable({ path, begin }: Look): boolean {
  const text = new TextDecoder().decode(begin);
  const lines = text.slice(0, text.lastIndexOf('\n') + 1);
  try {
    const { separator, names } = layOut(path, lines, true, {});
    const widths = lines.split('\n').flatMap((line) => (line.trim() === '' ? [] : [cellsIn(line, separator)]));
    return names.length > 1 && widths.filter((width) => width === names.length).length > 0.9 * widths.length;
  } catch {
    return false;
  }
}

const cellsIn = (line: string, separator: string) => line.trim().split(separator === ' ' ? /\s+/ : separator).length;
