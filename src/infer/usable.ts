/**
 * Which predictions count, by one rule: a member's prediction of a row that is finite and a distribution. Any other is left out for
 * that row only, and counted.
 */

/** A finite mean with a positive, finite deviation. */
export const usableNormal = (mean: number, sd: number): boolean =>
  Number.isFinite(mean) && sd > 0 && sd < Number.POSITIVE_INFINITY;

/** Log probabilities of row `row` of `[n × classes]`: numbers below +∞, not all of them −∞, which stands for probability 0. */
export function usableClasses(logProbability: ArrayLike<number>, row: number, classes: number): boolean {
  let some = false;
  for (let at = row * classes; at < (row + 1) * classes; at++) {
    const value = logProbability[at];
    if (Number.isNaN(value) || value === Number.POSITIVE_INFINITY) return false;
    some ||= value > Number.NEGATIVE_INFINITY;
  }
  return some;
}

/** Adds to the log probabilities of a row, in place, what makes them sum to 1. Rows that are not usable stay as they are. */
export function normaliseClasses(logProbability: Float64Array, row: number, classes: number): void {
  if (!usableClasses(logProbability, row, classes)) return;
  const own = logProbability.subarray(row * classes, (row + 1) * classes);
  const most = own.reduce((high, value) => Math.max(high, value), Number.NEGATIVE_INFINITY);
  const log = most + Math.log(own.reduce((sum, value) => sum + Math.exp(value - most), 0));
  for (let c = 0; c < classes; c++) own[c] -= log;
}

/** What was left out. */
export interface LeftOut {
  /** Predictions: pairs of a member and a row. */
  readonly predictions: number;
  /** Rows that lack some member. */
  readonly rows: number;
  /** Rows that no member predicts. */
  readonly emptyRows: number;
  /** Members that lack some row, and those that predict none. */
  readonly members: number;
  readonly emptyMembers: number;
}

/** Counts the usable predictions of `n` rows, member by member. */
export interface UsableCounts {
  /** Members that predict each row `[n]`. */
  readonly each: Uint32Array;
  /** Counts a member by what `usable` says of each row. */
  member(usable: (row: number) => boolean): void;
  /** Members seen, usable or not. */
  seen(): number;
  leftOut(): LeftOut;
}

export function usableCounts(n: number): UsableCounts {
  const each = new Uint32Array(n);
  let seen = 0;
  let members = 0;
  let emptyMembers = 0;
  return {
    each,
    member(usable) {
      seen++;
      let counted = 0;
      for (let i = 0; i < n; i++) {
        if (!usable(i)) continue;
        each[i]++;
        counted++;
      }
      if (counted < n) members++;
      if (counted === 0) emptyMembers++;
    },
    seen: () => seen,
    leftOut: () => ({
      predictions: each.reduce((sum, count) => sum + seen - count, 0),
      rows: each.reduce((sum, count) => sum + Number(count < seen), 0),
      emptyRows: each.reduce((sum, count) => sum + Number(count === 0), 0),
      members,
      emptyMembers,
    }),
  };
}
