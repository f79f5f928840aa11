/** Predictions of members: what each network of an ensemble says about given rows. */
import { existsSync } from 'node:fs';
import { featuresFirst } from '../data/table/rows.ts';
import { storeError } from '../errors.ts';
import { peakBytes } from '../graph/index.ts';
import type { Law } from '../infer/law.ts';
import { normaliseClasses } from '../infer/usable.ts';
import { type BayesianNetwork, predictionGraph } from '../models/posterior.ts';
import { readDraws } from '../store/draws.ts';
import { readJson } from '../store/files.ts';
import { readMember } from '../store/member.ts';
import { runPaths } from '../store/rundir.ts';
import { compileFor } from './compute.ts';
import type { LoadedRun } from './opened.ts';
import type { ChainSummary } from './records.ts';
import { lawOf } from './target-law.ts';

/** Networks evaluated in one call of the graph, where it is small. */
const GROUP = 20;
/** Rows of one call. */
const CHUNK = 1024;
/** Bytes that a call may hold. */
const CALL_BYTES = 256e6;

/** What float32 takes from the sum of a row's probabilities, where its logits are of usual size. */
const ROUNDING = 1e-4;

/** One member's prediction of all rows. */
export interface MemberPrediction {
  /** Regression, standardised target: mean and deviation `[n]` of the likelihood's law. */
  readonly mean: Float64Array;
  readonly sd: Float64Array;
  /** Classification: log probabilities `[n × K]`. */
  readonly logProbability: Float64Array;
}

/** log p(y_i | member) of every row `[n]`, in nats; for regression, of the standardised target. */
export function rowDensities(
  run: LoadedRun,
  { mean, sd, logProbability }: MemberPrediction,
  y: Float64Array,
): Float64Array {
  const { target } = run.preprocessing;
  if ('classes' in target) return y.map((label, i) => logProbability[i * target.classes.length + label]);
  const law = lawOf(run);
  return y.map((value, i) => law.logDensity(value, mean[i], sd[i]));
}

/** Parameter vectors of an ensemble, float32 `[count × d]` a piece. */
export type Thetas = Iterable<Float32Array>;

/** The warm-started members: the deep ensemble, in the order of the chains. Throws a `StoreError` for a run stopped before it has all. */
export function readMembers({ dir, spec, network, manifest }: LoadedRun): Float64Array[] {
  const chains = Array.from({ length: spec.chains }, (_, k) => k);
  const missing = chains.filter((k) => !existsSync(runPaths(dir).member(k)));
  if (missing.length > 0 && manifest.status !== 'done') {
    const which = missing.length === spec.chains ? 'no chain has begun' : `chains ${missing.join(', ')} have not begun`;
    throw storeError(`${dir}: expected every chain to have a member to score, but ${which}. Go on with smile resume.`);
  }
  return chains.map((k) => readMember(runPaths(dir).member(k), network.dim).theta);
}

/** All draws of all chains, a stored block at a time. Throws a `StoreError` where a run at rest lacks some. */
export function* readEnsemble({ dir, manifest, spec, network }: LoadedRun): Generator<Float32Array> {
  const { chain: folder, summary } = runPaths(dir);
  for (let chain = 0; chain < spec.chains; chain++) {
    let draws = 0;
    for (const { data } of readDraws(folder(chain), network.dim)) {
      draws += data.length / network.dim;
      yield data;
    }
    if (manifest.status === 'running' || !existsSync(summary(chain))) continue;
    const { draws: expected } = readJson(summary(chain)) as ChainSummary;
    if (draws === expected) continue;
    throw storeError(
      `${folder(chain)}: expected ${expected} draws, got ${draws}. Run smile resume, which makes them again.`,
    );
  }
}

/** Predicts the same rows with whatever members come. */
export interface MemberPredictor {
  /** The prediction of every member in order. Memory is bounded by a group of members; the yielded arrays are the caller's. */
  of(thetas: Thetas): AsyncGenerator<MemberPrediction>;
  release(): Promise<void>;
}

