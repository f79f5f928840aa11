/** A list of numbers of unknown length, in chunks that are not copied until it is whole. */

type Numbers = Float64Array | Int32Array | Uint16Array;

const LARGEST_CHUNK = 1 << 16;

export class Growing {
  readonly #make: (length: number) => Numbers;
  readonly #chunks: Numbers[] = [];
  #open: Numbers;
  #at = 0;
  length = 0;

  constructor(make: (length: number) => Numbers) {
    this.#make = make;
    this.#open = make(64);
  }

  push(value: number): void {
    if (this.#at === this.#open.length) {
      this.#chunks.push(this.#open);
      this.#open = this.#make(Math.min(this.length, LARGEST_CHUNK));
      this.#at = 0;
    }
    this.#open[this.#at++] = value;
    this.length++;
  }

  /** Writes everything into `out` and forgets it chunk by chunk. */
  into<T extends Numbers>(out: T): T {
    this.#chunks.push(this.#open.subarray(0, this.#at));
    let at = 0;
    for (let chunk = this.#chunks.shift(); chunk; chunk = this.#chunks.shift()) {
      out.set(chunk, at);
      at += chunk.length;
    }
    return out;
  }
}
export const float64 = (length: number) => new Float64Array(length);
export const int32 = (length: number) => new Int32Array(length);
export const uint16 = (length: number) => new Uint16Array(length);
