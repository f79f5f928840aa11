/** Compiles graphs with ONNX Runtime in Node, for the processor or the GPU. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { buildOnnx, encodeModel, unshaped } from '../graph/index.ts';
import type { CompiledGraph } from '../types.ts';
import { aside, type Model } from './aside.ts';
import { blockSize } from './blocks.ts';
import { type CompileOptions, compiledGraph, type Graph, refusal, type Session } from './compiled.ts';
import { type DeviceReport, inspect } from './devices.ts';
import { inPlace, STOP, withStop } from './in-place.ts';
import { isLarge, recomputation } from './memory.ts';
import { inParallel, inTurn } from './parts.ts';

/** Where graphs run: ONNX Runtime's own kernels, or WebGPU through Vulkan, Metal or Direct3D. */
export type Device = 'cpu' | 'webgpu';

export const DEVICES: readonly Device[] = ['cpu', 'webgpu'];

/** Compiles a graph. Throws an `EngineError` with the runtime's reason when it refuses the graph or has no such device. */
export async function compile(given: Graph, options: CompileOptions<Device> = {}): Promise<CompiledGraph> {
  const { device = 'cpu', threads = 1, sharing } = options;
  const { byRows } = given;
  if (!byRows || device !== 'cpu') return compileHere(given, options);
  const lanes = sharing === 'rows' ? Math.min(threads, byRows.rows) : 1;
  if (lanes === 1) return portioned(given, (part) => compileHere(part, options));
  const each = { ...options, threads: Math.floor(threads / lanes) };
  return inParallel(given, byRows, lanes, (lane, i) =>
    portioned(lane, (part) => (i === 0 ? compileHere : compileAside)(part, each)),
  );
}

/** The graph in the portions that are best for it. */
function portioned(graph: Graph, compilePart: (part: Graph) => Promise<CompiledGraph>): Promise<CompiledGraph> {
  const { byRows } = graph;
  if (!byRows) return compilePart(graph);
  const portion = byRows.portion();
  return portion === byRows.rows ? compilePart(graph) : inTurn(graph, byRows, portion, compilePart);
}

async function compileHere(given: Graph, options: CompileOptions<Device>): Promise<CompiledGraph> {
  const graph = withoutLastReshapes(given);
  const session = await sessionOf(graph, options);
  return compiledGraph(session, graph, { Tensor, writesInPlace: true, target: { runtime: runtimeOf(options) } });
}

async function compileAside(given: Graph, options: CompileOptions<Device>): Promise<CompiledGraph> {
  const graph = withoutLastReshapes(given);
  try {
    return await aside(await modelOf(graph, options), graph);
  } catch (cause) {
    throw refusal(cause, 'cpu', '');
  }
}

/** Results are arrays, and a reshaped one would be copied. */
const withoutLastReshapes = (graph: Graph): Graph => ({
  ...graph,
  outputs: Object.fromEntries(Object.entries(graph.outputs).map(([name, tensor]) => [name, unshaped(tensor)])),
});

const runtimeOf = ({ device = 'cpu', portable = false }: CompileOptions<Device>) => (portable ? 'portable' : device);

/** The runtime's session of a graph; the outputs of `resident` stay on a GPU. Throws as `compile` does. */
export async function sessionOf(
  graph: Graph,
  options: CompileOptions<Device>,
  resident: readonly string[] = [],
): Promise<Session> {
  const { bytes, settings, stop } = await modelOf(graph, options, resident);
  try {
    const session = await InferenceSession.create(bytes, settings);
    return stop ? inPlace(session, graph) : session;
  } catch (cause) {
    throw refusal(cause, options.device ?? 'cpu', 'Use --device cpu, or install a Vulkan driver; see smile doctor.');
  }
}

async function modelOf(
  graph: Graph,
  options: CompileOptions<Device>,
  resident: readonly string[] = [],
): Promise<Model> {
  const { device = 'cpu', threads = 1 } = options;
  const recompute = recomputation(graph, options.recompute);
  const runtime = runtimeOf(options);
  const blocks = runtime === 'cpu' ? await blockSize() : undefined;
  const model = buildOnnx(graph.inputs, graph.outputs, {
    runtime,
    ...(blocks && { blocks }),
    ...(recompute && { recompute }),
  });
  const large = isLarge(graph);
  const stops = large && device === 'cpu' && (graph.forward !== undefined || resident.length > 0);
  const needs = { threads, large, recomputing: recompute !== undefined, resident: device === 'cpu' ? [] : resident };
  return {
    bytes: encodeModel(stops ? withStop(model) : model),
    settings: settingsOf(device, needs),
    ...(stops && { stop: STOP }),
  };
}

/** Tries a device on functions, a product and convolutions. */
export const inspectDevice = (device: Device): Promise<DeviceReport<Device>> => inspect(device, compile);

/** The default layout of WebGPU's convolutions gives wrong numbers for some channel counts (6 to 16, for one). */
const PROVIDERS = { cpu: ['cpu'], webgpu: [{ name: 'webgpu', preferredLayout: 'NCHW' }] } as const;

interface SessionNeeds {
  readonly threads: number;
  readonly large: boolean;
  readonly recomputing: boolean;
  readonly resident: readonly string[];
}

const settingsOf = (
  device: Device,
  { threads, large, recomputing, resident }: SessionNeeds,
): InferenceSession.SessionOptions => ({
  executionProviders: PROVIDERS[device] as unknown as InferenceSession.ExecutionProviderConfig[],
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  enableMemPattern: !large,
  logSeverityLevel: 3,
  preferredOutputLocation: Object.fromEntries(resident.map((name) => [name, 'gpu-buffer' as const])),
  extra: {
    ...(threads > 1 && { session: { intra_op: { allow_spinning: '0' } } }),
    // It would merge what is made again with what is not to be kept; all else is shared already.
    ...(recomputing && { optimization: { disable_specified_optimizers: 'CommonSubexpressionElimination' } }),
  },
});
