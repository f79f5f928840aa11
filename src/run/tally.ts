/** Counts what happened to each chain of a block in one phase. */
import type { Info } from '../types.ts';
import type { PhaseTally } from './events.ts';

export class Tally {
  readonly resets: number[];
  readonly nonFinite: number[];
  readonly #moved: number[];
  readonly #energies: number[];
  readonly #measured: number[];
  #steps = 0;

  constructor(chains: number) {
    const zeros = () => new Array<number>(chains).fill(0);
    this.resets = zeros();
    this.nonFinite = zeros();
    this.#moved = zeros();
    this.#energies = zeros();
    this.#measured = zeros();
  }

  absorb(info: Info): void {
    this.#steps++;
    for (let c = 0; c < this.resets.length; c++) {
      this.resets[c] += info.reset[c];
      this.nonFinite[c] += info.nonFinite[c];
      this.#moved[c] += info.moved[c];
      if (!Number.isFinite(info.energyChange[c])) continue;
      this.#energies[c] += info.energyChange[c] ** 2;
      this.#measured[c]++;
    }
  }

  /** Chain c's counts; d is its dimension. */
  of(c: number, d: number): PhaseTally {
    const measured = this.#measured[c];
    return {
      steps: this.#steps,
      resets: this.resets[c],
      nonFinite: this.nonFinite[c],
      meanMoved: this.#steps ? this.#moved[c] / this.#steps : 0,
      energyVariance: measured ? this.#energies[c] / (measured * d) : null,
    };
  }
}
