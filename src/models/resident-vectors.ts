/** The vectors of one resident chain: a tensor on the device for each field and segment, now and at the mark. */
import type { Kept, Residence } from '../residence.ts';
import type { TensorData } from '../types.ts';
import { type Field, fedAs, keptAs, type Marked, type Segment } from './resident-graphs.ts';

/** What a chain without, and one with a preconditioner consists of. */
export const MOVING: readonly Field[] = ['high', 'low', 'velocity', 'slope', 'noise'];
export const LEARNING: readonly Field[] = [...MOVING, 'multiplier', 'mean', 'variance'];

/** What a mark holds on to. */
const MARKED: readonly Marked[] = ['high', 'low', 'slope'];

export class ChainVectors {
  readonly #segments: readonly Segment[];
  readonly #device: Residence;
  readonly #fields: readonly Field[];
  readonly #now = new Map<Field, readonly Kept[]>();
  readonly #marked = new Map<Marked, readonly Kept[]>();

  constructor(segments: readonly Segment[], device: Residence, fields: readonly Field[]) {
    this.#segments = segments;
    this.#device = device;
    this.#fields = fields;
  }

  /** Everything by the names of the graphs' inputs. */
  feeds(): Record<string, Kept> {
    const feeds: Record<string, Kept> = {};
    for (const i of this.#segments.keys()) {
      for (const [field, tensors] of this.#now) feeds[fedAs(field, i)] = tensors[i];
      for (const [field, tensors] of this.#marked) feeds[fedAs(`marked ${field}`, i)] = tensors[i];
    }
    return feeds;
  }

  /** Takes the outputs of a graph in the place of what they are the next of. */
  take(outputs: Readonly<Record<string, Kept>>): void {
    for (const field of this.#fields) {
      const tensors = this.#segments.flatMap((_, i) => outputs[keptAs(field, i)] ?? []);
      if (tensors.length > 0) this.#replace(field, tensors);
    }
  }

  /** Marks position and gradient; nothing is copied. */
  mark(): void {
    for (const field of MARKED) {
      const [old, now] = [this.#marked.get(field), this.#now.get(field)];
      if (old !== now) this.#free(old);
      this.#marked.set(field, now ?? []);
    }
  }

  /** Position and gradient as they were marked. */
  restore(): void {
    for (const field of MARKED) this.#replace(field, this.#marked.get(field) ?? []);
  }

  /** Brings fields `[d]` to the device. */
  async write(vectors: Readonly<Partial<Record<Field, TensorData>>>): Promise<void> {
    for (const [field, whole] of Object.entries(vectors) as [Field, Float32Array][]) {
      const tensors: Kept[] = [];
      let next = 0;
      for (const { size } of this.#segments) {
        tensors.push(await this.#device.put(whole.subarray(next, next + size), [1, size]));
        next += size;
      }
      this.#replace(field, tensors);
    }
  }

  /** A field `[d]` from the device. */
  async read(field: Field): Promise<Float32Array> {
    const whole = new Float32Array(this.#segments.reduce((sum, { size }) => sum + size, 0));
    let next = 0;
    for (const tensor of this.#now.get(field) ?? []) {
      const part = await this.#device.read(tensor);
      whole.set(part, next);
      next += part.length;
    }
    return whole;
  }

  release(): void {
    this.restore();
    for (const tensors of this.#now.values()) this.#free(tensors);
    this.#now.clear();
    this.#marked.clear();
  }

  #replace(field: Field, tensors: readonly Kept[]): void {
    const old = this.#now.get(field);
    this.#now.set(field, tensors);
    if (old !== tensors && old !== this.#marked.get(field as Marked)) this.#free(old);
  }

  #free(tensors: readonly Kept[] | undefined): void {
    for (const tensor of tensors ?? []) this.#device.free(tensor);
  }
}
