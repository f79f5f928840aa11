/**
 * Arrays side by side in one WebAssembly memory, where the kernels of `kernels/index.ts` reach them. They do to the bit
 * what the plain functions do, which stay the truth and serve all other arrays, and all where WebAssembly has no SIMD.
 */
import { KERNELS } from './kernels.ts';

/** Arrays are given by their `byteOffset`, 0 for none. */
export interface Kernels {
  products(u: number, g: number, m: number, out: number, chains: number, d: number): void;
  turnShortly(
    turns: number,
    stepSize: number,
    kinetic: number,
    kick: number,
    first: number,
    chains: number,
    d: number,
  ): number;
  combine(
    u: number,
    g: number,
    m: number,
    theta: number,
    turns: number,
    stepSize: number,
    drift: number,
    chains: number,
    d: number,
  ): void;
  gather(columns: number, rows: number, picked: number, size: number, out: number, count: number): void;
  multiply(columns: number, v: number, out: number, alpha: number, chains: number, d: number): void;
  normals(streams: number, low: number, high: number, out: number, chains: number, d: number): void;
}

/** The part of WebAssembly that is used here: Node's types leave it out. */
interface Wasm {
  validate(code: Uint8Array): boolean;
  Module: new (code: Uint8Array) => object;
  Memory: new (pages: { initial: number; maximum: number }) => { buffer: ArrayBuffer };
  Instance: new (module: object, imports: object) => { exports: unknown };
}

const wasm = (globalThis as unknown as { WebAssembly?: Wasm }).WebAssembly;
const code = Uint8Array.from(atob(KERNELS), (letter) => letter.charCodeAt(0));
const module = wasm?.validate(code) ? new wasm.Module(code) : undefined;

const PAGE = 2 ** 16;
const MOST_PAGES = 2 ** 15;
/** Arrays start at whole cache lines. */
const LINE = 64;
/** So few bytes that calling the kernels costs more than they save. */
const FEW = 2048;

/** The kernels that reach an array: an own instance for each memory. */
const reached = new WeakMap<ArrayBufferView, Kernels>();

/** A kind of typed array. */
interface Kind<T> {
  readonly BYTES_PER_ELEMENT: number;
  new (length: number): T;
  new (buffer: ArrayBuffer, at: number, length: number): T;
}

/** Zeroed arrays of these lengths that kernels reach; plain ones where there are no kernels, below 2 KB and beyond 2 GB. */
export function sideBySide<T extends Float64Array | Float32Array>(kind: Kind<T>, lengths: readonly number[]): T[] {
  const starts: number[] = [];
  let bytes = LINE;
  for (const length of lengths) {
    starts.push(bytes);
    bytes += Math.ceil((kind.BYTES_PER_ELEMENT * length) / LINE) * LINE;
  }
  const pages = Math.ceil(bytes / PAGE);
  if (!wasm || !module || bytes < FEW || pages > MOST_PAGES) return lengths.map((length) => new kind(length));
  const memory = new wasm.Memory({ initial: pages, maximum: pages });
  const kernels = new wasm.Instance(module, { env: { memory }, index: { log: Math.log } }).exports as Kernels;
  return lengths.map((length, i) => {
    const array = new kind(memory.buffer, starts[i], length);
    reached.set(array, kernels);
    return array;
  });
}

/** `length` elements of another kind in the memory of an array, from its element `at` on. */
export function seenAs<T extends ArrayBufferView>(
  kind: Kind<T>,
  array: Float64Array | Float32Array,
  length: number,
  at = 0,
): T {
  const seen = new kind(array.buffer as ArrayBuffer, array.byteOffset + at * array.BYTES_PER_ELEMENT, length);
  const kernels = reached.get(array);
  if (kernels) reached.set(seen, kernels);
  return seen;
}

/** The kernels that reach all of these arrays. */
export function kernelsOf(first: ArrayBufferView, ...others: readonly ArrayBufferView[]): Kernels | undefined {
  const kernels = reached.get(first);
  if (kernels) for (const other of others) if (reached.get(other) !== kernels) return undefined;
  return kernels;
}
