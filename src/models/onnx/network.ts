/** Networks that users bring as ONNX files: what is in a file, before it is known what for. */
import type { OnnxModel } from '../../graph/index.ts';
import type { Parameter } from '../model.ts';
import type { Ending } from './ending.ts';

/** A network as its file describes it. */
export interface OnnxNetwork {
  readonly source: string;
  /** With all numbers inside, reals in float32, and rows free. */
  readonly onnx: OnnxModel;
  readonly opset: number;
  /** Shape of one row of input; the first axis of the file's input counts rows. */
  readonly row: readonly number[];
  /** p: numbers in one row. */
  readonly inputs: number;
  /** Outputs of one row. */
  readonly outputs: number;
  /** What makes the outputs probabilities; classes are sampled by the logits before it. */
  readonly ending: Ending;
  /** Stored tensors of reals in the file's order, their numbers, and whether the network learned them, as it seems. */
  readonly tensors: readonly (Required<Parameter> & {
    readonly values: ArrayLike<number>;
    readonly learned: boolean;
    /** Why it is taken for a constant; empty where it is learned. */
    readonly reason: string;
  })[];
  /** Names of the learned ones of the last layer, of all heads where there are several. */
  readonly last: readonly string[];
  /** Weights of further networks of the same graph, which chains start from too. */
  readonly starts: readonly Weights[];
  /** What was changed to read it, in sentences. */
  readonly notes: readonly string[];
}

/** Numbers of the stored tensors of another network, by name. */
export type Weights = ReadonlyMap<string, ArrayLike<number>>;
