/** Multi-layer perceptron: dense layers with one activation, a linear last layer. */
import { add, gelu, matmul, relu, silu, type Tensor, tanh } from '../graph/index.ts';
import type { Model, Parameter } from './model.ts';

const ACTIVATIONS = { relu, tanh, gelu, silu } satisfies Record<string, (x: Tensor) => Tensor>;
export type Activation = keyof typeof ACTIVATIONS;

export interface MlpOptions {
  /** Width p of the input. */
  readonly inputs: number;
  /** Widths of the hidden layers. */
  readonly hidden: readonly number[];
  readonly outputs: number;
  readonly activation: Activation;
}

/**
 * Layers z = Wh + b with features before rows, so that biases broadcast along the long axis. Weights start as
 * N(0, 1/fan-in) (LeCun et al. 1998), biases at zero.
 */
export function mlp({ inputs, hidden, outputs, activation }: MlpOptions): Model {
  const widths = [inputs, ...hidden, outputs];
  const layers = widths
    .slice(1)
    .map((width, i) => ({ weight: `weight${i + 1}`, bias: `bias${i + 1}`, width, fanIn: widths[i] }));
  const parameters: Parameter[] = layers.flatMap(({ weight, bias, width, fanIn }) => [
    { name: weight, shape: [width, fanIn], start: { fanIn }, role: 'outIn' },
    { name: bias, shape: [width, 1], start: { constant: 0 }, role: 'bias' },
  ]);
  return {
    name: `mlp ${widths.join('-')} ${activation}`,
    parameters,

    forward(named, x) {
      return layers.reduce((h, { weight, bias }, i) => {
        const z = add(matmul(named[weight], h), named[bias]);
        return i === layers.length - 1 ? z : ACTIVATIONS[activation](z);
      }, x);
    },
  };
}
