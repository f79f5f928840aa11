/** PNG and JPEG to pixels `[C, H, W]`, by sharp, which a person installs who has pictures. */
import { dataError } from '../../errors.ts';
import type { ImageShape } from './set.ts';
import { stretcher } from './stretch.ts';

/** Pixels that a picture may have: a few kilobytes can say that they are a billion. */
const MOST_PIXELS = 5e7;

/** What sharp is, as far as it is used here. */
export const loadSharp = async (): Promise<typeof import('sharp').default> => {
  try {
    return (await import('sharp')).default;
  } catch (cause) {
    throw dataError('pictures: expected the package sharp to read PNG and JPEG, got none. Run npm install sharp.', {
      cause,
    });
  }
};

/** What a picture says of itself. */
export interface Picture {
  readonly height: number;
  readonly width: number;
  /** 1 for grey, 3 for colours. */
  readonly channels: 1 | 3;
  readonly transparent: boolean;
  /** Turned by a mark that a camera left. */
  readonly turned: boolean;
}

/** Looks at a picture in `bytes`. Throws a `DataError` naming `where` for one that cannot be pixels of 8 bits in grey or RGB. */
export async function lookAt(bytes: Uint8Array | string, where: string): Promise<Picture> {
  const sharp = await loadSharp();
  const {
    format,
    width,
    height,
    space,
    depth,
    channels,
    hasAlpha,
    pages = 1,
    orientation = 1,
  } = await sharp(bytes, LIMITS)
    .metadata()
    .catch((cause: Error) => {
      throw broken(where, cause);
    });
  const refuse = (expected: string, got: string, advice: string) =>
    dataError(`${where}: expected ${expected}, got ${got}. ${advice}`);
  if (format !== 'png' && format !== 'jpeg') throw refuse('PNG or JPEG', String(format), 'Convert it, or take it out.');
  if (pages > 1) throw refuse('one picture', `an animation of ${pages}`, 'Keep one of them.');
  if (depth !== 'uchar')
    throw refuse('8 bits a channel', depth === 'ushort' ? '16' : String(depth), 'Convert it to 8 bits.');
  if (space === 'cmyk') throw refuse('grey or RGB', 'CMYK', 'Convert it to RGB.');
  if (width * height > MOST_PIXELS)
    throw refuse(`at most ${MOST_PIXELS / 1e6} million pixels`, `${height} × ${width}`, 'Make it smaller.');
  const colours = channels! - Number(hasAlpha ?? false);
  return { height, width, channels: colours === 1 ? 1 : 3, transparent: hasAlpha ?? false, turned: orientation !== 1 };
}

/**
 * Writes the picture's pixels into `out` `[C, H, W]`, resized without a crop where its size is another: bilinear, over all pixels that
 * become one where it gets smaller. Transparent parts are black.
 */
export async function decode(
  bytes: Uint8Array | string,
  where: string,
  { height: own, width: ownWidth }: Picture,
  [channels, height, width]: ImageShape,
  out: Uint8Array,
): Promise<void> {
  const sharp = await loadSharp();
  const [h, w] = [Math.min(own, height), Math.min(ownWidth, width)];
  const { data, info } = await sharp(bytes, LIMITS)
    .flatten({ background: '#000' })
    .resize(w, h, { fit: 'fill', kernel: 'linear' })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch((cause: Error) => {
      throw broken(where, cause);
    });
  const [part, plane] = [h * w, height * width];
  const small = new Uint8Array(part);
  const values = new Float32Array(plane);
  // What gets larger is stretched here: sharp shifts it by half a pixel.
  const stretch = stretcher([h, w], [height, width]);
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < part; i++) small[i] = data[i * info.channels + Math.min(c, info.channels - 1)];
    if (part === plane) {
      out.set(small, c * plane);
      continue;
    }
    stretch(small, 0, w, values, 0);
    for (let i = 0; i < plane; i++) out[c * plane + i] = Math.round(values[i]);
  }
}

const LIMITS = { limitInputPixels: MOST_PIXELS, failOn: 'truncated' } as const;

const broken = (where: string, cause: Error) => {
  const got = /exceeds pixel limit/.test(cause.message)
    ? `one of more than ${MOST_PIXELS / 1e6} million pixels`
    : `${cause.message.split('\n')[0]}`;
  return dataError(`${where}: expected a whole PNG or JPEG, got ${got}. Mend it, or take it out.`, { cause });
};
