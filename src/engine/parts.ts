/** A graph put together from graphs of fewer rows, side by side: rows need nothing of each other. */
import type { Tensor } from '../graph/index.ts';
import { sizeOfShape } from '../graph/index.ts';
import type { ByRows, CompiledGraph, TensorData } from '../types.ts';
import { checkFeed, type Graph } from './compiled.ts';

/**
 * The graph in `count` parts, each compiled by `compilePart`. Sums are taken in the order of the parts: results do not depend
 * on which is done first.
 */
export async function inParts(
  { inputs, outputs }: Graph,
  byRows: ByRows<Graph>,
  count: number,
  compilePart: (graph: Graph, part: number) => Promise<CompiledGraph>,
): Promise<CompiledGraph> {
  const { rows, along } = byRows;
  const edges = Array.from({ length: count + 1 }, (_, i) => Math.round((i * rows) / count));
  const spans = edges.slice(1).map((to, i): Span => ({ from: edges[i], to, rows }));
  const graphs = spans.map(({ from, to }, i) => byRows.part(to - from, i === 0));
  const parts = await Promise.all(graphs.map(compilePart));
  const own = graphs.map((graph) =>
    Object.fromEntries(along.flatMap((name) => (name in graph.inputs ? [[name, room(graph.inputs[name])]] : []))),
  );
  const joined = Object.entries(outputs).filter(([name]) => along.includes(name));
  return {
    async run(given, into = {}) {
      for (const [name, tensor] of Object.entries(inputs)) checkFeed(name, tensor, given[name]);
      const sums = Object.fromEntries(Object.entries(into).filter(([name]) => !along.includes(name)));
      const results = await Promise.all(
        parts.map((part, i) => {
          for (const [name, rowsOfPart] of Object.entries(own[i])) take(rowsOfPart, given[name], spans[i]);
          return part.run({ ...given, ...own[i] }, i === 0 ? sums : {});
        }),
      );
      const [total, ...others] = results;
      for (const [name, tensor] of joined) {
        const whole = into[name] ?? room(tensor);
        results.forEach((result, i) => {
          put(whole, result[name], spans[i]);
        });
        total[name] = whole;
      }
      for (const name of Object.keys(total)) {
        if (!along.includes(name)) for (const other of others) add(total[name], other[name]);
      }
      return total;
    },
    async release() {
      await Promise.all(parts.map((part) => part.release()));
    },
  };
}

/** Rows `from` to `to` of `rows`. */
interface Span {
  readonly from: number;
  readonly to: number;
  readonly rows: number;
}

/** An array of a tensor's size and type. */
export function room({ shape, dtype }: Pick<Tensor, 'shape' | 'dtype'>): TensorData {
  const size = sizeOfShape(shape);
  return dtype === 'float64' ? new Float64Array(size) : new Float32Array(size);
}

function take(part: TensorData, whole: TensorData, { from, to, rows }: Span): void {
  for (let at = 0, start = from; start < whole.length; at += to - from, start += rows) {
    part.set(whole.subarray(start, start + to - from), at);
  }
}

function put(whole: TensorData, part: TensorData, { from, to, rows }: Span): void {
  for (let at = 0, start = from; start < whole.length; at += to - from, start += rows) {
    whole.set(part.subarray(at, at + to - from), start);
  }
}

function add(total: TensorData, part: TensorData): void {
  for (let i = 0; i < total.length; i++) total[i] += part[i];
}
