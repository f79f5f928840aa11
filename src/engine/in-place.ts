/**
 * Results in given arrays alone. The runtime's binding for Node copies every result into a new array too, also those that it
 * has written in place, which for large networks costs memory and up to a fifth of the time. It stops at a result that
 * is no tensor, with an error: such a result comes first here.
 */
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import type { Tensor as GraphTensor, OnnxModel } from '../graph/index.ts';
import { type Graph, room, type Session } from './compiled.ts';

/** The name of that result, and how the runtime's error begins. */
export const STOP = { name: 'stop', message: 'Non tensor type' } as const;

/** The model with an empty sequence as its first result. */
export const withStop = ({ graph, ...model }: OnnxModel): OnnxModel => ({
  ...model,
  graph: {
    ...graph,
    node: [...graph.node, { opType: 'SequenceEmpty', input: [], output: [STOP.name], attribute: [] }],
    output: [{ name: STOP.name, type: {} }, ...graph.output],
  },
});

/** A session of such a model. Results without an array share one of their own, overwritten by the next run. */
export function inPlace(session: InferenceSession, { outputs }: Graph): Session {
  const own: Record<string, Tensor> = {};
  const ownRoom = (name: string, tensor: GraphTensor) => {
    own[name] ??= new Tensor(room(tensor), tensor.shape);
    return own[name];
  };
  return {
    inputNames: session.inputNames,
    async run(feeds, fetches) {
      const results = Object.fromEntries(
        Object.entries(outputs).map(([name, tensor]) => [name, fetches[name] ?? ownRoom(name, tensor)]),
      );
      try {
        await session.run(feeds, { [STOP.name]: null, ...results });
      } catch (error) {
        if (!(error as Error).message.startsWith(STOP.message)) throw error;
      }
      return results;
    },
    release: () => session.release(),
  };
}
