/** Softmax, its logarithm, and the cross-entropy of classes. */
import { withoutTiny } from './compare.ts';
import { mul, sub } from './elementwise.ts';
import { oneHot } from './gather.ts';
import { logSumExp, reduceSum } from './reduce.ts';
import { transpose } from './shape.ts';
import { checkAxis, composite, type Op, outputOf, single, type Tensor } from './tensor.ts';

/** dy times the derivatives of a softmax that is y. */
const softmaxGradient = (y: Tensor, dy: Tensor, axis: number): Tensor =>
  mul(y, sub(dy, reduceSum(mul(dy, y), [axis], true)));

const softmaxOp: Op = {
  name: 'softmax',
  gradient: (node, [dy]) => [dy && softmaxGradient(withoutTiny(outputOf(node)), dy, Number(node.attributes.axis))],
  emit: ({ attributes }, [x], emitter) => emitter.node('Softmax', [x], { axis: attributes.axis }),
};

/** e^{xᵢ}/Σe^{xⱼ} along an axis; safe for inputs of any size. */
export function softmax(x: Tensor, axis: number): Tensor {
  return single(softmaxOp, [x], x.shape, { axis: checkAxis('softmax', axis, x.shape) });
}

/** Softmax along the last axis for products with what it weighs, without tiny weights. */
export const weights = composite(
  'weights',
  (x) => withoutTiny(softmax(x, x.shape.length - 1)),
  ([x], y, dy) => [softmaxGradient(y, dy, x.shape.length - 1)],
);

/** log softmax along an axis. */
export const logSoftmax = (x: Tensor, axis: number): Tensor => sub(x, logSumExp(x, axis));

/**
 * −log p of the class, from logits `[…, K, …]` with classes along `axis` and class indices of the shape without that
 * axis (whole numbers of any type).
 */
export function crossEntropy(logits: Tensor, classes: Tensor, axis: number): Tensor {
  const at = checkAxis('crossEntropy', axis, logits.shape);
  const chosen = oneHot(classes, logits.shape[at], logits.dtype);
  const order = classes.shape.map((_, i) => i).toSpliced(at, 0, classes.shape.length);
  const picked = reduceSum(mul(logits, transpose(chosen, order)), [at]);
  return sub(reduceSum(logSumExp(logits, at), [at]), picked);
}
