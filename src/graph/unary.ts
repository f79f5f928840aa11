/** The maker of elementwise functions of one tensor. It needs no other op, so that every op may be made with it. */
import { constantValue, filled, type Op, outputOf, single, type Tensor } from './tensor.ts';

/** An elementwise function of one tensor; `partial` is dy times its derivative. */
export function unary(
  name: string,
  type: string,
  fold: (x: number) => number,
  partial: (x: Tensor, y: Tensor, dy: Tensor) => Tensor | undefined,
  traits: Pick<Op, 'increasing'> = {},
): (x: Tensor) => Tensor {
  const op: Op = {
    name,
    passes: 1,
    ...traits,
    gradient: (node, [dy]) => [dy && partial(node.inputs[0], outputOf(node), dy)],
    emit: (_node, inputs, emitter) => emitter.node(type, inputs),
  };
  return (x) => {
    const value = constantValue(x);
    return value === undefined ? single(op, [x], x.shape) : filled(fold(value), x.shape, x.dtype);
  };
}
