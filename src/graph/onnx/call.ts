/** What a translation of an ONNX node is given. */
import { checkAxis, constantData, type Tensor } from '../tensor.ts';
import type { Shape } from '../types.ts';

/** One node to translate. */
export interface Call {
  /** Its inputs; undefined where an optional one is left out. */
  readonly inputs: readonly (Tensor | undefined)[];
  readonly opset: number;
  readonly outputs: number;
  int(name: string, otherwise: number): number;
  ints(name: string): readonly number[] | undefined;
  float(name: string, otherwise: number): number;
  text(name: string, otherwise: string): string;
  /** Refuses the node, with the reason. */
  fail(reason: string): never;
}

/** A node in our ops: its one output, or all of them. */
export type Translate = (call: Call) => Tensor | readonly Tensor[];

/** Integers that must be known when the graph is built: input `i`, or in old opsets an attribute. */
export function integers(call: Call, i: number, attribute?: string): number[] | undefined {
  const listed = attribute && call.ints(attribute);
  if (listed) return [...listed];
  const input = call.inputs[i];
  if (!input) return undefined;
  const values = constantData(input) ?? call.fail(`its input ${i} is computed from data, and must be constant here`);
  return Array.from(values);
}

/** Axes counted from the front. */
export const front = (axes: readonly number[], shape: Shape) => axes.map((axis) => checkAxis('axis', axis, shape));

/** The axes that a reduction reduces; undefined where it asks for none. */
export function reducedAxes(call: Call): readonly number[] | undefined {
  const { shape } = call.inputs[0]!;
  const given = integers(call, 1, 'axes') ?? [];
  if (given.length > 0) return front(given, shape);
  return call.int('noop_with_empty_axes', 0) ? undefined : shape.map((_, axis) => axis);
}
