/** Where the layers of ONNX graphs have their learned tensors. */
import type { OnnxNode, Tensor } from '../../graph/index.ts';
import type { Role } from '../model.ts';

/** Learned inputs by operator: what lies at each place, null for what is not learned. */
const PLACES: ReadonlyMap<string, readonly (Role | null)[]> = new Map([
  ['MatMul', ['outIn', 'inOut']],
  ['Gemm', ['outIn', 'inOut', 'bias']],
  ['Conv', [null, 'outIn', 'bias']],
  ['ConvTranspose', [null, 'inOut', 'bias']],
  ['Einsum', ['other', 'other', 'other', 'other']],
  ['Gather', ['other']],
  ['PRelu', [null, 'other']],
  ['BatchNormalization', [null, 'other', 'bias']],
  ['LayerNormalization', [null, 'other', 'bias']],
  ['InstanceNormalization', [null, 'other', 'bias']],
  ['GroupNormalization', [null, 'other', 'bias']],
  ['RMSNormalization', [null, 'other']],
  ['FastGelu', [null, 'bias']],
] satisfies [string, (Role | null)[]][]);

/** Operators that mix their inputs by weights. */
export const WEIGHTED = ['MatMul', 'Gemm', 'Conv', 'ConvTranspose', 'Einsum', 'Gather'];

/** Whether a node multiplies data by stored weights; `stored` tells whether input i is computed from stored tensors. */
export const isWeighted = ({ opType, input }: OnnxNode, stored: (i: number) => boolean): boolean =>
  WEIGHTED.includes(opType) && input.some((_, i) => weightPlace(opType, i) && stored(i));

const weightPlace = (opType: string, i: number) => {
  const role = PLACES.get(opType)?.[i];
  return role !== undefined && role !== null && role !== 'bias';
};

/** What a stored tensor at place i is to the node; products of stacked matrices have no kernel of a dense layer. */
export function placeOf({ opType, input }: OnnxNode, i: number, values: ReadonlyMap<string, Tensor>): Role | undefined {
  const role = PLACES.get(opType)?.[i];
  return role && opType === 'MatMul' && values.get(input[i])?.shape.length !== 2 ? 'other' : (role ?? undefined);
}
