/** Compiles graphs with ONNX Runtime, for the processor or the GPU. The only file that imports it. */
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { engineError, shapeError } from '../errors.ts';
import { peakBytes, type Recompute, type Tensor, writeOnnx } from '../graph/index.ts';
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
  /**
   * Whether the backward pass makes again what it can instead of keeping it, to the same bits: `always` up to
   * eight passes over memory for a tensor, `never`, or `auto`: single passes in large graphs. Default `auto`.
   */
  readonly recompute?: 'auto' | 'always' | 'never';
}

/** A graph to compile. */
export interface Graph {
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** The output whose making is the forward pass, where there is a backward pass. */
  readonly forward?: string;
}

/** Compiles a graph. Throws an `EngineError` with the runtime's reason when it refuses the graph or has no such device. */
export async function compile(graph: Graph, options: CompileOptions = {}): Promise<CompiledGraph> {
  const { device = 'cpu', portable = false, threads = 1 } = options;
  const recompute = recomputation(graph, options);
  const runtime = portable ? 'portable' : device;
  const model = writeOnnx(graph.inputs, graph.outputs, { runtime, ...(recompute && { recompute }) });
  const session = await create(model, device, threads, isLarge(graph), recompute !== undefined);
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
const isLarge = (graph: Graph) => peakBytes(graph.outputs) > PLANNED;

/** Most passes over memory for a tensor that is made again. */
const PASSES = { always: 8, auto: 1 };

/** What the backward pass of a graph makes again; undefined for nothing. */
export function recomputation(graph: Graph, { recompute = 'auto' }: CompileOptions): Recompute | undefined {
  const { forward } = graph;
  if (forward === undefined || recompute === 'never' || (recompute === 'auto' && !isLarge(graph))) return;
  return { forward, passes: PASSES[recompute] };
}

async function create(
  model: Uint8Array,
  device: Device,
  threads: number,
  large: boolean,
  recomputing: boolean,
): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(model, {
      executionProviders: PROVIDERS[device] as unknown as InferenceSession.ExecutionProviderConfig[],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      enableMemPattern: !large,
      logSeverityLevel: 3,
      extra: {
        ...(threads > 1 && { session: { intra_op: { allow_spinning: '0' } } }),
        // It would merge what is made again with what is not to be kept; all else is shared already.
        ...(recomputing && { optimization: { disable_specified_optimizers: 'CommonSubexpressionElimination' } }),
      },
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

function checkFeed(name: string, { shape, dtype }: Tensor, data: TensorData | undefined): void {
  const size = shape.reduce((product, n) => product * n, 1);
  const expected = `${dtype} of ${size} elements ([${shape.join(', ')}])`;
  if (!data) throw shapeError(`run: expected the input '${name}', ${expected}, got none. Feed it.`);
  const type = data instanceof Float32Array ? 'float32' : 'float64';
  if (data.length !== size || type !== dtype) {
    throw shapeError(`run: expected '${name}' to be ${expected}, got ${type} of ${data.length}. Feed that shape.`);
  }
}
