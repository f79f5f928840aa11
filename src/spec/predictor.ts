/** Predicts rows with members: as many rows and members share a call of a compiled graph as memory allows. */
import type { Asked } from '../data/asked.ts';
import { peakBytes } from '../graph/index.ts';
import { type BayesianNetwork, predictionGraph } from '../models/posterior.ts';
import type { CompiledGraph } from '../types.ts';
import { compileFor } from './compute.ts';
import type { LoadedRun } from './loaded-run.ts';
import type { Members } from './members.ts';
import { type MemberPlace, type MemberPrediction, readerOf } from './prediction.ts';

/** Networks evaluated in one call of the graph, where it is small. */
const GROUP = 20;
/** Rows of one call. */
const CHUNK = 1024;
/** Bytes that a call may hold. */
const CALL_BYTES = 256e6;

/** Predicts any rows with whatever members come. A graph is compiled for the first rows of each shape, and kept. */
export interface Predictor {
  /**
   * The prediction of every member in order. Memory is bounded by a group of members; the yielded arrays are the caller's. One
   * ensemble at a time.
   */
  of(asked: Asked, members: Members): AsyncGenerator<MemberPrediction>;
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
    async *of(asked, members) {
      const { rows, theta, graph } = await callFor(asked.rows);
      const x = new Float32Array(inputs * rows);
      for (const places of groups(members, theta, d)) {
        const fillings = places.map((place) => reader(asked.count, place));
        for (let at = 0; at < asked.rows; at += rows) {
          const answers = gatherCall(asked, at, rows, x);
          const call = { out: await graph.run({ theta, x }), answers };
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

/**
 * Writes the inputs `[p, size]` of the rows from `at`, filled up with the first of them, and returns which answer each column of the
 * output is.
 */
function gatherCall(asked: Asked, at: number, size: number, x: Float32Array): Int32Array {
  const held = Math.min(size, asked.rows - at);
  if (held === size) asked.gather(at, at + size, x);
  else {
    const p = x.length / size;
    const own = new Float32Array(p * held);
    asked.gather(at, at + held, own);
    for (let i = 0; i < p; i++) {
      for (let j = 0; j < size; j++) x[i * size + j] = own[i * held + (j < held ? j : 0)];
    }
  }
  const answers = new Int32Array(asked.places * size).fill(-1);
  for (let j = 0; j < held; j++) {
    const { first, skip } = asked.at(at + j);
    for (let place = skip; place < asked.places; place++) {
      if (first + place < asked.count) answers[place * size + j] = first + place;
    }
  }
  return answers;
}
