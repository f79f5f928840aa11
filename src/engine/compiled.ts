/** A compiled graph over a runtime's session: the same in Node and in browsers. */
import type * as ort from 'onnxruntime-node';
import { engineError, type SmileError, shapeError } from '../errors.ts';
import { heldAs, sizeOfShape, type Target, type Tensor } from '../graph/index.ts';
import type { ByRows, CompiledGraph, TensorData } from '../types.ts';

/** Named inputs and outputs. */
export interface Graph {
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** The output whose making is the forward pass, where there is a backward pass. */
  readonly forward?: string;
  /** How it is put together from parts of its rows, where it can be. */
  readonly byRows?: ByRows<Graph>;
}

/**
 * What threads share out: single operators, as the runtime does, which leaves transpositions, slices and pooling to one; or
 * rows, where a graph says how, for a copy of parameters and gradients each.
 */
export type Sharing = (typeof SHARINGS)[number];
export const SHARINGS = ['operators', 'rows'] as const;

export interface CompileOptions<D extends string = string> {
  /** Default: the processor. */
  readonly device?: D;
  /** Use only operators of the standard, so that any runtime takes the model. */
  readonly portable?: boolean;
  /** Threads on the processor. One per worker, with a block of chains each, is fastest. Default 1. */
  readonly threads?: number;
  /** What threads share out. Default: operators. */
  readonly sharing?: Sharing;
  /**
   * Whether the backward pass makes again what it can instead of keeping it, to the same bits: `always` up to eight passes
   * over memory for a tensor, `auto` single passes in large graphs. Default `auto`.
   */
  readonly recompute?: 'auto' | 'always' | 'never';
}

/** ONNX Runtime, as its packages for Node and for browsers both offer it. */
export interface Runtime {
  readonly Tensor: typeof ort.Tensor;
  /** Whether results land in the arrays of given tensors. */
  readonly writesInPlace: boolean;
  /** What the session's model was written for. */
  readonly target: Target;
}

/** What is needed of the runtime's session. */
export interface Session {
  readonly inputNames: readonly string[];
  run(
    feeds: Readonly<Record<string, ort.Tensor>>,
    fetches: Readonly<Record<string, ort.Tensor | null>>,
  ): Promise<Readonly<Record<string, ort.Tensor>>>;
  release(): Promise<void>;
}

/** The graph over its session. float64 goes in and out as such, whatever the target holds. */
export function compiledGraph(
  session: Session,
  graph: Graph,
  { Tensor: OrtTensor, writesInPlace, target }: Runtime,
): CompiledGraph {
  const inputs = Object.entries(graph.inputs).filter(([name]) => session.inputNames.includes(name));
  const outputs = Object.entries(graph.outputs);
  const direct = ({ dtype }: Tensor) => heldAs(dtype, target) === dtype;
  const narrowed = Object.fromEntries(
    inputs.flatMap(([name, tensor]) => (direct(tensor) ? [] : [[name, new Float32Array(sizeOfShape(tensor.shape))]])),
  );
  const feeds: Record<string, ort.Tensor> = {};
  const fetches: Record<string, ort.Tensor | null> = {};
  return {
    async run(given, into = {}) {
      for (const [name, tensor] of inputs) {
        checkFeed(name, tensor, given[name]);
        narrowed[name]?.set(given[name]);
        const data = narrowed[name] ?? given[name];
        if (feeds[name]?.data !== data) feeds[name] = new OrtTensor(data, tensor.shape);
      }
      for (const [name, tensor] of outputs) {
        if (into[name]) checkFeed(name, tensor, into[name]);
        if (!into[name] || !writesInPlace || !direct(tensor)) fetches[name] = null;
        else if (fetches[name]?.data !== into[name]) fetches[name] = new OrtTensor(into[name], tensor.shape);
      }
      const results = await session.run(feeds, fetches);
      return Object.fromEntries(
        outputs.map(([name, tensor]) => {
          const data = results[name].data as TensorData;
          const wanted = into[name] ?? (direct(tensor) ? data : new Float64Array(data.length));
          if (!fetches[name] && wanted !== data) wanted.set(data);
          return [name, wanted];
        }),
      );
    },
    release: () => session.release(),
  };
}

/** Why a runtime would not compile: no such device, for which `advice` says what to do, or a graph that it refuses. */
export function refusal(cause: unknown, device: string, advice: string): SmileError {
  const { message } = cause as Error;
  if (/adapter|webgpu/i.test(message) && device === 'webgpu') {
    return engineError(
      `compile: expected a GPU that WebGPU can reach, got none (${/Failed to [^\n]*/.exec(message)?.[0] ?? message}). ${advice}`,
      { cause },
    );
  }
  return engineError(`compile: expected a graph that the runtime accepts, got its refusal: ${message}`, { cause });
}

/** An array of a tensor's size and type. */
export function room({ shape, dtype }: Pick<Tensor, 'shape' | 'dtype'>): TensorData {
  const size = sizeOfShape(shape);
  return dtype === 'float64' ? new Float64Array(size) : new Float32Array(size);
}

/** Throws a `ShapeError` where the data do not fit the tensor. */
export function checkFeed(name: string, { shape, dtype }: Tensor, data: TensorData | undefined): void {
  const size = sizeOfShape(shape);
  const expected = `${dtype} of ${size} elements ([${shape.join(', ')}])`;
  if (!data) throw shapeError(`run: expected the input '${name}', ${expected}, got none. Feed it.`);
  const type = data instanceof Float32Array ? 'float32' : 'float64';
  if (data.length !== size || type !== dtype) {
    throw shapeError(`run: expected '${name}' to be ${expected}, got ${type} of ${data.length}. Feed that shape.`);
  }
}
