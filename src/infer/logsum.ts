/** Streaming log Σ exp, one sum per row: the log of a mean of probabilities that never underflows. */

/** One running log-sum-exp per row. */
export interface LogSums {
  /** Adds exp(`value`) to the sum of row `i`. `value` is finite or -∞. */
  add(i: number, value: number): void;
  /** log Σ exp of all values of row `i`; -∞ where nothing but -∞ was added. */
  value(i: number): number;
  /** log of the mean over `counts[i]` values of every row; -∞ where there are none. */
  means(counts: ArrayLike<number>): Float64Array;
}

/** log of the mean of exp of members `[n]` in every row `[n]`, over those that are numbers there; -∞ where there are none. */
export function logMeans(members: readonly ArrayLike<number>[], n: number): Float64Array {
  const sums = logSums(n);
  const counts = new Uint32Array(n);
  for (const member of members) {
    for (let i = 0; i < n; i++) {
      if (Number.isNaN(member[i])) continue;
      sums.add(i, member[i]);
      counts[i]++;
    }
  }
  return sums.means(counts);
}

/** `n` running sums, each held as exp(top) · scaled, where top is the largest value so far. Memory O(n). */
export function logSums(n: number): LogSums {
  const top = new Float64Array(n).fill(-Infinity);
  const scaled = new Float64Array(n);
  const value = (i: number) => top[i] + Math.log(scaled[i]);
  return {
    add(i, value) {
      if (value === -Infinity) return;
      if (value <= top[i]) scaled[i] += Math.exp(value - top[i]);
      else {
        scaled[i] = scaled[i] * Math.exp(top[i] - value) + 1;
        top[i] = value;
      }
    },
    value,
    means: (counts) => top.map((_, i) => (counts[i] > 0 ? value(i) - Math.log(counts[i]) : Number.NEGATIVE_INFINITY)),
  };
}
