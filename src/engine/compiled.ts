/** A compiled graph over a runtime's session: the same in Node and in browsers. */
import type * as ort from 'onnxruntime-node';
import { engineError, type SmileError, shapeError } from '../errors.ts';
import type { Tensor } from '../graph/index.ts';
import type { CompiledGraph, TensorData } from '../types.ts';

/** Named inputs and outputs. */
export interface Graph {
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly outputs: Readonly<Record<string, Tensor>>;
}

export interface CompileOptions<D extends string> {
  /** Default: the processor. */
  readonly device?: D;
  /** Use only operators of the standard, so that any runtime takes the model. */
  readonly portable?: boolean;
  /** Threads of one session on the processor. One per worker, with a block of chains each, is fastest. Default 1. */
  readonly threads?: number;
}

/** ONNX Runtime, as its packages for Node and for browsers both offer it. */
export interface Runtime {
  readonly Tensor: typeof ort.Tensor;
  /** Whether results land in the arrays of given tensors. */
  readonly writesInPlace: boolean;
}

/** The graph over its session. */
export function compiledGraph(
  session: ort.InferenceSession,
  graph: Graph,
  { Tensor: OrtTensor, writesInPlace }: Runtime,
): CompiledGraph {
  const inputs = Object.entries(graph.inputs).filter(([name]) => session.inputNames.includes(name));
  const feeds: Record<string, ort.Tensor> = {};
  const fetches: Record<string, ort.Tensor | null> = {};
  return {
    async run(given, into = {}) {
      for (const [name, tensor] of inputs) {
        checkFeed(name, tensor, given[name]);
        if (feeds[name]?.data !== given[name]) feeds[name] = new OrtTensor(given[name], tensor.shape);
      }
      for (const [name, tensor] of Object.entries(graph.outputs)) {
        if (into[name] === undefined) fetches[name] = null;
        else if (fetches[name]?.data !== into[name]) {
          checkFeed(name, tensor, into[name]);
          fetches[name] = new OrtTensor(into[name], tensor.shape);
        }
      }
      const results = await session.run(feeds, writesInPlace ? fetches : Object.keys(fetches));
      return Object.fromEntries(
        Object.entries(results).map(([name, { data }]) => {
          if (!writesInPlace) into[name]?.set(data as TensorData);
          return [name, into[name] ?? (data as TensorData)];
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

function checkFeed(name: string, { shape, dtype }: Tensor, data: TensorData | undefined): void {
  const size = shape.reduce((product, n) => product * n, 1);
  const expected = `${dtype} of ${size} elements ([${shape.join(', ')}])`;
  if (!data) throw shapeError(`run: expected the input '${name}', ${expected}, got none. Feed it.`);
  const type = data instanceof Float32Array ? 'float32' : 'float64';
  if (data.length !== size || type !== dtype) {
    throw shapeError(`run: expected '${name}' to be ${expected}, got ${type} of ${data.length}. Feed that shape.`);
  }
}
