/** Compiles graphs with ONNX Runtime in Node, for the processor or the GPU. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { peakBytes, writeOnnx } from '../graph/index.ts';
import type { CompiledGraph } from '../types.ts';
import { type CompileOptions, compiledGraph, type Graph, refusal } from './compiled.ts';
import { type DeviceReport, inspect } from './devices.ts';

/** Where graphs run: ONNX Runtime's own kernels, or WebGPU through Vulkan, Metal or Direct3D. */
export type Device = 'cpu' | 'webgpu';

export const DEVICES: readonly Device[] = ['cpu', 'webgpu'];

/** Compiles a graph. Throws an `EngineError` with the runtime's reason when it refuses the graph or has no such device. */
export async function compile(graph: Graph, options: CompileOptions<Device> = {}): Promise<CompiledGraph> {
  const { device = 'cpu', portable = false, threads = 1 } = options;
  const target = { runtime: portable ? 'portable' : device } as const;
  const model = writeOnnx(graph.inputs, graph.outputs, target);
  const planned = peakBytes(Object.values(graph.outputs)) < PLANNED;
  const session = await create(model, device, threads, planned);
  return compiledGraph(session, graph, { Tensor, writesInPlace: true, target });
}

/** Tries a device on functions, a product and a convolution. */
export const inspectDevice = (device: Device): Promise<DeviceReport<Device>> => inspect(device, compile);

/** The default layout of WebGPU's convolutions gives wrong numbers for some channel counts (6 to 16, for one). */
const PROVIDERS = { cpu: ['cpu'], webgpu: [{ name: 'webgpu', preferredLayout: 'NCHW' }] } as const;

/**
 * Bytes up to which the runtime lays out all tensors beforehand: quicker for small graphs, but twice the memory of large
 * ones, which gain nothing by it.
 */
const PLANNED = 64e6;

async function create(model: Uint8Array, device: Device, threads: number, planned: boolean): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(model, {
      executionProviders: PROVIDERS[device] as unknown as InferenceSession.ExecutionProviderConfig[],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      enableMemPattern: planned,
      logSeverityLevel: 3,
      ...(threads > 1 && { extra: { session: { intra_op: { allow_spinning: '0' } } } }),
    });
  } catch (cause) {
    throw refusal(cause, device, 'Use --device cpu, or install a Vulkan driver; see smile doctor.');
  }
}
