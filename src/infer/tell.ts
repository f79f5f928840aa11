/**
 * How well one feature alone tells the target, out of sample: every row is predicted from the other rows with the same value,
 * and where there are none, from those with the nearest values below and above.
 */
import { normalScores } from './rank.ts';

/** A feature as one number a row; NaN stands for missing and is a value of its own. Values of an unordered one have no neighbours. */
export interface Feature {
  readonly values: Float64Array;
  readonly ordered: boolean;
}

/** Rows of equal value, in rising order of the values; missing ones last. */
function groupsOf(values: Float64Array): number[][] {
  const place = (v: number) => (Number.isNaN(v) ? Number.POSITIVE_INFINITY : v);
  const order = Array.from(values, (_, i) => i).sort((a, b) => place(values[a]) - place(values[b]) || a - b);
  const groups: number[][] = [];
  for (const i of order) {
    const last = groups.at(-1);
    if (last && Object.is(values[last[0]], values[i])) last.push(i);
    else groups.push([i]);
  }
  return groups;
}

/** Share of the variance of the normal scores of `y` that the feature explains: near 1 for a copy and for any function of it. */
export function toldScores({ values, ordered }: Feature, y: Float64Array): number {
  const [rank] = normalScores([y]);
  const groups = groupsOf(values);
  const sums = groups.map((group) => group.reduce((sum, i) => sum + rank[i], 0));
  const mean = (k: number) => sums[k] / groups[k].length;
  const centre = sums.reduce((a, b) => a + b, 0) / y.length;
  let [missed, total] = [0, 0];
  groups.forEach((group, k) => {
    for (const i of group) {
      const alone = group.length === 1;
      const guess = !alone ? (sums[k] - rank[i]) / (group.length - 1) : ordered ? between(k) : centre;
      missed += (rank[i] - guess) ** 2;
      total += (rank[i] - centre) ** 2;
    }
  });
  return total > 0 ? 1 - missed / total : 0;

  /** From the neighbours of group k, in the proportion of their distances. */
  function between(k: number): number {
    const near = [k - 1, k + 1].filter((j) => groups[j] && !Number.isNaN(values[groups[j][0]]));
    if (near.length < 2) return near.length === 1 ? mean(near[0]) : centre;
    const [low, here, high] = [near[0], k, near[1]].map((j) => values[groups[j][0]]);
    const part = (here - low) / (high - low);
    return Number.isFinite(part) ? (1 - part) * mean(near[0]) + part * mean(near[1]) : centre;
  }
}

/** Rows whose class (`y`, in 0 … classes − 1) the feature misses, and those that the most frequent class alone would miss. */
export function toldClasses({ values, ordered }: Feature, y: Float64Array, classes: number) {
  const counts = (rows: readonly number[]) => {
    const each = new Array<number>(classes).fill(0);
    for (const i of rows) each[y[i]]++;
    return each;
  };
  const likeliest = (each: readonly number[]) => each.indexOf(Math.max(...each));
  const all = counts(Array.from(y, (_, i) => i));
  const groups = groupsOf(values);
  let missed = 0;
  groups.forEach((group, k) => {
    const near = ordered ? [k - 1, k + 1].flatMap((j) => groups[j] ?? []) : [];
    const own = counts(group.length === 1 && near.length > 0 ? near : group);
    for (const i of group) {
      if (group.length > 1) own[y[i]]--;
      const known = group.length > 1 || near.length > 0;
      if (likeliest(known ? own : all) !== y[i]) missed++;
      if (group.length > 1) own[y[i]]++;
    }
  });
  return { missed, without: y.length - Math.max(...all) };
}
