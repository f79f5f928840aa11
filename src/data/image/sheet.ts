/** Thumbnails of a set of images side by side as a PNG: a line of pictures for each class. */

import { loadSharp } from './decode.ts';
import type { ImageFile } from './file.ts';

/** Pictures of a class, classes, and pixels between pictures. */
const [ACROSS, MOST_CLASSES, GAP] = [12, 20, 2];
/** Pixels of a side that small pictures are enlarged to, by whole factors. */
const SIDE = 48;

/** The first pictures of each of the first classes. Throws a `DataError` where sharp is not there. */
export async function thumbnailSheet({
  pixels,
  labels,
  shape: [channels, height, width],
  classes,
}: ImageFile): Promise<Uint8Array> {
  const lines = Array.from({ length: Math.min(classes.length, MOST_CLASSES) }, (_, k) => firstOf(labels, k));
  const [sheetWidth, sheetHeight] = [ACROSS * (width + GAP), lines.length * (height + GAP)];
  const sheet = new Uint8Array(3 * sheetWidth * sheetHeight).fill(255);
  const plane = height * width;
  lines.forEach((line, row) => {
    line.forEach((image, column) => {
      for (let i = 0; i < plane; i++) {
        const y = row * (height + GAP) + Math.floor(i / width);
        const at = 3 * (y * sheetWidth + column * (width + GAP) + (i % width));
        for (let c = 0; c < 3; c++) sheet[at + c] = pixels[(image * channels + Math.min(c, channels - 1)) * plane + i];
      }
    });
  });
  const times = Math.max(1, Math.round(SIDE / Math.max(height, width)));
  const sharp = await loadSharp();
  return sharp(sheet, { raw: { width: sheetWidth, height: sheetHeight, channels: 3 } })
    .resize(times * sheetWidth, times * sheetHeight, { kernel: 'nearest' })
    .png()
    .toBuffer();
}

function firstOf(labels: ArrayLike<number>, k: number): number[] {
  const found: number[] = [];
  for (let i = 0; i < labels.length && found.length < ACROSS; i++) if (labels[i] === k) found.push(i);
  return found;
}
