/** Layers: the parameters each brings and what it computes. Inputs are rows `[N, D]` or images `[N, C, H, W]`. */
import { add, conv, type FrnParameters, frn, layerNorm, matmul, type Tensor } from '../graph/index.ts';
import type { Parameter } from './model.ts';

/** Parameters of one chain by name. */
type Named = Readonly<Record<string, Tensor>>;

/** A layer under a name: its parameters are called `name.part`. */
export interface Layer {
  readonly parameters: readonly Parameter[];
  apply(named: Named, x: Tensor): Tensor;
}

const biasOf = (name: string, length: number): Parameter => ({
  name: `${name}.bias`,
  shape: [length],
  start: { constant: 0 },
  role: 'bias',
});

/** xW + b with W `[in, out]`. */
export function dense(name: string, inputs: number, outputs: number, { bias = true } = {}): Layer {
  const weight: Parameter = {
    name: `${name}.weight`,
    shape: [inputs, outputs],
    start: { fanIn: inputs },
    role: 'inOut',
  };
  const offset = biasOf(name, outputs);
  return {
    parameters: bias ? [weight, offset] : [weight],
    apply(named, x) {
      const y = matmul(x, named[weight.name]);
      return bias ? add(y, named[offset.name]) : y;
    },
  };
}

export interface ConvLayerOptions {
  readonly kernel: number;
  readonly stride?: number;
  readonly bias?: boolean;
  /** `same`: ⌈length/stride⌉ outputs, the odd zero at the far side; `valid`: none. */
  readonly padding?: 'same' | 'valid';
}

/** Convolution with square filters. */
export function convolution(
  name: string,
  channels: number,
  filters: number,
  { kernel, stride = 1, bias = true, padding = 'same' }: ConvLayerOptions,
): Layer {
  const fanIn = channels * kernel * kernel;
  const shape = [filters, channels, kernel, kernel];
  const weight: Parameter = { name: `${name}.weight`, shape, start: { fanIn }, role: 'outIn' };
  const offset = biasOf(name, filters);
  return {
    parameters: bias ? [weight, offset] : [weight],
    apply(named, x) {
      const pads = padding === 'same' ? samePads(x.shape.slice(2), kernel, stride) : [0, 0, 0, 0];
      return conv(x, named[weight.name], {
        strides: [stride, stride],
        pads,
        ...(bias && { bias: named[offset.name] }),
      });
    },
  };
}

/** Zeros that give ⌈length/stride⌉ outputs, `[top, left, bottom, right]`. */
export function samePads(lengths: readonly number[], kernel: number, stride: number): number[] {
  const total = lengths.map((n) => Math.max((Math.ceil(n / stride) - 1) * stride + kernel - n, 0));
  return [...total.map((n) => Math.floor(n / 2)), ...total.map((n) => Math.ceil(n / 2))];
}

/** Filter response normalisation with its thresholded linear unit, over `channels`. */
export function filterResponse(name: string, channels: number): Layer {
  const parts = [
    ['epsilon', 1, 1e-6],
    ['scale', channels, 1],
    ['bias', channels, 0],
    ['threshold', channels, 0],
  ] as const;
  return {
    parameters: parts.map(([part, length, constant]) => ({
      name: `${name}.${part}`,
      shape: [length],
      start: { constant },
      ...(part === 'bias' && { role: 'bias' as const }),
    })),
    apply: (named, x) =>
      frn(x, Object.fromEntries(parts.map(([part]) => [part, named[`${name}.${part}`]])) as FrnParameters),
  };
}

/** Layer normalisation over the last axis. */
export function normalisation(name: string, width: number, { bias = true } = {}): Layer {
  const scale = { name: `${name}.scale`, shape: [width], start: { constant: 1 } };
  const offset = biasOf(name, width);
  return {
    parameters: bias ? [scale, offset] : [scale],
    apply: (named, x) => layerNorm(x, named[scale.name], bias ? named[offset.name] : undefined, 1e-6),
  };
}

/** Layers one after another, functions between them. */
export function sequence(...parts: readonly (Layer | ((x: Tensor) => Tensor))[]): Layer {
  return {
    parameters: parts.flatMap((part) => ('parameters' in part ? part.parameters : [])),
    apply: (named, x) => parts.reduce((h, part) => ('parameters' in part ? part.apply(named, h) : part(h)), x),
  };
}
