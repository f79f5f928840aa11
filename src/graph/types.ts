/** What tensors, ops and the writer of graphs share: types of numbers, shapes, attributes, targets, and what ops write to. */

/**
 * float32 inside networks; float64 for what samplers see, and for checks of gradients; int64 for indices; bool for the
 * outcome of comparisons. Only the two real types carry gradients.
 */
export type Dtype = 'float32' | 'float64' | 'int64' | 'bool';
export type Shape = readonly number[];
/** Plain or typed arrays of numbers. */
export type NumberArray = ArrayLike<number> & Iterable<number>;
export type Attributes = Readonly<Record<string, number | string | boolean | readonly number[] | NumberArray>>;

/** What a graph is written for. */
export interface Target {
  /** `cpu` and `webgpu`: ONNX Runtime with operators of its own; `portable`: any runtime of the opset. */
  readonly runtime: 'cpu' | 'webgpu' | 'portable';
  /** Channels that lie side by side in the blocked layout of the runtime's convolutions; absent where it has none. */
  readonly blocks?: number;
}

/** The type that numbers of `dtype` have on a target: WebGPU computes float64 as float32. */
export const heldAs = (dtype: Dtype, { runtime }: Target): Dtype =>
  runtime === 'webgpu' && dtype === 'float64' ? 'float32' : dtype;

export interface NodeOptions {
  readonly domain?: string;
  readonly outputs?: number;
  /** Attributes that ONNX types as float. */
  readonly floats?: Readonly<Record<string, number>>;
}

/** ONNX Runtime's own operators. */
export const MICROSOFT = { domain: 'com.microsoft' } as const;

/** What ops write a model with. Results are names. */
export interface Emitter {
  readonly target: Target;
  /** ONNX's number of the type that `dtype` has on the target. */
  element(dtype: Dtype): number;
  /** A node over named inputs; an equal node that exists already is returned instead (common subexpressions). */
  node(opType: string, input: readonly string[], attributes?: Attributes, options?: NodeOptions): readonly string[];
  /** A constant tensor of one value: a scalar initializer, expanded where a shape is needed. */
  filled(value: number, shape: Shape, dtype: Dtype): string;
  /** A vector of integers (shapes, axes, sizes). */
  integers(values: readonly number[]): string;
  /** A constant tensor of given numbers. */
  data(values: NumberArray, shape: Shape, dtype: Dtype): string;
}
