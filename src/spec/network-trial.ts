/** Tries what a fit needs of a brought network, on made-up rows: that it compiles, has gradients, and takes rows one by one. */
import { compile } from '../engine/session.ts';
import { shapeError } from '../errors.ts';
import { normals } from '../math/random.ts';
import { likelihood } from '../models/likelihood.ts';
import { onnxModel, type ParameterChoice, writtenOutputs } from '../models/onnx/model.ts';
import type { OnnxNetwork } from '../models/onnx/network.ts';
import { bayesianNetwork, initial, posteriorGraph } from '../models/posterior.ts';

const ROWS = 6;
const FEWER = 4;
/** How far the order of sums takes outputs of size one. */
const ROUNDING = 1e-3;

export interface Trial {
  /** Parameters of one chain. */
  readonly parameters: number;
  /** Classes that it was tried with; 0 for a real target. */
  readonly classes: number;
  /** What is to be known besides; empty where all is well. */
  readonly remarks: readonly string[];
}

/**
 * One gradient of the log posterior with respect to the chosen tensors. Throws what a fit would throw, a `ShapeError` where rows
 * depend on each other, an `EngineError` where the runtime refuses the graph.
 */
export async function tryNetwork(network: OnnxNetwork, parameters: ParameterChoice): Promise<Trial> {
  const { outputs, ending, inputs, source } = network;
  const probable = ending.kind === 'softmax' || ending.kind === 'sigmoid';
  const classes = outputs > 2 ? outputs : probable ? 2 : 0;
  const name = classes > 0 ? 'softmax' : outputs === 2 ? 'gaussian-per-input' : 'gaussian';
  const chosen = likelihood(name, Math.max(1, classes));
  const bayesian = bayesianNetwork(onnxModel(network, { parameters, classes }), chosen, inputs);
  await checkRows(network);
  const graph = await compile(posteriorGraph(bayesian, 1, ROWS, { priorScale: Number.POSITIVE_INFINITY, factor: 1 }));
  const y = new Float32Array(chosen.targets * ROWS).fill(classes > 0 ? 0 : 1);
  if (classes > 0) y.fill(1, 0, ROWS);
  const { gradient } = await graph.run({ theta: initial(bayesian, [0, 0]), x: featuresFirst(inputs), y });
  await graph.release();
  const slopes = Array.from(gradient);
  const remarks = [
    ...(slopes.every(Number.isFinite) ? [] : ['its gradients on made-up rows are not finite']),
    ...(slopes.some((v) => v !== 0) ? [] : ['its outputs on made-up rows do not depend on these tensors']),
  ];
  return { parameters: bayesian.dim, classes, remarks: remarks.map((remark) => `${source}: ${remark}`) };
}

/** Throws a `ShapeError` where what a network says of a row depends on the rows beside it. */
export async function checkRows(network: OnnxNetwork): Promise<void> {
  const { inputs, outputs, source } = network;
  const x = rowsFirst(inputs);
  const said = async (rows: number): Promise<Float32Array> => {
    const graph = await compile(writtenOutputs(network, rows));
    const { y } = await graph.run({ x: x.subarray(0, rows * inputs) });
    await graph.release();
    return Float32Array.from(y);
  };
  const [all, few] = [await said(ROWS), await said(FEWER)];
  const scale = all.reduce((most, v) => Math.max(most, Math.abs(v)), 1);
  const differs = few.some((v, i) => Math.abs(v - all[i]) > ROUNDING * scale);
  if (few.length === FEWER * outputs && !differs) return;
  throw shapeError(
    `${source}: expected outputs of each row from that row alone, got others where there are other rows beside it. ` +
      'Export the network in evaluation mode, with a dynamic first axis.',
  );
}

/** Made-up rows `[rows × p]`. */
function rowsFirst(inputs: number): Float32Array {
  const values = new Float64Array(ROWS * inputs);
  normals([7, inputs], values);
  return Float32Array.from(values);
}

/** The same as `[p × rows]`. */
function featuresFirst(inputs: number): Float32Array {
  const x = rowsFirst(inputs);
  return x.map((_, i) => x[(i % ROWS) * inputs + Math.floor(i / ROWS)]);
}
