/**
 * CIFAR's binary records: a label byte (CIFAR-100: a coarse one before it), then 3 × 32 × 32 bytes of red, green, blue. A file of them, or
 * the folder `cifar-10-batches-bin`, whose training batches are one set.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { dataError } from '../../errors.ts';
import { byteReader, unpackedSize } from '../byte-reader.ts';
import { type ImageFile, type ImageOptions, numbered, roomFor } from './file.ts';

const SHAPE = [3, 32, 32] as const;
const PIXELS = 3 * 32 * 32;
const CIFAR_10 = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];

/** Bytes of a record before its pixels, by the number of classes. */
const KINDS = [
  { classes: 10, head: 1 },
  { classes: 100, head: 2 },
] as const;
type Kind = (typeof KINDS)[number];

const BATCHES = /^(?:data_batch_\d+|train)\.bin(?:\.gz)?$/;
const TEST = /^test(?:_batch)?\.bin(?:\.gz)?$/;

const filesOf = (folder: string, name: RegExp) =>
  readdirSync(folder)
    .filter((file) => name.test(file))
    .sort()
    .map((file) => join(folder, file));

export const isCifarFolder = (folder: string): boolean => filesOf(folder, BATCHES).length > 0;

/** The official test batch beside training batches; undefined where there is none. */
export function cifarTest(path: string): string | undefined {
  const folder = statSync(path).isDirectory() ? path : dirname(path);
  const [test] = filesOf(folder, TEST);
  return test === path ? undefined : test;
}

/** Reads a file, or all training batches of a folder. Throws a `DataError` for files that are cut off or hold other labels. */
export async function readCifar(path: string, { maxUnpacked }: ImageOptions = {}): Promise<ImageFile> {
  const folder = statSync(path).isDirectory();
  const files = folder ? filesOf(path, BATCHES) : [path];
  const sizes: number[] = [];
  for (const file of files) {
    sizes.push(file.endsWith('.gz') ? await unpackedSize(file, maxUnpacked) : statSync(file).size);
  }
  const kind = kindOf(files, sizes);
  const record = kind.head + PIXELS;
  const counts = sizes.map((size) => size / record);
  const count = counts.reduce((sum, n) => sum + n, 0);
  const pixels = roomFor(path, count, SHAPE, maxUnpacked);
  const labels = new Uint8Array(count);
  const head = new Uint8Array(kind.head);
  let at = 0;
  for (const [f, file] of files.entries()) {
    const reader = byteReader(file, maxUnpacked);
    try {
      for (let k = 0; k < counts[f]; k++, at++) {
        await reader.fill(head);
        labels[at] = head[kind.head - 1];
        if (labels[at] >= kind.classes) {
          throw dataError(
            `${file}: expected labels below ${kind.classes}, got ${labels[at]} in record ${k + 1}. Fetch the file again, or check the path.`,
          );
        }
        await reader.fill(pixels.subarray(at * PIXELS, (at + 1) * PIXELS));
      }
    } finally {
      await reader.close();
    }
  }
  const classes = namesOf(folder ? path : dirname(path), kind) ?? numbered(labels);
  const notes = files.length > 1 ? [`${files.length} batches`] : [];
  return { shape: SHAPE, pixels, labels, classes, source: path, notes };
}

/** Records of CIFAR-10 or of CIFAR-100, by the sizes of the files. */
function kindOf(files: readonly string[], sizes: readonly number[]): Kind {
  const fits = KINDS.filter(({ head }) => sizes.every((size) => size > 0 && size % (head + PIXELS) === 0));
  if (fits.length > 0) return fits[0];
  const odd = Math.max(
    0,
    sizes.findIndex((size) => size % (1 + PIXELS) !== 0),
  );
  throw dataError(
    `${files[odd]}: expected records of 3073 bytes (CIFAR-10) or 3074 (CIFAR-100), got ${sizes[odd]} bytes. Fetch the file again, or check the path.`,
  );
}

/** Names from the files that come with the batches. */
function namesOf(folder: string, { classes }: Kind): readonly string[] | undefined {
  const file = join(folder, classes === 10 ? 'batches.meta.txt' : 'fine_label_names.txt');
  const names = existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line.trim() !== '')
    : [];
  if (names.length === classes) return names.map((name) => name.trim());
  return classes === 10 ? CIFAR_10 : undefined;
}
