/**
 * Images as IDX files, the way of MNIST: `NAME-images-idx3-ubyte` with uint8 `[N, H, W]` and `NAME-labels-idx1-ubyte` with uint8 `[N]`
 * beside it, gzipped or not. A header is two zeros, the type (8 is uint8), the number of sizes and the sizes, big-endian.
 */
import { existsSync } from 'node:fs';
import { dataError } from '../../errors.ts';
import { byteReader } from '../byte-reader.ts';
import { type ImageFile, type ImageOptions, numbered, roomFor } from './file.ts';

const UINT8 = 8;

export const isIdx = (begin: Uint8Array): boolean =>
  begin.length >= 8 && begin[0] === 0 && begin[1] === 0 && begin[2] === UINT8 && (begin[3] === 3 || begin[3] === 1);

/** Reads images and the labels that belong to them. Throws a `DataError` for files that are cut off, too long or do not belong together. */
export async function readIdx(path: string, { maxUnpacked }: ImageOptions = {}): Promise<ImageFile> {
  const images = await open(path, 3, maxUnpacked);
  const [count, height, width] = images.sizes;
  const shape = [1, height, width] as const;
  const pixels = roomFor(path, count, shape, maxUnpacked);
  await images.rest(pixels);
  const labelled = labelsOf(path);
  const labels = await open(labelled, 1, maxUnpacked);
  if (labels.sizes[0] !== count) {
    await labels.close();
    throw dataError(
      `${labelled}: expected a label for each of the ${count} images of ${path}, got ${labels.sizes[0]}. Give files that belong together.`,
    );
  }
  const classes = new Uint8Array(count);
  await labels.rest(classes);
  return {
    shape,
    pixels,
    labels: classes,
    classes: numbered(classes),
    source: path,
    notes: [`labels from ${labelled}`],
  };
}

/** The file beside images that has their labels. */
function labelsOf(path: string): string {
  const at = path.lastIndexOf('images');
  const named = at < 0 ? path : `${path.slice(0, at)}labels${path.slice(at + 6)}`.replace(/idx3(?!.*idx3)/, 'idx1');
  const other = named.endsWith('.gz') ? named.slice(0, -3) : `${named}.gz`;
  const found = [named, other].find((candidate) => candidate !== path && existsSync(candidate));
  if (found !== undefined) return found;
  throw dataError(
    `${path}: expected the labels in ${named}, got no such file. Put it beside the images under that name.`,
  );
}

/** The official test images beside training images; undefined where there are none. */
export function idxTest(path: string): string | undefined {
  const at = path.lastIndexOf('train-images');
  if (at < 0) return undefined;
  const test = `${path.slice(0, at)}t10k${path.slice(at + 5)}`;
  const other = test.endsWith('.gz') ? test.slice(0, -3) : `${test}.gz`;
  return [test, other].find(existsSync);
}

async function open(path: string, rank: number, most: number | undefined) {
  const reader = byteReader(path, most);
  const fail = async (expected: string, got: string) => {
    await reader.close();
    return dataError(`${path}: expected ${expected}, got ${got}. Fetch the file again, or check the path.`);
  };
  const head = new Uint8Array(4 * (1 + rank));
  const held = await reader.fill(head);
  const what = rank === 3 ? 'IDX images (magic 2051)' : 'IDX labels (magic 2049)';
  const view = new DataView(head.buffer);
  if (held < 4) throw await fail(what, `${held} bytes`);
  if (view.getUint32(0) !== (UINT8 << 8) + rank) throw await fail(what, `magic ${view.getUint32(0)}`);
  if (held < head.length) throw await fail(`a header of ${head.length} bytes`, `${held}`);
  const sizes = Array.from({ length: rank }, (_, i) => view.getUint32(4 * (1 + i)));
  if (sizes.includes(0)) throw await fail(`${rank === 3 ? 'images' : 'labels'}`, `sizes ${sizes.join(' × ')}`);
  return {
    sizes,
    close: reader.close,
    async rest(into: Uint8Array): Promise<void> {
      const filled = await reader.fill(into);
      if (filled < into.length) throw await fail(`${into.length} bytes behind the header`, `${filled}`);
      if ((await reader.fill(new Uint8Array(1))) > 0)
        throw await fail(`${into.length} bytes behind the header`, 'more');
      await reader.close();
    },
  };
}
