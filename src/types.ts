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
