/** Compiles graphs with ONNX Runtime on the CPU. The only file that imports it. */
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { engineError, shapeError } from '../errors.ts';
import { type Tensor, type WriteOptions, writeOnnx } from '../graph/index.ts';
import type { CompiledGraph, TensorData } from '../types.ts';

export interface CompileOptions extends WriteOptions {
  /** Threads of one session. One per worker, with a block of chains each, is faster than many here. Default 1. */
  readonly threads?: number;
}

/** Compiles a graph for the CPU. Throws an `EngineError` with the runtime's reason when it refuses the graph. */
export async function compile(
  graph: { readonly inputs: Readonly<Record<string, Tensor>>; readonly outputs: Readonly<Record<string, Tensor>> },
  options: CompileOptions = {},
): Promise<CompiledGraph> {
  const { threads = 1 } = options;
  const session = await create(writeOnnx(graph.inputs, graph.outputs, options), threads);
  const inputs = Object.entries(graph.inputs).filter(([name]) => session.inputNames.includes(name));
  const feeds: Record<string, OrtTensor> = {};
  const fetches: Record<string, OrtTensor | null> = {};
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
      const results = await session.run(feeds, fetches);
      return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data as TensorData]));
    },
    release: () => session.release(),
  };
}

async function create(model: Uint8Array, threads: number): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(model, {
      executionProviders: ['cpu'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
      ...(process.env.PROF && { enableProfiling: true, profileFilePrefix: process.env.PROF }),
      ...(threads > 1 && { extra: { session: { intra_op: { allow_spinning: '0' } } } }),
    });
  } catch (cause) {
    throw engineError(
      `compile: expected a graph that the runtime accepts, got its refusal: ${(cause as Error).message}`,
      {
        cause,
      },
    );
  }
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
