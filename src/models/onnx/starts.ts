/** Several networks of one graph: the weights of the others travel in the file of the first, and chains start from each in turn. */
import { shapeError } from '../../errors.ts';
import { encodeModel, type OnnxModel, type OnnxTensor, storedNumbers } from '../../graph/index.ts';
import type { OnnxNetwork, Weights } from './network.ts';

const START = /^start (\d+): (.*)$/s;

/** Characters of a part that a message shows. */
const LONGEST = 70;

/** The tensors that belong to the graph, and those of further starts, by start. */
export function separated({ initializer }: OnnxModel['graph']): { own: OnnxTensor[]; starts: Weights[] } {
  const starts: Map<string, ArrayLike<number>>[] = [];
  const own = initializer.filter((tensor) => {
    const [, index, name] = START.exec(tensor.name) ?? [];
    if (index === undefined) return true;
    starts[Number(index) - 1] ??= new Map();
    starts[Number(index) - 1].set(name, storedNumbers(`tensor '${tensor.name}'`, tensor, nowhere));
    return false;
  });
  return { own, starts };
}

const nowhere = (file: string): never => {
  throw shapeError(`expected the numbers of further starts in the file itself, got a reference to ${file}.`);
};

/** The file again, with everything it referred to inside, and the weights of further starts. */
export function onnxBytes({ onnx, starts }: OnnxNetwork): Uint8Array {
  const further = starts.flatMap((weights, i) =>
    onnx.graph.initializer.flatMap(({ name, dims, dataType }) => {
      const values = weights.get(name);
      const rawData = values && new Uint8Array(Float32Array.from(values).buffer);
      return rawData ? [{ name: `start ${i + 1}: ${name}`, dims, dataType, rawData }] : [];
    }),
  );
  return encodeModel({ ...onnx, graph: { ...onnx.graph, initializer: [...onnx.graph.initializer, ...further] } });
}

/** The first network with the weights of the others as further starts. Throws a `ShapeError` where their graphs differ. */
export function withStarts(first: OnnxNetwork, others: readonly OnnxNetwork[]): OnnxNetwork {
  const expected = skeleton(first);
  const starts = others.map((other) => {
    const got = skeleton(other);
    const place = expected.findIndex((line, i) => line !== got[i]);
    if (place >= 0 || got.length !== expected.length) {
      throw shapeError(
        `${other.source}: expected the graph of ${first.source} with other weights, got ${shown(got[place])} ` +
          `for ${shown(expected[place])}. Export all networks in the same way.`,
      );
    }
    return new Map(other.tensors.map(({ name, values }) => [name, values]));
  });
  return { ...first, starts };
}

const shown = (line = 'nothing') => `'${line.slice(0, LONGEST)}'`;

/** A graph without the numbers of its reals, part by part. */
function skeleton({ onnx: { graph } }: OnnxNetwork): string[] {
  const bytes = (data: Uint8Array | undefined) => (data ? data.join(' ') : '');
  return [
    ...graph.node.map(({ opType, input, output, attribute }) => {
      const set = attribute.map(({ name, i, f, ints, floats, s, t }) =>
        JSON.stringify([name, i, f, ints, floats, s && bytes(s), t && [t.dims, t.dataType, bytes(t.rawData)]]),
      );
      return `${opType}(${input.join(', ')}) -> ${output.join(', ')} ${set.sort().join(' ')}`.trim();
    }),
    ...graph.initializer.map((tensor) => {
      const { name, dims, dataType } = tensor;
      const fixed =
        dataType === 1 && dims.length > 0 ? '' : ` ${Array.from(storedNumbers(name, tensor, nowhere)).join(' ')}`;
      return `tensor ${name} [${dims.join(', ')}]${fixed}`;
    }),
  ];
}
