/** Counts what happened to each chain of a block in one phase. */

import type { PhaseTally } from '../spec/records.ts';
import type { Info } from '../types.ts';

/** Energy errors kept of one chain. */
const ENERGIES_KEPT = 1000;

/** Every so many-th of a long series, evenly: where it is full, every second goes and the spacing doubles. */
class EvenSample {
  #kept: number[];
  #spacing: number;
  #seen: number;

  constructor({ kept, spacing, seen } = { kept: [] as readonly number[], spacing: 1, seen: 0 }) {
    this.#kept = [...kept];
    this.#spacing = spacing;
    this.#seen = seen;
  }

  add(value: number): void {
    if (this.#seen++ % this.#spacing !== 0) return;
    this.#kept.push(value);
    if (this.#kept.length < 2 * ENERGIES_KEPT) return;
    this.#kept = this.#kept.filter((_, i) => i % 2 === 0);
    this.#spacing *= 2;
  }

  get values(): readonly number[] {
    return this.#kept;
  }

  standing() {
    return { kept: this.#kept, spacing: this.#spacing, seen: this.#seen };
  }
}

/** What a tally has counted of one chain, as JSON. */
export interface TallyStanding {
  readonly steps: number;
  readonly resets: number;
  readonly nonFinite: number;
  readonly moved: number;
  readonly energies: number;
  readonly measured: number;
  readonly sample: { readonly kept: readonly number[]; readonly spacing: number; readonly seen: number };
}

const tail = (energies: readonly number[]): number =>
  energies.map(Math.abs).sort((a, b) => a - b)[Math.floor(0.9 * energies.length)];

export class Tally {
  readonly resets: number[];
  readonly nonFinite: number[];
  readonly #moved: number[];
  readonly #energies: number[];
  readonly #measured: number[];
  readonly #sample: EvenSample[];
  #steps = 0;

  /** Counts from nothing, or on from where the tallies of the chains stood, after the same number of steps. */
  constructor(chains: number, from: readonly (TallyStanding | undefined)[] = []) {
    const each = (pick: (standing: TallyStanding) => number) =>
      Array.from({ length: chains }, (_, c) => (from[c] ? pick(from[c]) : 0));
    this.resets = each((s) => s.resets);
    this.nonFinite = each((s) => s.nonFinite);
    this.#moved = each((s) => s.moved);
    this.#energies = each((s) => s.energies);
    this.#measured = each((s) => s.measured);
    this.#sample = Array.from({ length: chains }, (_, c) => new EvenSample(from[c]?.sample));
    this.#steps = from[0]?.steps ?? 0;
  }

  standing(c: number): TallyStanding {
    return {
      steps: this.#steps,
      resets: this.resets[c],
      nonFinite: this.nonFinite[c],
      moved: this.#moved[c],
      energies: this.#energies[c],
      measured: this.#measured[c],
      sample: this.#sample[c].standing(),
    };
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
      this.#sample[c].add(info.energyChange[c]);
    }
  }

  /** Root mean square of ΔE/√d of every chain over its measured steps; NaN before the first. */
  energyErrors(d: number): number[] {
    return this.#energies.map((energy, c) => Math.sqrt(energy / (this.#measured[c] * d)));
  }

  /** ΔE of chain c at up to 2000 steps, evenly spaced among the measured ones; in nats. */
  energySample(c: number): readonly number[] {
    return this.#sample[c].values;
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
      energyTail: measured ? tail(this.#sample[c].values) / Math.sqrt(d) : null,
    };
  }
}
