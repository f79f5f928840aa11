/** Predicts rows with members: as many rows and members share a call of a compiled graph as memory allows. */
import { featuresFirst } from '../data/table/rows.ts';
import { peakBytes } from '../graph/index.ts';
import { type BayesianNetwork, predictionGraph } from '../models/posterior.ts';
import type { CompiledGraph } from '../types.ts';
import { compileFor } from './compute.ts';
import type { Members } from './members.ts';
import type { LoadedRun } from './opened.ts';
import { type MemberPlace, type MemberPrediction, readerOf } from './prediction.ts';

/** Networks evaluated in one call of the graph, where it is small. */
const GROUP = 20;
/** Rows of one call. */
const CHUNK = 1024;
/** Bytes that a call may hold. */
const CALL_BYTES = 256e6;

/** Rows to be predicted: inputs `[n × p]` as the network takes them. */
export interface InputRows {
  readonly x: Float32Array;
}

/** Predicts any rows with whatever members come. A graph is compiled for the first rows of each shape, and kept. */
export interface Predictor {
  /**
   * The prediction of every member in order. Memory is bounded by a group of members; the yielded arrays are the caller's. One
   * ensemble at a time.
   */
  of(rows: InputRows, members: Members): AsyncGenerator<MemberPrediction>;
  release(): Promise<void>;
}

/** A graph that predicts `rows` rows with `group` members, whose parameters stand in `theta` `[group × d]`. */
interface CompiledCall {
  readonly rows: number;
  readonly theta: Float64Array;
  readonly graph: CompiledGraph;
}

export function memberPredictor(run: LoadedRun): Predictor {
  const { network } = run;
  const { dim: d, inputs } = network;
  const reader = readerOf(run);
  const compiled = new Map<number, CompiledCall>();
  const callFor = async (n: number): Promise<CompiledCall> => {
    const most = Math.min(n, CHUNK);
    const before = compiled.get(most);
    if (before) return before;
    const { group, rows } = portion(network, most);
    const graph = await compileFor(run, predictionGraph(network, group, rows));
    const call = { rows, theta: new Float64Array(group * d), graph };
    compiled.set(most, call);
    return call;
  };
  return {
    async *of({ x }, members) {
      const n = x.length / inputs;
      const { rows, theta, graph } = await callFor(n);
      const chunks = chunked(x, inputs, rows);
      for (const places of groups(members, theta, d)) {
        const fillings = places.map((place) => reader(n, place));
        for (const { at, block } of chunks) {
          const out = await graph.run({ theta, x: block });
          const call = { out, rows, at, count: Math.min(rows, n - at) };
          for (const [m, { fill }] of fillings.entries()) fill(call, m);
        }
        for (const { prediction } of fillings) yield prediction;
      }
    },
    async release() {
      for (const { graph } of compiled.values()) await graph.release();
      compiled.clear();
    },
  };
}

/** How many members and rows share a call: as many as memory bounds, members going first. */
function portion(network: BayesianNetwork, most: number): { group: number; rows: number } {
  let [group, rows] = [GROUP, most];
  const large = () => peakBytes(predictionGraph(network, group, rows).outputs) > CALL_BYTES;
  while (group > 1 && large()) group = Math.ceil(group / 2);
  while (rows > 1 && large()) rows = Math.ceil(rows / 2);
  return { group, rows };
}

/** Fills `theta` with up to a group of members at a time and yields which; the rest keeps members of before. */
function* groups(members: Members, theta: Float64Array, d: number): Generator<MemberPlace[]> {
  let places: MemberPlace[] = [];
  for (const { chain, first, thetas } of members) {
    for (let at = 0; at < thetas.length; at += d) {
      theta.set(thetas.subarray(at, at + d), places.length * d);
      places.push({ chain, draw: first + at / d });
      if (places.length < theta.length / d) continue;
      yield places;
      places = [];
    }
  }
  if (places.length > 0) yield places;
}

/** The rows in chunks of `[1, p, rows]`; the last one is filled up with its own first row. */
function chunked(x: Float32Array, inputs: number, rows: number) {
  const n = x.length / inputs;
  const columns = featuresFirst(x, inputs);
  return Array.from({ length: Math.ceil(n / rows) }, (_, k) => {
    const at = k * rows;
    const block = new Float32Array(inputs * rows);
    for (let i = 0; i < inputs; i++) {
      for (let j = 0; j < rows; j++) block[i * rows + j] = columns[i * n + (at + j < n ? at + j : at)];
    }
    return { at, block };
  });
}
