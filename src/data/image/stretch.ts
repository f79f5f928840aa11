/** A part of a plane of pixels stretched bilinearly to a larger plane, pixels taken at their middles. */

type Size = readonly [height: number, width: number];

/**
 * Writes the part of `from` [h, w] that begins at `pixels[at]`, lines `stride` apart, into `out` from `to` on, stretched to [H, W].
 */
export type Stretch = (pixels: Uint8Array, at: number, stride: number, out: Float32Array, to: number) => void;

/** Stretches parts of a size to another, no smaller one. The function keeps memory of its own between calls. */
export function stretcher([h, w]: Size, [height, width]: Size): Stretch {
  const down = places(h, height);
  const across = places(w, width);
  /** The part's lines stretched to the whole width `[h, W]`. */
  const between = new Float64Array(h * width);
  return (pixels, at, stride, out, to) => {
    for (let y = 0; y < h; y++) {
      const line = at + y * stride;
      for (let x = 0; x < width; x++) {
        const a = pixels[line + across.low[x]];
        between[y * width + x] = a + (pixels[line + across.high[x]] - a) * across.weight[x];
      }
    }
    for (let y = 0; y < height; y++) {
      const low = down.low[y] * width;
      const high = down.high[y] * width;
      const weight = down.weight[y];
      for (let x = 0; x < width; x++) {
        out[to + y * width + x] = between[low + x] + (between[high + x] - between[low + x]) * weight;
      }
    }
  };
}

/** Where each of `to` places lies among `from`: the two neighbours and the weight of the second. */
function places(from: number, to: number) {
  const low = new Int32Array(to);
  const high = new Int32Array(to);
  const weight = new Float64Array(to);
  for (let i = 0; i < to; i++) {
    const place = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
    low[i] = Math.floor(place);
    high[i] = Math.min(low[i] + 1, from - 1);
    weight[i] = place - low[i];
  }
  return { low, high, weight };
}
