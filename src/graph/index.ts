/** The public names of the graph room. */
export {
  elu,
  erf,
  gelu,
  geluExact,
  hardSigmoid,
  leakyRelu,
  sigmoid,
  silu,
  softplus,
  softsign,
  tanh,
} from './activation.ts';
export { attention } from './attention.ts';
export { block } from './blocked.ts';
export { clip, equal, greater, greaterOrEqual, maximum, minimum, not, relu, select } from './compare.ts';
export { conv, conv1d, convTranspose } from './conv.ts';
export { einsum } from './einsum.ts';
export {
  abs,
  add,
  cast,
  ceil,
  cos,
  div,
  exp,
  floor,
  log,
  mul,
  neg,
  pow,
  reciprocal,
  sign,
  sin,
  sqrt,
  square,
  sub,
} from './elementwise.ts';
export { gather, oneHot } from './gather.ts';
export type { ConvOptions } from './geometry.ts';
export { gradient } from './gradient.ts';
export { matmul } from './linear.ts';
export { peakBytes } from './memory.ts';
export { batchNorm, type FrnParameters, frn, groupNorm, layerNorm, rmsNorm } from './norm.ts';
export { withFreeRows } from './onnx/batch.ts';
export { type External, importGraph, importValues, opsetOf, unsupported } from './onnx/import.ts';
export { decodeModel, encodeModel, type OnnxModel, type OnnxNode, type OnnxTensor } from './onnx/schema.ts';
export { isDouble, tidied } from './onnx/tidy.ts';
export { dtypeOf as tensorType, numbersOf as storedNumbers } from './onnx/values.ts';
export { buildOnnx, writeOnnx } from './onnx/write.ts';
export type { Recompute, WriteOptions } from './passes.ts';
export { averagePool, globalAveragePool, maxPool, type PoolOptions } from './pool.ts';
export { logSumExp, reduceMax, reduceMean, reduceSum, reduceTo } from './reduce.ts';
export { concat, dilate, expand, pad, reshape, reverse, slice, split, strided, transpose, unshaped } from './shape.ts';
export { crossEntropy, logSoftmax, softmax } from './softmax.ts';
export {
  composite,
  constant,
  constantData,
  constantValue,
  data,
  filled,
  input,
  sizeOfShape,
  type Tensor,
} from './tensor.ts';
export { type Dtype, heldAs, type NumberArray, type Shape, type Target } from './types.ts';
