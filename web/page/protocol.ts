/** What the page and a sampling worker say to each other. */
import type { Settings } from '../stage/settings.ts';
import type { Readout } from '../stage/simulation.ts';

export type SideName = 'left' | 'right';

export type Request =
  | { readonly type: 'start'; readonly run: number; readonly settings: Settings; readonly side: SideName }
  | { readonly type: 'advance'; readonly gradients: number };

/** One picture of a side. */
export interface Frame {
  readonly readout: Readout;
  /** `[chains × 2]`. */
  readonly positions: Float32Array;
  readonly velocities: Float32Array;
  readonly flashes: Uint8Array;
  readonly histograms: readonly [Float64Array, Float64Array];
}

export type Reply =
  | { readonly type: 'frame'; readonly run: number; readonly frame: Frame; readonly theta: Float64Array }
  | { readonly type: 'error'; readonly run: number; readonly message: string };
