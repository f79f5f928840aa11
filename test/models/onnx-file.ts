/** ONNX files for tests, written node by node. */
import { encodeModel, type OnnxModel, type OnnxNode, type OnnxTensor } from '../../src/graph/index.ts';

export interface Stored {
  readonly dims: readonly number[];
  readonly values: readonly number[];
  readonly type?: 'float' | 'double' | 'int64' | 'bool';
}

const TYPES = { float: 1, int64: 7, bool: 9, double: 11 } as const;
const ARRAYS = { float: Float32Array, double: Float64Array, bool: Uint8Array } as const;

function stored(name: string, { dims, values, type = 'float' }: Stored): OnnxTensor {
  const numbers = type === 'int64' ? BigInt64Array.from(values, BigInt) : ARRAYS[type].from(values);
  return { name, dims: [...dims], dataType: TYPES[type], rawData: new Uint8Array(numbers.buffer) };
}

type Attributes = Readonly<Record<string, number | readonly number[] | string | OnnxTensor>>;

/** `[operator, inputs, outputs, attributes]`. */
export type Written = readonly [string, readonly string[], readonly string[], Attributes?];

export interface Description {
  /** Lengths after the rows. */
  readonly row: readonly number[];
  readonly nodes: readonly Written[];
  readonly tensors?: Readonly<Record<string, Stored>>;
  /** The name of the output. Default `y`. */
  readonly output?: string;
  /** The number of rows that the file was written for. Default: any. */
  readonly rows?: number;
  readonly opset?: number;
  readonly type?: keyof typeof TYPES;
}

export function onnxModelFile(description: Description): OnnxModel {
  const { row, nodes, tensors = {}, output = 'y', rows, opset = 18, type = 'float' } = description;
  const first = rows === undefined ? { dimParam: 'n' } : { dimValue: rows };
  const shape = { dim: [first, ...row.map((dimValue) => ({ dimValue }))] };
  return {
    irVersion: 8,
    opsetImport: [{ domain: '', version: opset }],
    graph: {
      name: 'test',
      node: nodes.map(nodeOf),
      initializer: Object.entries(tensors).map(([name, tensor]) => stored(name, tensor)),
      input: [{ name: 'x', type: { tensorType: { elemType: TYPES[type], shape } } }],
      output: [{ name: output, type: { tensorType: { elemType: TYPES[type] } } }],
    },
  };
}

export const onnxFile = (description: Description): Uint8Array => encodeModel(onnxModelFile(description));

function nodeOf([opType, input, output, attributes = {}]: Written): OnnxNode {
  const attribute = Object.entries(attributes).map(([name, value]) => {
    if (typeof value === 'number')
      return Number.isInteger(value) ? { name, type: 2, i: value } : { name, type: 1, f: value };
    if (typeof value === 'string') return { name, type: 3, s: new TextEncoder().encode(value) };
    return 'dims' in value ? { name, type: 4, t: value } : { name, type: 7, ints: [...value] };
  });
  return { opType, input: [...input], output: [...output], attribute };
}

/** `count` numbers between −1 and 1, the same every time, none like another. */
export const spread = (count: number, seed = 1): number[] =>
  Array.from({ length: count }, (_, i) => Math.sin(7.3 * i + seed));
