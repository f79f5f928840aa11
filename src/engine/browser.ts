/** Compiles graphs with ONNX Runtime in browsers, for the processor (WebAssembly) or the GPU. */
import type { InferenceSession } from 'onnxruntime-web';
import { engineError } from '../errors.ts';
import { writeOnnx } from '../graph/index.ts';
import type { CompiledGraph } from '../types.ts';
import { type CompileOptions, compiledGraph, type Graph, refusal } from './compiled.ts';
import { type DeviceReport, inspect } from './devices.ts';

/** Where graphs run in a browser: the processor through WebAssembly, or WebGPU. */
export type BrowserDevice = 'wasm' | 'webgpu';

export const DEVICES: readonly BrowserDevice[] = ['wasm', 'webgpu'];

/** Each device has a build of the runtime of its own, 14 and 27 MB, fetched when its first graph is compiled. */
const RUNTIMES = {
  wasm: {
    load: () => import('onnxruntime-web/wasm'),
    file: 'ort-wasm-simd-threaded.wasm',
    runtime: 'cpu',
    providers: ['wasm'],
  },
  webgpu: {
    load: () => import('onnxruntime-web/webgpu'),
    file: 'ort-wasm-simd-threaded.asyncify.wasm',
    runtime: 'webgpu',
    /** As in Node: other layouts of convolutions give wrong numbers for some channel counts. */
    providers: [{ name: 'webgpu', preferredLayout: 'NCHW' }],
  },
} as const;

/**
 * Compiles a graph; default device `wasm`, one thread: more of the runtime's need a page that is cross-origin isolated and a
 * script of their own, which a bundle does not keep. Chains in several workers use cores better. Throws an `EngineError`
 * with the runtime's reason when it refuses the graph or the browser has no such device, or its file is not served.
 */
export async function compile(
  graph: Graph,
  { device = 'wasm', portable = false }: Omit<CompileOptions<BrowserDevice>, 'threads'> = {},
): Promise<CompiledGraph> {
  const { load, file, runtime, providers } = RUNTIMES[device];
  if (device === 'webgpu' && !('gpu' in (globalThis as unknown as { navigator: object }).navigator)) {
    throw engineError('compile: expected a browser with WebGPU, got one without, or a page without https. Use wasm.');
  }
  const { Tensor, InferenceSession, env } = await load();
  env.wasm.numThreads = 1;
  const target = { runtime: portable ? 'portable' : runtime } as const;
  const model = writeOnnx(graph.inputs, graph.outputs, target);
  try {
    const session = await InferenceSession.create(model, {
      executionProviders: providers as unknown as InferenceSession.ExecutionProviderConfig[],
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
    });
    return compiledGraph(session, graph, { Tensor, writesInPlace: false, target });
  } catch (cause) {
    if (/fetching of the wasm failed/.test((cause as Error).message)) {
      throw engineError(`compile: expected the runtime's file ${file} beside the script, got none. Serve it there.`, {
        cause,
      });
    }
    throw refusal(cause, device, 'Use wasm, or switch WebGPU on in the settings of the browser.');
  }
}

/** Tries a device on functions, a product and convolutions. */
export const inspectDevice = (device: BrowserDevice): Promise<DeviceReport<BrowserDevice>> => inspect(device, compile);
