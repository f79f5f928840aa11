/** Many pictures as one set of images of one shape. */
import { dataError } from '../../errors.ts';
import { decode, lookAt, type Picture } from './decode.ts';
import { type ImageFile, type ImageOptions, roomFor } from './file.ts';
import type { ImageShape } from './set.ts';

/** Pictures with their labels, read one by one. */
export interface Pictures {
  readonly source: string;
  readonly count: number;
  /** Name of picture k in messages. */
  where(k: number): string;
  /** Its file or bytes. */
  read(k: number): string | Uint8Array;
  readonly labels: Uint8Array | Uint16Array;
  readonly classes: readonly string[];
  readonly notes: readonly string[];
}

/** Pictures decoded at a time. */
const TOGETHER = 16;

/** Decodes them all. Throws a `DataError` for one that is broken, and for sizes that differ where none was asked for. */
export async function readPictures(pictures: Pictures, { size, maxUnpacked }: ImageOptions): Promise<ImageFile> {
  const { source, count, where, read, labels, classes } = pictures;
  const seen: Picture[] = [];
  await inTurn(count, async (k) => {
    seen[k] = await lookAt(read(k), where(k));
  });
  const channels = seen.every((one) => one.channels === 1) ? 1 : 3;
  const shape: ImageShape = [channels, ...(size ?? sizeOfAll(pictures, seen))];
  const pixels = roomFor(source, count, shape, maxUnpacked);
  const values = pixels.length / count;
  await inTurn(count, (k) => decode(read(k), where(k), seen[k], shape, pixels.subarray(k * values, (k + 1) * values)));
  const counted = (what: string, which: (one: Picture) => boolean) => {
    const n = seen.filter(which).length;
    return n > 0 ? [`${n} of ${count} pictures ${what}`] : [];
  };
  const [, height, width] = shape;
  return {
    shape,
    pixels,
    labels,
    classes,
    source,
    notes: [
      ...pictures.notes,
      ...counted(`were resized to ${height} × ${width}`, (one) => one.height !== height || one.width !== width),
      ...counted('are grey and were taken for RGB', (one) => one.channels < channels),
      ...counted('have transparent parts, which are black now', ({ transparent }) => transparent),
      ...counted('bear a mark of a camera to be turned; they were not', ({ turned }) => turned),
    ],
  };
}

function sizeOfAll({ where }: Pictures, seen: readonly Picture[]): readonly [number, number] {
  const [first] = seen;
  const k = seen.findIndex(({ height, width }) => height !== first.height || width !== first.width);
  if (k < 0) return [first.height, first.width];
  throw dataError(
    `${where(k)}: expected ${first.height} × ${first.width} pixels as ${where(0)} has, got ${seen[k].height} × ${seen[k].width}. ` +
      'Say with --image-size what all are to be resized to.',
  );
}

async function inTurn(count: number, work: (k: number) => Promise<void>): Promise<void> {
  for (let from = 0; from < count; from += TOGETHER) {
    const part = Array.from({ length: Math.min(TOGETHER, count - from) }, (_, i) => work(from + i));
    const ended = await Promise.allSettled(part);
    for (const end of ended) if (end.status === 'rejected') throw end.reason;
  }
}
