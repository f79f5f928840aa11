/** Collects ONNX nodes and initializers, sharing equal ones. */
import type { Attributes, Dtype, Shape } from '../tensor.ts';
import { ATTRIBUTE, ELEMENT, type OnnxAttribute, type OnnxNode, type OnnxTensor } from './schema.ts';

export class Emitter {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];
  /** Whether ONNX Runtime's own operators (`com.microsoft`) may be used. */
  readonly fused: boolean;
  readonly #known = new Map<string, readonly string[]>();

  constructor(fused: boolean) {
    this.fused = fused;
  }

  /** A node over named inputs; an equal node that exists already is returned instead (common subexpressions). */
  node(
    opType: string,
    input: readonly string[],
    attributes: Attributes = {},
    { domain = '', outputs = 1 }: { domain?: string; outputs?: number } = {},
  ): readonly string[] {
    return this.#shared(JSON.stringify([domain, opType, input, attributes, outputs]), () => {
      const output = Array.from({ length: outputs }, (_, i) => `t${this.nodes.length}_${i}`);
      const attribute = Object.entries(attributes).map(([name, value]) => encodeAttribute(name, value));
      this.nodes.push({ opType, input: [...input], output, attribute, ...(domain && { domain }) });
      return output;
    });
  }

  /** A constant tensor of one value: a scalar initializer, expanded where a shape is needed. */
  filled(value: number, shape: Shape, dtype: Dtype): string {
    const data = dtype === 'float32' ? Float32Array.of(value) : Float64Array.of(value);
    const scalar = this.#initializer([], ELEMENT[dtype], data);
    return shape.length === 0 ? scalar : this.node('Expand', [scalar, this.integers(shape)])[0];
  }

  /** A vector of integers (shapes, axes, sizes). */
  integers(values: readonly number[]): string {
    return this.#initializer([values.length], ELEMENT.int64, BigInt64Array.from(values, BigInt));
  }

  #initializer(dims: number[], dataType: number, data: Float32Array | Float64Array | BigInt64Array): string {
    const rawData = new Uint8Array(data.buffer);
    const [name] = this.#shared(`${dataType}:${dims}:${rawData}`, () => {
      const fresh = `c${this.initializers.length}`;
      this.initializers.push({ name: fresh, dims, dataType, rawData });
      return [fresh];
    });
    return name;
  }

  #shared(key: string, make: () => readonly string[]): readonly string[] {
    const known = this.#known.get(key);
    if (known) return known;
    const made = make();
    this.#known.set(key, made);
    return made;
  }
}

function encodeAttribute(name: string, value: Attributes[string]): OnnxAttribute {
  if (typeof value === 'string') return { name, type: ATTRIBUTE.string, s: new TextEncoder().encode(value) };
  if (typeof value === 'object') return { name, type: ATTRIBUTE.ints, ints: [...value] };
  return { name, type: ATTRIBUTE.int, i: Number(value) };
}
