/** The public names of the graph room. */
export { add, cast, div, exp, gelu, log, mul, neg, relu, sigmoid, silu, square, sub, tanh } from './elementwise.ts';
export { gradient } from './gradient.ts';
export { matmul } from './linear.ts';
export { decodeModel, encodeModel, type OnnxModel } from './onnx/schema.ts';
export { buildOnnx, type WriteOptions, writeOnnx } from './onnx/write.ts';
export { logSumExp, reduceSum } from './reduce.ts';
export { concat, expand, reshape, slice, split, transpose } from './shape.ts';
export { constant, type Dtype, filled, input, type Shape, type Tensor } from './tensor.ts';
