/** A graph that runs in a thread of its own, beside what this thread does. */
import { once } from 'node:events';
import type { InferenceSession } from 'onnxruntime-node';
import { startThread } from '../entries.ts';
import { engineError } from '../errors.ts';
import type { CompiledGraph, TensorData } from '../types.ts';
import { type Graph, room } from './compiled.ts';

/** A model as the runtime takes it. */
export interface Model {
  readonly bytes: Uint8Array;
  readonly settings: InferenceSession.SessionOptions;
  /** The result that ends a run before all are copied, and how the runtime then begins to complain; see `in-place.ts`. */
  readonly stop?: { readonly name: string; readonly message: string } | undefined;
}

/** Arrays go to the thread and come back, so that nothing is copied on the way. */
interface Arrays {
  readonly feeds: Readonly<Record<string, TensorData>>;
  readonly results: Readonly<Record<string, TensorData>>;
}
interface Answer {
  readonly arrays: Arrays;
  readonly fault?: string;
}

const ended = (cause: unknown) =>
  engineError('run: expected a result of a thread, got its end. Compile the graph again.', { cause });

/** The graph of a model in a new thread. Throws what the runtime refuses it with. */
export async function aside(model: Model, { inputs, outputs }: Graph): Promise<CompiledGraph> {
  const shapes = Object.fromEntries(
    [...Object.entries(inputs), ...Object.entries(outputs)].map(([name, { shape }]) => [name, shape]),
  );
  const rooms = (tensors: Graph['inputs']) =>
    Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, room(tensor)]));
  let arrays: Arrays = { feeds: rooms(inputs), results: rooms(outputs) };
  const worker = startThread('aside-thread', { workerData: { ...model, shapes } });
  const gone = new AbortController();
  const exit = once(worker, 'exit').finally(() => gone.abort());
  exit.catch(() => {}); // An error of the thread ends whoever waits for its answer.
  const answer = () => once(worker, 'message', { signal: gone.signal });
  await answer();
  worker.unref();
  return {
    async run(given, into = {}) {
      if (gone.signal.aborted) throw ended(gone.signal.reason);
      for (const [name, feed] of Object.entries(arrays.feeds)) feed.set(given[name]);
      worker.ref();
      worker.postMessage(
        arrays,
        [...Object.values(arrays.feeds), ...Object.values(arrays.results)].map(({ buffer }) => buffer as ArrayBuffer),
      );
      const [{ arrays: back, fault }] = (await answer().catch((cause: unknown) => {
        throw ended(cause);
      })) as [Answer];
      worker.unref();
      arrays = back;
      if (fault) throw engineError(`run: expected the runtime to compute the graph, got: ${fault}`);
      for (const [name, array] of Object.entries(into)) array.set(arrays.results[name]);
      return { ...arrays.results, ...into };
    },
    async release() {
      worker.ref();
      worker.postMessage(null);
      await exit;
    },
  };
}
