/**
 * Every core type of the project. Read this first.
 *
 * Conventions. C chains step together as a block; d is the number of parameters of one chain. Block arrays are
 * row-major `[C × d]`: chain c owns the elements `c*d … c*d + d - 1`. Numbers per chain are arrays `[C]`.
 * All sampler arithmetic is float64; float32 lives only inside the engine's graphs.
 */

/** A counter-based random key: two unsigned 32-bit words. JSON-safe. Keys are derived, never advanced. */
export type Key = readonly [number, number];

/**
 * Log density of the target up to a constant, scaled to the whole data set, and its gradient.
 * With mini-batches, `evaluate` returns the unbiased estimate `log prior + (N/|b|) Σ_{i∈b} log p(y_i | x_i, θ)`.
 */
export interface LogDensity<B = void> {
  /** d, the number of parameters of one chain. */
  readonly dim: number;
  /**
   * Writes the log density into `value` `[C]` and its gradient into `grad` `[C × d]` at `theta` `[C × d]`.
   * Each chain's result depends on that chain's parameters and batch only. Non-finite results are written as they
   * are: the sampler counts and survives them.
   */
  evaluate(theta: Float64Array, batch: B, value: Float64Array, grad: Float64Array): void | Promise<void>;
}

/** The complete state of a block of chains: a record of float64 arrays, so that a checkpoint writes itself. */
export type State = Record<string, Float64Array>;

/** What a person wants to see of one step. Every array is `[C]` and is overwritten by the next step. */
export interface Info {
  /** Log density (estimate) at the accepted position. */
  readonly logDensity: Float64Array;
  /** Energy change of the attempted step; NaN where it was not measured. */
  readonly energyChange: Float64Array;
  /** Step size ε that the step used. */
  readonly stepSize: Float64Array;
  /** 1 where the guard rejected the step and restored the position. */
  readonly reset: Float64Array;
  /** 1 where the step met a non-finite log density, gradient or position. */
  readonly nonFinite: Float64Array;
  /** Euclidean distance that the position moved. */
  readonly moved: Float64Array;
  /** Gradient evaluations that the step spent on each chain. */
  readonly gradients: number;
  /** Those that chain c would have spent alone, whatever the others of its block needed; absent where they are `gradients`. */
  readonly ownGradients?: Float64Array;
}

/**
 * One step as a generator: it yields a promise whenever the log density answers asynchronously and returns the step's
 * `Info`. One algorithm thus serves the plain TypeScript targets (`stepSync`) and the engine (`stepAsync`).
 */
export type Step = Generator<Promise<void>, Info, void>;

/** A Markov chain kernel that steps a block of C chains. */
export interface Sampler<S extends State = State> {
  /** The paper's name, for example `psmile-naive`. */
  readonly name: string;
  /**
   * Builds the state at the positions `theta` `[C × d]`, which are copied. `keys[c]` is chain c's own random stream:
   * all randomness of chain c derives from it and the step number, so draws do not depend on the block.
   */
  init(theta: Float64Array, keys: readonly Key[]): S;
  /** Advances `state` in place by step number `t` (0, 1, …) on `batch`. */
  step<B>(state: S, density: LogDensity<B>, batch: B, t: number): Step;
  /** Whether step t belongs to an exploring phase, whose positions are not draws. Absent: none does. */
  exploring?(t: number): boolean;
  /** Marks the hand-over from warm-up to sampling (freezing what adapts, where the sampler says so). */
  endWarmup(state: S): void;
}

/** A numeric tensor's storage inside the engine. */
export type TensorData = Float32Array | Float64Array;

/** How a graph is put together from graphs G of fewer rows. */
export interface ByRows<G> {
  readonly rows: number;
  /**
   * Inputs and outputs whose last axis is the rows: each part has its own. The other inputs go to all parts as they are, the
   * other outputs are sums over the parts.
   */
  readonly along: readonly string[];
  /** The graph of so many rows, with a `share` of what is no sum over rows: shares of all parts add up to 1. */
  part(rows: number, share: number): G;
  /** How many rows, of which all are a multiple, are best computed at a time. */
  portion(): number;
}

/** A graph compiled for one device. Shapes are fixed at compile time. */
export interface CompiledGraph {
  /**
   * Runs the graph on named inputs and returns the named outputs; those named in `into` are written there, others may be
   * overwritten by the next run.
   */
  run(
    feeds: Readonly<Record<string, TensorData>>,
    into?: Readonly<Record<string, TensorData>>,
  ): Promise<Record<string, TensorData>>;
  /** Frees the native session. The graph cannot run afterwards. */
  release(): Promise<void>;
}

/** What a chain whose vectors live elsewhere tells after they changed: numbers enough for the sampler's arithmetic. */
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
 * elsewhere (on a GPU, say). The sampler sees scalars only. A chain without a preconditioner has m = 1 and cannot learn.
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
