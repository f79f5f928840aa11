/** A graph put together from graphs of fewer rows: rows need nothing of each other. */
import type { Tensor } from '../graph/index.ts';
import type { ByRows, CompiledGraph, TensorData } from '../types.ts';
import { checkFeed, type Graph, room } from './compiled.ts';

/** The graph in as many parts as there are `lanes`, all at once. */
export async function inParallel(
  graph: Graph,
  byRows: ByRows<Graph>,
  lanes: number,
  compilePart: (part: Graph, lane: number) => Promise<CompiledGraph>,
): Promise<CompiledGraph> {
  const edges = Array.from({ length: lanes + 1 }, (_, i) => Math.round((i * byRows.rows) / lanes));
  const spans = edges.slice(1).map((to, i) => ({ from: edges[i], to }));
  const opening = spans.map(({ from, to }, lane) => compilePart(byRows.part(to - from, 1 / lanes), lane));
  const parts = await allEnded(opening).catch(async (error: unknown) => {
    for (const end of await Promise.allSettled(opening)) if (end.status === 'fulfilled') await end.value.release();
    throw error;
  });
  const assembled = assembler(graph, byRows, spans);
  return {
    async run(given, into = {}) {
      const { feeds, first, add, whole } = assembled(given, into);
      const results = await allEnded(parts.map((part, i) => part.run(feeds(i), i === 0 ? first : {})));
      results.forEach(add);
      return whole;
    },
    async release() {
      await Promise.all(parts.map((part) => part.release()));
    },
  };
}

/** The graph in portions of so many rows, which divide all of them, one after the other. */
export async function inTurn(
  graph: Graph,
  byRows: ByRows<Graph>,
  portion: number,
  compilePart: (part: Graph) => Promise<CompiledGraph>,
): Promise<CompiledGraph> {
  const count = byRows.rows / portion;
  const spans = Array.from({ length: count }, (_, i) => ({ from: i * portion, to: (i + 1) * portion }));
  const part = await compilePart(byRows.part(portion, 1 / count));
  const assembled = assembler(graph, byRows, spans);
  return {
    async run(given, into = {}) {
      const { feeds, first, add, whole } = assembled(given, into);
      for (let i = 0; i < count; i++) add(await part.run(feeds(i), i === 0 ? first : {}), i);
      return whole;
    },
    release: part.release,
  };
}

/** All results, once all have ended: where one fails, no other is still at work. */
async function allEnded<T>(works: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(works);
  return Promise.all(works);
}

/** Rows from one up to another. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/** Cuts what is given for parts, and makes the whole of what they give back. */
function assembler({ inputs, outputs }: Graph, { rows, along }: ByRows<Graph>, spans: readonly Span[]) {
  const cut = Object.entries(inputs).filter(([name]) => along.includes(name));
  const own = spans.map(({ from, to }) =>
    Object.fromEntries(
      cut.map(([name, { shape, dtype }]) => [name, room({ shape: shape.with(-1, to - from), dtype })]),
    ),
  );
  const rooms: Record<string, TensorData> = {};
  const roomOf = ([name, tensor]: [string, Tensor]) => {
    rooms[name] ??= room(tensor);
    return rooms[name];
  };
  return (given: Readonly<Record<string, TensorData>>, into: Readonly<Record<string, TensorData>>) => {
    for (const [name, tensor] of Object.entries(inputs)) checkFeed(name, tensor, given[name]);
    for (const name of Object.keys(into)) checkFeed(name, outputs[name], into[name]);
    const whole = Object.fromEntries(
      Object.entries(outputs).map((output) => [output[0], into[output[0]] ?? roomOf(output)]),
    );
    return {
      whole,
      /** Where the first part puts its sums, to which the others are added. */
      first: Object.fromEntries(Object.entries(whole).filter(([name]) => !along.includes(name))),
      feeds(i: number) {
        for (const [name, part] of Object.entries(own[i])) take(part, given[name], rows, spans[i]);
        return { ...given, ...own[i] };
      },
      /** To be called in the order of the parts: sums then do not depend on which part is done first. */
      add(result: Readonly<Record<string, TensorData>>, i: number) {
        for (const [name, all] of Object.entries(whole)) {
          if (along.includes(name)) put(all, result[name], rows, spans[i]);
          else if (i > 0) sum(all, result[name]);
        }
      },
    };
  };
}

function take(part: TensorData, whole: TensorData, rows: number, { from, to }: Span): void {
  for (let at = 0, start = from; start < whole.length; at += to - from, start += rows) {
    part.set(whole.subarray(start, start + to - from), at);
  }
}

function put(whole: TensorData, part: TensorData, rows: number, { from, to }: Span): void {
  for (let at = 0, start = from; start < whole.length; at += to - from, start += rows) {
    whole.set(part.subarray(at, at + to - from), start);
  }
}

function sum(total: TensorData, part: TensorData): void {
  for (let i = 0; i < total.length; i++) total[i] += part[i];
}
