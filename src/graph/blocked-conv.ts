/** Convolutions in blocks of channels, and their adjoints, for what fills blocks. */
import { block, convolved, unblock } from './blocked.ts';
import type { Geometry, Windows } from './geometry.ts';
import { concat, reshape, reverse, strided, transpose } from './shape.ts';
import type { Tensor } from './tensor.ts';
import type { Shape } from './types.ts';

/** Whether a convolution gains: all its channels fill blocks, and there is more than one tap; else a plain product wins. */
export const suitsBlocks = ([o, c, kh, kw]: Shape, { groups }: Geometry, size: number): boolean =>
  groups === 1 && o % size === 0 && c % size === 0 && kh * kw > 1;

/** `conv` to spatial `lengths`. */
export function blockedConv(
  [x, w, ...bias]: readonly Tensor[],
  lengths: Shape,
  windows: Windows,
  size: number,
): Tensor {
  const [o, c, kh, kw] = w.shape;
  const outputs = reshape(block(reshape(w, [1, o, c * kh, kw]), size), [o / size, c / size, size, kh * kw, size]);
  const filters = reshape(transpose(outputs, [0, 1, 3, 2, 4]), [o / size, c / size, kh, kw, size, size]);
  return unblock(convolved(block(x, size), filters, lengths, windows, bias));
}

/** Every `stride`-th place of a gradient to inputs: its first tap, and the zeros around the slopes. */
interface Phase {
  readonly first: number;
  readonly before: number;
  readonly after: number;
}

/** The phases along axis `i`; undefined where they differ in length, or would cut slopes off. */
function phases(slopes: number, inputs: number, taps: number, i: number, windows: Windows): Phase[] | undefined {
  const [stride, dilation, padding] = [windows.strides[i], windows.dilations[i], windows.pads[i]];
  if (inputs % stride !== 0 || taps < stride || (stride > 1 && dilation > 1)) return;
  const each = Array.from({ length: stride }, (_, place) => {
    const first = (place + padding) % stride;
    const from = (place + padding - first) / stride;
    const reach = dilation * (Math.ceil((taps - first) / stride) - 1);
    return { first, before: reach - from, after: from + inputs / stride - slopes };
  });
  return each.every(({ before, after }) => before >= 0 && after >= 0) ? each : undefined;
}

const joined = (parts: readonly Tensor[], axis: number) => (parts.length > 1 ? concat(parts, axis) : parts[0]);

/**
 * The adjoint of such a `conv`, to spatial `lengths`: a convolution for each phase of the strides with the taps that reach
 * it, turned about, and the phases between each other. Undefined where the lengths forbid it.
 */
export function blockedConvTranspose(
  x: Tensor,
  w: Tensor,
  lengths: Shape,
  windows: Windows,
  size: number,
): Tensor | undefined {
  const [o, c, kh, kw] = w.shape;
  const [rows, columns] = [0, 1].map((i) => phases(x.shape[2 + i], lengths[i], w.shape[2 + i], i, windows));
  if (!rows || !columns) return;
  const inputs = reshape(block(w, size), [o / size, size, c / size, kh * kw, size]);
  const filters = reshape(transpose(inputs, [2, 0, 3, 1, 4]), [c / size, o / size, kh, kw, size, size]);
  const slopes = block(x, size);
  const [down, across] = windows.strides;
  const [h, width] = [lengths[0] / down, lengths[1] / across];
  const phase = (row: Phase, column: Phase) => {
    const own = strided(filters, [0, 0, row.first, column.first, 0, 0], filters.shape, [1, 1, down, across, 1, 1]);
    const pads = [row.before, column.before, row.after, column.after];
    const part = convolved(slopes, reverse(own, [2, 3]), [h, width], { ...windows, strides: [1, 1], pads });
    return reshape(part, [x.shape[0], c / size, h, 1, width, 1, size]);
  };
  const parts = rows.map((row) => columns.map((column) => phase(row, column)));
  const whole = joined(
    parts.map((part) => joined(part, 5)),
    3,
  );
  return unblock(reshape(whole, [x.shape[0], c / size, ...lengths, size]));
}
