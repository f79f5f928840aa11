/** Images as a reader gives them, before anything is learned from them; and what readers have in common. */
import { dataError } from '../../errors.ts';
import { sharedBytes } from '../byte-reader.ts';
import { MAX_UNPACKED } from '../unpack.ts';
import type { ImageSet, ImageShape } from './set.ts';

export interface ImageFile extends ImageSet {
  /** Names of the classes that labels are indices of. */
  readonly classes: readonly string[];
  /** The file or folder, for messages. */
  readonly source: string;
  /** What was decided on the way. */
  readonly notes: readonly string[];
}

export interface ImageOptions {
  /** Bytes that files may unpack to, pixels of all images included. Default 1e9. */
  readonly maxUnpacked?: number | undefined;
  /** Height and width that pictures are resized to; without it all must be of one size. */
  readonly size?: readonly [height: number, width: number] | undefined;
}

/** Room for N images. Throws a `DataError` where it is more than is allowed. */
export function roomFor(source: string, count: number, shape: ImageShape, most: number = MAX_UNPACKED): Uint8Array {
  const size = shape.reduce((product, n) => product * n, count);
  if (size > most) {
    throw dataError(
      `${source}: expected at most ${most / 1e9} GB of pixels, got ${count} images of ${shapeText(shape)}. ` +
        'If that is what it should be, allow more with --max-unpacked.',
    );
  }
  return sharedBytes(size);
}

export const shapeText = ([channels, height, width]: ImageShape): string =>
  `${height} × ${width} ${channels === 1 ? 'grey' : channels === 3 ? 'RGB' : `pixels in ${channels} channels`}`;

/** Class names `0`, `1`, … of labels that have none. */
export function numbered(labels: Uint8Array | Uint16Array): string[] {
  let most = 0;
  for (const label of labels) most = Math.max(most, label);
  return Array.from({ length: most + 1 }, (_, k) => String(k));
}
