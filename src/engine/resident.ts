/**
 * Graphs whose outputs stay on the device and are fed again: buffers of the GPU, or on the processor arrays that the runtime
 * reads and writes in place.
 */
import { Tensor as OrtTensor } from 'onnxruntime-node';
import { input, type Shape, sizeOfShape } from '../graph/index.ts';
import type { Kept, Residence, ResidentGraph } from '../residence.ts';
import type { TensorData } from '../types.ts';
import { type CompileOptions, checkFeed, type Graph, type Session } from './compiled.ts';
import { checkMemory } from './layout.ts';
import { type Device, sessionOf } from './session.ts';

export interface ResidentCompiler extends Residence {
  /** Compiles a graph; the outputs named in `kept` stay. Throws as `compile` does, and where the graph does not fit in memory. */
  compile(graph: Graph, kept: readonly string[]): Promise<ResidentGraph>;
}

/** Compiles for one device. All tensors that stay there are float32. */
export function residence(options: CompileOptions<Device>): ResidentCompiler {
  return options.device === 'webgpu' ? onGpu(options) : onProcessor(options);
}

type Tensors = Record<string, OrtTensor>;
type Fetches = Record<string, OrtTensor | null>;

/** Runs a session on tensors that stay and arrays that come along; `fetch` says where each kept output goes. */
function residentGraph(
  graph: Graph,
  session: Session,
  kept: readonly string[],
  fetch: (shape: Shape) => OrtTensor | null,
): ResidentGraph {
  const inputs = Object.entries(graph.inputs).filter(([name]) => session.inputNames.includes(name));
  return {
    async run(feeds) {
      const given: Tensors = {};
      for (const [name, tensor] of inputs) {
        const feed = feeds[name];
        if (feed instanceof OrtTensor) given[name] = feed;
        else {
          checkFeed(name, tensor, feed as TensorData | undefined);
          given[name] = new OrtTensor(feed as TensorData, tensor.shape);
        }
      }
      const fetches: Fetches = {};
      for (const [name, { shape }] of Object.entries(graph.outputs)) {
        fetches[name] = kept.includes(name) ? fetch(shape) : null;
      }
      const results = await session.run(given, fetches);
      const names = Object.keys(graph.outputs);
      const read = names.filter((name) => !kept.includes(name));
      return {
        kept: Object.fromEntries(kept.map((name) => [name, (fetches[name] ?? results[name]) as OrtTensor])),
        read: Object.fromEntries(read.map((name) => [name, results[name].data as TensorData])),
      };
    },
    release: () => session.release(),
  };
}

/** Arrays of freed tensors are written again. */
function onProcessor(options: CompileOptions<Device>): ResidentCompiler {
  const spare = new Map<string, OrtTensor[]>();
  const take = (shape: Shape) =>
    spare.get(shape.join())?.pop() ?? new OrtTensor(new Float32Array(sizeOfShape(shape)), shape);
  return {
    async compile(graph, kept) {
      checkMemory(graph, options);
      return residentGraph(graph, await sessionOf(graph, options, kept), kept, take);
    },
    async put(data, shape) {
      const tensor = take(shape);
      (tensor.data as Float32Array).set(data);
      return tensor;
    },
    read: async (tensor) => ((tensor as OrtTensor).data as Float32Array).slice(),
    free(tensor) {
      const shape = tensor.dims.join();
      const others = spare.get(shape);
      if (others) others.push(tensor as OrtTensor);
      else spare.set(shape, [tensor as OrtTensor]);
    },
    release: async () => spare.clear(),
  };
}

/** Data goes up and comes down through graphs that do nothing, one for each shape: the runtime has no other way. */
function onGpu(options: CompileOptions<Device>): ResidentCompiler {
  const copies = new Map<string, Promise<Session>>();
  const copy = async (tensor: OrtTensor, stays: boolean) => {
    const key = `${stays} ${tensor.dims.join()}`;
    const x = input('x', tensor.dims);
    const session = copies.get(key) ?? sessionOf({ inputs: { x }, outputs: { y: x } }, options, stays ? ['y'] : []);
    copies.set(key, session);
    return (await (await session).run({ x: tensor }, { y: null })).y;
  };
  return {
    async compile(graph, kept) {
      checkMemory(graph, options);
      return residentGraph(graph, await sessionOf(graph, options, kept), kept, () => null);
    },
    put: (data, shape) => copy(new OrtTensor(data, shape), true),
    read: async (tensor: Kept) => (await copy(tensor as OrtTensor, false)).data as Float32Array,
    free: (tensor) => (tensor as OrtTensor).dispose(),
    async release() {
      for (const session of copies.values()) await (await session).release();
      copies.clear();
    },
  };
}
