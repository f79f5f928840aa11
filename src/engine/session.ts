/** Compiles graphs with ONNX Runtime in Node, for the processor or the GPU. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { buildOnnx, encodeModel } from '../graph/index.ts';
import type { CompiledGraph } from '../types.ts';
import { type CompileOptions, compiledGraph, type Graph, refusal } from './compiled.ts';
import { type DeviceReport, inspect } from './devices.ts';
import { inPlace, withStop } from './in-place.ts';
import { isLarge, recomputation } from './memory.ts';

/** Where graphs run: ONNX Runtime's own kernels, or WebGPU through Vulkan, Metal or Direct3D. */
export type Device = 'cpu' | 'webgpu';

export const DEVICES: readonly Device[] = ['cpu', 'webgpu'];

/** Compiles a graph. Throws an `EngineError` with the runtime's reason when it refuses the graph or has no such device. */
export async function compile(graph: Graph, options: CompileOptions<Device> = {}): Promise<CompiledGraph> {
  const { device = 'cpu', portable = false, threads = 1 } = options;
  const target = { runtime: portable ? 'portable' : device } as const;
  const recompute = recomputation(graph, options.recompute);
  const model = buildOnnx(graph.inputs, graph.outputs, { ...target, ...(recompute && { recompute }) });
  const large = isLarge(graph);
  const stops = large && graph.forward !== undefined && device === 'cpu';
  const bytes = encodeModel(stops ? withStop(model) : model);
  const session = await create(bytes, device, { threads, large, recomputing: recompute !== undefined });
  const runs = stops ? inPlace(session, graph) : session;
  return compiledGraph(runs, graph, { Tensor, writesInPlace: true, target });
}

/** Tries a device on functions, a product and a convolution. */
export const inspectDevice = (device: Device): Promise<DeviceReport<Device>> => inspect(device, compile);

/** The default layout of WebGPU's convolutions gives wrong numbers for some channel counts (6 to 16, for one). */
const PROVIDERS = { cpu: ['cpu'], webgpu: [{ name: 'webgpu', preferredLayout: 'NCHW' }] } as const;

interface SessionNeeds {
  readonly threads: number;
  readonly large: boolean;
  readonly recomputing: boolean;
}

async function create(
  model: Uint8Array,
  device: Device,
  { threads, large, recomputing }: SessionNeeds,
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
    throw refusal(cause, device, 'Use --device cpu, or install a Vulkan driver; see smile doctor.');
  }
}
