/** What the outputs of a brought network are, by its graph and by what it says of training rows. */
import type { TableRows } from '../data/table/rows.ts';
import { compile } from '../engine/session.ts';
import { shapeError } from '../errors.ts';
import { type OutputChoice, writtenOutputs } from '../models/onnx/model.ts';
import type { OnnxNetwork } from '../models/onnx/network.ts';

/** Rows that are looked at. */
const ROWS = 512;
/** How far rounding takes probabilities from [0, 1], and their sum from 1. */
const ROUNDING = 1e-3;
/** How far a clip at the end may take them from those of the logits. */
const CLIPPED = 0.011;

export interface Outputs {
  readonly outputs: OutputChoice;
  /** What was found and done, for a person. */
  readonly note?: string;
}

/**
 * Settles what a classifier puts out. Throws a `ShapeError` where outputs are probabilities of classes each by itself, or where
 * logits that the graph shows do not give its own probabilities.
 */
export async function settleOutputs(
  network: OnnxNetwork,
  asked: OutputChoice,
  train: TableRows,
  classes: number,
): Promise<Outputs> {
  const { source, ending, outputs: width } = network;
  const operators = ending.operators.join(' of ');
  if (classes === 0) {
    if (ending.kind === 'none') return { outputs: asked };
    return { outputs: asked, note: `${source} ends in ${operators}, which stays, since the target is a number` };
  }
  if (asked === 'logits') return { outputs: asked };
  const { y, logits, rows } = await written(network, train);
  const each = (k: number, values: Float32Array = y) =>
    values.subarray((k * values.length) / rows, ((k + 1) * values.length) / rows);
  if (ending.kind === 'softmax' || ending.kind === 'sigmoid') {
    const isLog = ending.operators.find((name) => ['Exp', 'Log', 'LogSoftmax'].includes(name));
    const probabilities = isLog === undefined || isLog === 'Exp' ? y : y.map(Math.exp);
    const worst = furthest(probabilities, rows, (k) => impliedBy(each(k, logits), ending, width));
    if (worst > CLIPPED) {
      throw shapeError(
        `${source}: expected the logits before ${operators} to give its own probabilities, got differences up to ` +
          `${worst.toPrecision(2)}. Export it without its last nodes, or set model.outputs to what its outputs are.`,
      );
    }
    return {
      outputs: 'probabilities',
      note: `${source} ends in probabilities (${operators}): that is left off, and the logits before it are sampled`,
    };
  }
  const inside = y.every((v) => v >= -ROUNDING && v <= 1 + ROUNDING);
  const sums = (f: (v: number) => number) =>
    Array.from({ length: rows }, (_, k) => Array.from(each(k)).reduce((sum, v) => sum + f(v), 0));
  const near = (all: readonly number[]) => all.every((sum) => Math.abs(sum - 1) < ROUNDING);
  if (width > 1 && inside && near(sums((v) => v))) {
    return {
      outputs: 'probabilities',
      note: `${source}: ${seen(rows)} its outputs lie in [0, 1] and sum to 1: they are taken for probabilities, their logarithms for logits`,
    };
  }
  if (width > 1 && near(sums(Math.exp))) {
    return {
      outputs: 'logits',
      note: `${source}: ${seen(rows)} its outputs are logarithms of probabilities, which are logits`,
    };
  }
  const apart = ending.kind === 'sigmoids';
  if (!apart && (asked === 'probabilities' || !inside)) return { outputs: asked === 'auto' ? 'logits' : asked };
  const labels = train.y.subarray(0, rows);
  const likely = (read: (values: Float32Array) => number[]) =>
    labels.reduce((sum, label, k) => sum + Math.log(Math.max(read(each(k))[label], 1e-12)), 0);
  const asLogits = likely((values) => softmax(width === 1 ? [0, values[0]] : [...values]));
  const asProbabilities = likely((values) => shares(width === 1 ? [1 - values[0], values[0]] : [...values]));
  if (!apart && asProbabilities <= asLogits) return { outputs: 'logits' };
  if (width === 1) {
    return {
      outputs: 'probabilities',
      note: `${source}: ${seen(rows)} its outputs lie in [0, 1] and explain the classes better as probabilities than as logits: they are taken for probabilities`,
    };
  }
  const cut = apart ? ` before ${operators}, at '${ending.logits}',` : ' before the probabilities';
  throw shapeError(
    `${source}: expected logits, or probabilities that sum to 1, got ${width} outputs in [0, 1] that do not: each class by itself. ` +
      `Cut the network${cut} if those are logits of classes that exclude each other, or set model.outputs: logits.`,
  );
}

const seen = (rows: number) => `on ${rows} training rows`;

/** The network's own outputs on training rows, and the logits that it makes them of. */
async function written(network: OnnxNetwork, { x, y, inputs }: TableRows) {
  const rows = Math.min(ROWS, y.length);
  const graph = await compile(writtenOutputs(network, rows));
  const out = await graph.run({ x: x.subarray(0, rows * inputs) });
  await graph.release();
  return { rows, y: Float32Array.from(out.y), logits: Float32Array.from(out.logits) };
}

function impliedBy(logits: Float32Array, { kind, positive }: OnnxNetwork['ending'], width: number): number[] {
  if (kind === 'softmax') return softmax([...logits]);
  const p = softmax([0, logits[0]])[1];
  return width === 1 ? [p] : positive === 1 ? [1 - p, p] : [p, 1 - p];
}

function furthest(y: Float32Array, rows: number, implied: (row: number) => number[]): number {
  let worst = 0;
  for (let k = 0; k < rows; k++) {
    for (const [i, p] of implied(k).entries()) worst = Math.max(worst, Math.abs(p - y[(k * y.length) / rows + i]));
  }
  return worst;
}

function softmax(logits: readonly number[]): number[] {
  const top = Math.max(...logits);
  return shares(logits.map((v) => Math.exp(v - top)));
}

function shares(values: readonly number[]): number[] {
  const sum = values.reduce((a, b) => a + b, 0);
  return values.map((v) => v / sum);
}
