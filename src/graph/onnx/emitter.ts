/** Collects ONNX nodes and initializers, sharing equal ones. */
import {
  type Attributes,
  type Dtype,
  type Emitter,
  heldAs,
  type NodeOptions,
  type NumberArray,
  type Shape,
  type Target,
} from '../types.ts';
import { ATTRIBUTE, ELEMENT, type OnnxAttribute, type OnnxNode, type OnnxTensor } from './schema.ts';

/** Constants up to this many bytes are shared when they are equal, larger ones when they are the same array. */
const SMALL = 256;

export class OnnxEmitter implements Emitter {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];
  /** Whether nodes are written that were written before, on purpose. */
  again = false;
  readonly #arrays = new Map<NumberArray, number>();
  readonly #known = new Map<string, readonly string[]>();
  readonly target: Target;

  constructor(target: Target) {
    this.target = target;
  }

  element(dtype: Dtype): number {
    return ELEMENT[heldAs(dtype, this.target)];
  }

  node(
    opType: string,
    input: readonly string[],
    attributes: Attributes = {},
    { domain = '', outputs = 1, floats = {} }: NodeOptions = {},
  ): readonly string[] {
    return this.#shared(JSON.stringify([domain, opType, input, attributes, outputs, floats, this.again]), () => {
      const output = Array.from({ length: outputs }, (_, i) => `t${this.nodes.length}_${i}`);
      const attribute = [
        ...Object.entries(attributes).map(([name, value]) => encodeAttribute(name, value)),
        ...Object.entries(floats).map(([name, f]) => ({ name, type: ATTRIBUTE.float, f })),
      ];
      this.nodes.push({ opType, input: [...input], output, attribute, ...(domain && { domain }) });
      return output;
    });
  }

  filled(value: number, shape: Shape, dtype: Dtype): string {
    const scalar = this.data([value], [], dtype);
    return shape.length === 0 ? scalar : this.node('Expand', [scalar, this.integers(shape)])[0];
  }

  integers(values: readonly number[]): string {
    return this.data(values, [values.length], 'int64');
  }

  data(values: NumberArray, shape: Shape, dtype: Dtype): string {
    const rawData = bytesOf(values, heldAs(dtype, this.target));
    const content = rawData.length > SMALL ? `array ${this.#identity(values)}` : rawData;
    const [name] = this.#shared(`${dtype}:${shape}:${content}`, () => {
      const fresh = `c${this.initializers.length}`;
      this.initializers.push({ name: fresh, dims: [...shape], dataType: this.element(dtype), rawData });
      return [fresh];
    });
    return name;
  }

  /** A number that names this very array. */
  #identity(values: NumberArray): number {
    const known = this.#arrays.get(values) ?? this.#arrays.size;
    this.#arrays.set(values, known);
    return known;
  }

  #shared(key: string, make: () => readonly string[]): readonly string[] {
    const known = this.#known.get(key);
    if (known) return known;
    const made = make();
    this.#known.set(key, made);
    return made;
  }
}

function bytesOf(values: NumberArray, dtype: Dtype): Uint8Array {
  switch (dtype) {
    case 'float32':
      return new Uint8Array(Float32Array.from(values).buffer);
    case 'float64':
      return new Uint8Array(Float64Array.from(values).buffer);
    case 'int64':
      return new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    default:
      return Uint8Array.from(values);
  }
}

function encodeAttribute(name: string, value: Attributes[string]): OnnxAttribute {
  if (typeof value === 'string') return { name, type: ATTRIBUTE.string, s: new TextEncoder().encode(value) };
  if (typeof value === 'object') return { name, type: ATTRIBUTE.ints, ints: [...value] };
  return { name, type: ATTRIBUTE.int, i: Number(value) };
}