/** A predictor of the rows `x` `[n × p]`. */
export async function memberPredictor(run: LoadedRun, x: Float32Array): Promise<MemberPredictor> {
  const { network } = run;
  const { dim: d, inputs } = network;
  const law = lawOf(run);
  const n = x.length / inputs;
  const { group, rows } = portion(network, n);
  const classes = network.likelihood.name === 'softmax' ? network.likelihood.outputs : 0;
  const graph = await compileFor(run, predictionGraph(network, group, rows));
  const chunks = chunked(x, inputs, rows);
  const theta = new Float64Array(group * d);
  return {
    async *of(thetas) {
      for (const count of groups(thetas, theta, d)) {
        const members = Array.from({ length: count }, () => ({
          mean: new Float64Array(classes ? 0 : n),
          sd: new Float64Array(classes ? 0 : n),
          logProbability: new Float64Array(n * classes),
        }));
        for (const { at, block } of chunks) {
          const out = await graph.run({ theta, x: block });
          for (let m = 0; m < count; m++) copyChunk(members[m], out, m, at, Math.min(rows, n - at), rows, classes, law);
        }
        yield* members;
      }
    },
    release: graph.release,
  };
}

/** Streams the predictions of every member for the rows `x` `[n × p]`. */
export async function* predictMembers(
  run: LoadedRun,
  x: Float32Array,
  thetas: Thetas,
): AsyncGenerator<MemberPrediction> {
  const predictor = await memberPredictor(run, x);
  try {
    yield* predictor.of(thetas);
  } finally {
    await predictor.release();
  }
}

/** How many members and rows share a call: as many as memory bounds, members going first. */
function portion(network: BayesianNetwork, n: number): { group: number; rows: number } {
  let [group, rows] = [GROUP, Math.min(n, CHUNK)];
  const large = () => peakBytes(predictionGraph(network, group, rows).outputs) > CALL_BYTES;
  while (group > 1 && large()) group = Math.ceil(group / 2);
  while (rows > 1 && large()) rows = Math.ceil(rows / 2);
  return { group, rows };
}

/** Fills `theta` with up to a group of members at a time and yields how many; the rest keeps members of before. */
function* groups(thetas: Thetas, theta: Float64Array, d: number): Generator<number> {
  let held = 0;
  for (const piece of thetas) {
    for (let at = 0; at < piece.length; at += d) {
      theta.set(piece.subarray(at, at + d), held * d);
      if (++held < theta.length / d) continue;
      yield held;
      held = 0;
    }
  }
  if (held > 0) yield held;
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

/** Logits of millions leave float32 no digits for their log sum: such rows are normalised again. */
function normaliseLarge(logProbability: Float64Array, row: number, classes: number): void {
  let sum = 0;
  for (let c = 0; c < classes; c++) sum += Math.exp(logProbability[row * classes + c]);
  if (Math.abs(sum - 1) > ROUNDING) normaliseClasses(logProbability, row, classes);
}

function copyChunk(
  member: MemberPrediction,
  out: Record<string, ArrayLike<number>>,
  m: number,
  at: number,
  count: number,
  rows: number,
  classes: number,
  law: Law,
): void {
  if (classes > 0) {
    for (let k = 0; k < classes; k++) {
      const from = (m * classes + k) * rows;
      for (let i = 0; i < count; i++) member.logProbability[(at + i) * classes + k] = out.logProbability[from + i];
    }
    for (let i = at; i < at + count; i++) normaliseLarge(member.logProbability, i, classes);
    return;
  }
  const shared = out.logSigma.length * rows === out.mean.length;
  for (let i = 0; i < count; i++) {
    const { mean, sd } = law.moments(out.mean[m * rows + i], Math.exp(out.logSigma[shared ? m : m * rows + i]));
    member.mean[at + i] = mean;
    member.sd[at + i] = sd;
  }
}
