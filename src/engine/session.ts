/** Compiles graphs with ONNX Runtime, for the processor or the GPU. */
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { engineError, shapeError } from '../errors.ts';
import { peakBytes, type Tensor, writeOnnx } from '../graph/index.ts';
import type { CompiledGraph, TensorData } from '../types.ts';

/** Where graphs run: ONNX Runtime's own kernels, or WebGPU through Vulkan, Metal or Direct3D. */
export type Device = 'cpu' | 'webgpu';

export interface CompileOptions {
  /** Default: the processor. */
  readonly device?: Device;
  /** Use only operators of the standard, so that any runtime takes the model. */
  readonly portable?: boolean;
  /** Threads of one session on the processor. One per worker, with a block of chains each, is fastest. Default 1. */
  readonly threads?: number;
}

/** A graph by its named inputs and outputs. */
export interface Graph {
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly outputs: Readonly<Record<string, Tensor>>;
}

/** The runtime's session of a graph; the outputs of `resident` stay on a GPU. Throws as `compile` does. */
export function sessionOf(
  graph: Graph,
  { device = 'cpu', portable = false, threads = 1 }: CompileOptions,
  resident: readonly string[] = [],
): Promise<InferenceSession> {
  const model = writeOnnx(graph.inputs, graph.outputs, { runtime: portable ? 'portable' : device });
  const planned = peakBytes(Object.values(graph.outputs)) < PLANNED;
  return create(model, device, threads, planned, device === 'cpu' ? [] : resident);
}

/** Compiles a graph. Throws an `EngineError` with the runtime's reason when it refuses the graph or has no such device. */
export async function compile(graph: Graph, options: CompileOptions = {}): Promise<CompiledGraph> {
  const session = await sessionOf(graph, options);
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

/** The default layout of WebGPU's convolutions gives wrong numbers for some channel counts (6 to 16, for one). */
const PROVIDERS = { cpu: ['cpu'], webgpu: [{ name: 'webgpu', preferredLayout: 'NCHW' }] } as const;

/**
 * Bytes up to which the runtime lays out all tensors beforehand: quicker for small graphs, but twice the memory of large
 * ones, which gain nothing by it.
 */
const PLANNED = 64e6;

async function create(
  model: Uint8Array,
  device: Device,
  threads: number,
  planned: boolean,
  resident: readonly string[],
): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(model, {
      executionProviders: PROVIDERS[device] as unknown as InferenceSession.ExecutionProviderConfig[],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      enableMemPattern: planned,
      logSeverityLevel: 3,
      preferredOutputLocation: Object.fromEntries(resident.map((name) => [name, 'gpu-buffer' as const])),
      ...(threads > 1 && { extra: { session: { intra_op: { allow_spinning: '0' } } } }),
    });
  } catch (cause) {
    const { message } = cause as Error;
    if (/adapter|webgpu/i.test(message) && device === 'webgpu') {
      throw engineError(
        `compile: expected a GPU that WebGPU can reach, got none (${/Failed to [^\n]*/.exec(message)?.[0] ?? message}). ` +
          'Use --device cpu, or install a Vulkan driver; see smile doctor.',
        { cause },
      );
    }
    throw engineError(
      `compile: expected a graph that the runtime accepts, got its refusal: ${(cause as Error).message}`,
      {
        cause,
      },
    );
  }
}

export function checkFeed(name: string, { shape, dtype }: Tensor, data: TensorData | undefined): void {
  const size = shape.reduce((product, n) => product * n, 1);
  const expected = `${dtype} of ${size} elements ([${shape.join(', ')}])`;
  if (!data) throw shapeError(`run: expected the input '${name}', ${expected}, got none. Feed it.`);
  const type = data instanceof Float32Array ? 'float32' : 'float64';
  if (data.length !== size || type !== dtype) {
    throw shapeError(`run: expected '${name}' to be ${expected}, got ${type} of ${data.length}. Feed that shape.`);
  }
}
