/** Numbers of ONNX tensors, and arithmetic on the integers that exported networks compute shapes with. */
import { shapeError } from '../../errors.ts';
import { broadcastShape, sizeOfShape } from '../tensor.ts';
import type { Dtype, NumberArray, Shape } from '../types.ts';
import { ELEMENT, type OnnxTensor } from './schema.ts';

/** Names of ONNX's element types by number, for messages. */
const TYPE_NAMES =
  'undefined float uint8 int8 uint16 int16 int32 int64 string bool float16 double uint32 uint64 complex64 complex128 bfloat16'.split(
    ' ',
  );
const INT32 = 6;

/** Our type for an ONNX element type. Throws for one that we do not compute with. */
export function dtypeOf(where: string, element: number): Dtype {
  if (element === INT32) return 'int64';
  const known = Object.entries(ELEMENT).find(([, number]) => number === element);
  if (known) return known[0] as Dtype;
  throw shapeError(
    `${where}: expected float, double, int64, int32 or bool, got ${TYPE_NAMES[element] ?? `type ${element}`}. ` +
      'Export the network in float32, without quantisation.',
  );
}

/** The numbers of a stored tensor. `external` reads a file beside the model. */
export function numbersOf(where: string, tensor: OnnxTensor, external: (file: string) => Uint8Array): NumberArray {
  const { dataType, dims, floatData, int32Data, int64Data, doubleData } = tensor;
  dtypeOf(where, dataType);
  const size = sizeOfShape(dims);
  const typed = [floatData, doubleData, int64Data, int32Data].find((values) => values && values.length > 0);
  const raw = tensor.dataLocation === 1 ? externalBytes(where, tensor, external) : tensor.rawData;
  const values = typed && !raw?.length ? typed : fromBytes(raw ?? new Uint8Array(), dataType);
  if (values.length !== size) {
    throw shapeError(`${where}: expected ${size} numbers, got ${values.length}. The file is damaged; export it again.`);
  }
  return values;
}

/** A stored tensor with its numbers inside, wherever they lay. */
export function inlined(where: string, tensor: OnnxTensor, external: (file: string) => Uint8Array): OnnxTensor {
  if (tensor.dataLocation !== 1) return tensor;
  const { name, dims, dataType } = tensor;
  return { name, dims, dataType, rawData: externalBytes(where, tensor, external) };
}

function externalBytes(where: string, { externalData = [] }: OnnxTensor, external: (file: string) => Uint8Array) {
  const entry = Object.fromEntries(externalData.map(({ key, value }) => [key, value]));
  const bytes = external(entry.location);
  const offset = Number(entry.offset ?? 0);
  const end = entry.length === undefined ? bytes.length : offset + Number(entry.length);
  if (end > bytes.length) {
    throw shapeError(
      `${where}: expected bytes ${offset} to ${end} of ${entry.location}, got a file of ${bytes.length}. ` +
        'Put the whole file beside the model.',
    );
  }
  return bytes.subarray(offset, end);
}

function fromBytes(bytes: Uint8Array, element: number): NumberArray {
  // A copy, since the bytes may begin anywhere in their file; Node's Buffer would share them in a slice.
  const { buffer } = Uint8Array.from(bytes);
  const count = (width: number) => Math.floor(bytes.length / width);
  if (element === ELEMENT.float32) return new Float32Array(buffer, 0, count(4));
  if (element === ELEMENT.float64) return new Float64Array(buffer, 0, count(8));
  if (element === ELEMENT.int64) return Array.from(new BigInt64Array(buffer, 0, count(8)), Number);
  return element === INT32 ? new Int32Array(buffer, 0, count(4)) : bytes;
}

/** f over two integer tensors with broadcasting. */
export function zip(
  f: (a: number, b: number) => number,
  a: { values: NumberArray; shape: Shape },
  b: { values: NumberArray; shape: Shape },
): { values: number[]; shape: number[] } {
  const shape = broadcastShape('constant', a.shape, b.shape);
  const at = (from: Shape, index: readonly number[]) =>
    from.reduce((flat, n, axis) => flat * n + (n === 1 ? 0 : index[axis + shape.length - from.length]), 0);
  const values = Array.from({ length: sizeOfShape(shape) }, (_, flat) => {
    const index = unravel(flat, shape);
    return f(a.values[at(a.shape, index)], b.values[at(b.shape, index)]);
  });
  return { values, shape };
}

/** The index along each axis of the flat place. */
export function unravel(flat: number, shape: Shape): number[] {
  const index = new Array(shape.length).fill(0);
  for (let axis = shape.length - 1, rest = flat; axis >= 0; axis--) {
    index[axis] = rest % shape[axis];
    rest = Math.floor(rest / shape[axis]);
  }
  return index;
}
