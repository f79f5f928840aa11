/** Fans of a kernel: the one place that reads them from shape and layout. */
import { type Parameter, sizeOf } from './model.ts';

export interface Fans {
  /** Numbers that enter one output. */
  readonly fanIn: number;
  /** Outputs that one input enters, at stride 1. */
  readonly fanOut: number;
}

/**
 * Fan in and fan out of a kernel, undefined for any other parameter. With P the product of the axes after the first two
 * (1 for a matrix, height·width of an image's filters): `[out, in, …]` has in·P and out·P, `[in, out, …]` the same with
 * the axes named the other way. As in Glorot & Bengio (2010), groups and strides are not looked at, and several products
 * in one kernel (queries, keys and values) count as one of their joint width.
 */
export function fans({ shape: [first, second, ...space], role }: Parameter): Fans | undefined {
  const places = sizeOf(space);
  if (role === 'outIn') return { fanIn: second * places, fanOut: first * places };
  return role === 'inOut' ? { fanIn: first * places, fanOut: second * places } : undefined;
}
