/** Images as they are stored, and how their values become inputs. */

/** `[C, H, W]`. */
export type ImageShape = readonly [channels: number, height: number, width: number];

/** Pixels and labels; several splits may share them. */
export interface ImageSet {
  readonly shape: ImageShape;
  /** `[M, C, H, W]`. */
  readonly pixels: Uint8Array;
  /** Index of the class `[M]`. */
  readonly labels: Uint8Array | Uint16Array;
}

/** An input is (value − shift of its channel) · scale of its channel. */
export interface ChannelScale {
  /** `[C]`, in units of pixels, 0 to 255. */
  readonly shift: readonly number[];
  /** `[C]`. */
  readonly scale: readonly number[];
}
