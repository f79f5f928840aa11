/** The part of the ONNX protobuf schema (github.com/onnx/onnx, onnx.proto) that we read and write, by its published field numbers. */
import protobuf from 'protobufjs';

const one = (type: string, id: number) => ({ type, id });
const many = (type: string, id: number) => ({ rule: 'repeated', type, id });

const root = protobuf.Root.fromJSON({
  nested: {
    OperatorSetId: { fields: { domain: one('string', 1), version: one('int64', 2) } },
    Dimension: { fields: { dimValue: one('int64', 1), dimParam: one('string', 2) } },
    TensorShape: { fields: { dim: many('Dimension', 1) } },
    TensorType: { fields: { elemType: one('int32', 1), shape: one('TensorShape', 2) } },
    Type: { fields: { tensorType: one('TensorType', 1) } },
    ValueInfo: { fields: { name: one('string', 1), type: one('Type', 2) } },
    Entry: { fields: { key: one('string', 1), value: one('string', 2) } },
    Tensor: {
      fields: {
        dims: many('int64', 1),
        dataType: one('int32', 2),
        floatData: many('float', 4),
        int32Data: many('int32', 5),
        int64Data: many('int64', 7),
        name: one('string', 8),
        rawData: one('bytes', 9),
        doubleData: many('double', 10),
        externalData: many('Entry', 13),
        dataLocation: one('int32', 14),
      },
    },
    Attribute: {
      fields: {
        name: one('string', 1),
        f: one('float', 2),
        i: one('int64', 3),
        s: one('bytes', 4),
        t: one('Tensor', 5),
        g: one('Graph', 6),
        floats: many('float', 7),
        ints: many('int64', 8),
        type: one('int32', 20),
      },
    },
    Node: {
      fields: {
        input: many('string', 1),
        output: many('string', 2),
        name: one('string', 3),
        opType: one('string', 4),
        attribute: many('Attribute', 5),
        domain: one('string', 7),
      },
    },
    Graph: {
      fields: {
        node: many('Node', 1),
        name: one('string', 2),
        initializer: many('Tensor', 5),
        input: many('ValueInfo', 11),
        output: many('ValueInfo', 12),
      },
    },
    Model: {
      fields: {
        irVersion: one('int64', 1),
        producerName: one('string', 2),
        graph: one('Graph', 7),
        opsetImport: many('OperatorSetId', 8),
      },
    },
  },
});

const modelType = root.lookupType('Model');
const tensorType = root.lookupType('Tensor');

/** ONNX element types. */
export const ELEMENT = { float32: 1, int64: 7, bool: 9, float64: 11 } as const;
/** ONNX attribute types. */
export const ATTRIBUTE = { float: 1, int: 2, string: 3, ints: 7 } as const;

export interface OnnxAttribute {
  name: string;
  type: number;
  f?: number;
  i?: number;
  s?: Uint8Array;
  t?: OnnxTensor;
  g?: object;
  floats?: number[];
  ints?: number[];
}
export interface OnnxNode {
  name?: string;
  input: string[];
  output: string[];
  opType: string;
  domain?: string;
  attribute: OnnxAttribute[];
}
export interface OnnxTensor {
  name: string;
  dims: number[];
  dataType: number;
  rawData?: Uint8Array;
  floatData?: number[];
  int32Data?: number[];
  int64Data?: number[];
  doubleData?: number[];
  externalData?: { key: string; value: string }[];
  /** 1 where the numbers lie in another file. */
  dataLocation?: number;
}
export interface OnnxValueInfo {
  name: string;
  type: { tensorType?: { elemType: number; shape?: { dim: { dimValue?: number; dimParam?: string }[] } } };
}
export interface OnnxModel {
  irVersion: number;
  producerName?: string;
  opsetImport: { domain: string; version: number }[];
  graph: { name: string; node: OnnxNode[]; initializer: OnnxTensor[]; input: OnnxValueInfo[]; output: OnnxValueInfo[] };
}

export const encodeModel = (model: OnnxModel): Uint8Array => modelType.encode(modelType.fromObject(model)).finish();

export const decodeModel = (bytes: Uint8Array): OnnxModel =>
  modelType.toObject(modelType.decode(bytes), { longs: Number, arrays: true }) as OnnxModel;

/** A tensor in a file of its own, as ONNX's published test data have them. */
export const decodeTensor = (bytes: Uint8Array): OnnxTensor =>
  tensorType.toObject(tensorType.decode(bytes), { longs: Number, arrays: true }) as OnnxTensor;
