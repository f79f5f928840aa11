/**
 * What lies on a device: tensors, the graphs over them, and chains whose vectors are such tensors. The host sees scalars.
 */
import type { TensorData } from './types.ts';

/** A tensor that stays on the device of the graphs that make and read it. */
export interface Kept {
  readonly dims: readonly number[];
}

/** A graph of which some outputs stay on the device. */
export interface ResidentGraph {
  /** Runs it on tensors of either kind; returns the outputs that stay, and those that come to the host. */
  run(feeds: Readonly<Record<string, TensorData | Kept>>): Promise<{
    readonly kept: Readonly<Record<string, Kept>>;
    readonly read: Readonly<Record<string, TensorData>>;
  }>;
  release(): Promise<void>;
}

/** The way to and from a device. */
export interface Residence {
  put(data: Float32Array, shape: readonly number[]): Promise<Kept>;
  read(tensor: Kept): Promise<Float32Array>;
  /** Gives the tensor's memory back; it must not be used afterwards. */
  free(tensor: Kept): void;
  release(): Promise<void>;
}

/** What a resident chain tells after its vectors changed: numbers enough for the sampler's arithmetic. */
export interface Products {
  /** ‖m ⊙ g‖². */
  readonly square: number;
  /** u · (m ⊙ g). */
  readonly along: number;
  /** ‖u‖². */
  readonly length: number;
}

interface Moved extends Products {
  /** Log density (estimate) at the new position. */
  readonly value: number;
  /** Squared distance from the mark. */
  readonly distance: number;
}

/** u ← gradient · (m ⊙ g) + velocity · u. */
export interface Combination {
  readonly gradient: number;
  readonly velocity: number;
}

/**
 * One chain whose vectors θ, u, g, the variance V of the gradient noise, and the moments μ, S² with the multiplier m, live
 * elsewhere (on a GPU, say). A chain without a preconditioner has m = 1 and cannot learn.
 */
export interface ResidentChain<B = void> {
  /** d. */
  readonly dim: number;
  /** Puts the chain at θ `[d]` with velocity u `[d]`; g = 0, m = 1, moments and V zero. */
  start(theta: Float64Array, velocity: Float64Array): Promise<void>;
  /** Turns u, then drifts θ ← θ + drift · (m ⊙ u), then evaluates log density and g there on `batch`. */
  move(turn: Combination, drift: number, batch: B): Promise<Moved>;
  /** Marks θ and g: where `restore` returns to, and where distances are measured from. */
  mark(): void;
  /** Returns to the mark with the velocity u `[d]`. */
  restore(velocity: Float64Array): Promise<Products>;
  /** Absorbs g: μ ← (1−v)μ + vg, then S² ← (1−w)S² + w(g−μ)². Returns the sum of S². */
  learn(w: number, v: number): Promise<number>;
  /** Turns u with the old m, then makes m = 1/√(share · S² + rest) the new one. */
  renew(turn: Combination, share: number, rest: number): Promise<Products>;
  /**
   * V ← (1−w)V + w · share · (g − g at the mark)²/2: an exact sample of the noise variance, where θ is still the mark's; `share` is 1
   * for independent batches.
   */
  meter(w: number, share: number): Promise<void>;
  /** θ `[d]`. */
  position(): Promise<Float64Array>;
  /** Every vector by its name: `write` makes of them a chain that goes on to the bit. */
  read(): Promise<Record<string, TensorData>>;
  write(vectors: Readonly<Record<string, TensorData>>): Promise<void>;
  /** Frees the vectors. */
  release(): Promise<void>;
}
