/** Recalibration on held-out rows: one factor for all standard deviations, or one temperature for all logits. */
import { STUDENT_T } from './student-t.ts';

/** The factor s that makes N(mean, (s·sd)²) most likely: the root mean square of (y − mean)/sd, over rows where it is a number. */
export function varianceScale(y: ArrayLike<number>, mean: ArrayLike<number>, sd: ArrayLike<number>): number {
  const squares = Array.from(y, (value, i) => ((value - mean[i]) / sd[i]) ** 2).filter(Number.isFinite);
  return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / squares.length);
}

/** The factor s that makes Student's t with the deviations s·sd most likely, within 0.05 … 20: no far row sets it. */
export function studentScale(y: ArrayLike<number>, mean: ArrayLike<number>, sd: ArrayLike<number>): number {
  const z = Array.from(y, (value, i) => (value - mean[i]) / sd[i]).filter(Number.isFinite);
  const loss = (log: number) => -z.reduce((sum, v) => sum + STUDENT_T.logDensity(v, 0, Math.exp(log)), 0);
  return Math.exp(smallest(loss, Math.log(SMALLEST), Math.log(LARGEST)));
}

/** Log probabilities of a row after dividing them by the temperature T; they are those of a distribution again. */
export function temperedLogs(logProbability: ArrayLike<number>, t: number): number[] {
  const logs = Array.from(logProbability, (log) => log / t);
  const most = Math.max(...logs);
  const total = most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0));
  return logs.map((log) => log - total);
}

/** Probabilities of a row after dividing their logs by the temperature T. */
export const tempered = (probability: ArrayLike<number>, t: number): number[] =>
  temperedLogs(Array.from(probability, Math.log), t).map(Math.exp);

/** Scales and temperatures that are looked at. */
const [SMALLEST, LARGEST] = [0.05, 20];
/** Tried before the search narrows. */
const GRID = 25;

/**
 * The temperature T that suits the labels best (Guo et al. 2017), within 0.05 … 20: it maximises the mean of
 * log((1 − ε) softmax(log p / T)[y] + ε/K) with ε = 1/(n+1). The share ε allows for one row in n that the classifier cannot explain: without
 * it a single label of probability 0 would set T. `logProbability` is `[n × K]`; rows with NaN have no say.
 */
export function temperature(logProbability: ArrayLike<number>, labels: ArrayLike<number>): number {
  const classes = logProbability.length / labels.length;
  const rows = Array.from(labels, (label, i) => ({
    label,
    logs: Array.from({ length: classes }, (_, k) => logProbability[i * classes + k]),
  })).filter(({ logs }) => !logs.some(Number.isNaN));
  const stray = 1 / (rows.length + 1);
  const loss = (logT: number) => {
    const t = Math.exp(logT);
    let sum = 0;
    for (const { label, logs } of rows) {
      let most = Number.NEGATIVE_INFINITY;
      for (const log of logs) most = Math.max(most, log / t);
      let total = 0;
      for (const log of logs) total += Math.exp(log / t - most);
      sum -= Math.log(((1 - stray) * Math.exp(logs[label] / t - most)) / total + stray / classes);
    }
    return sum;
  };
  return Math.exp(smallest(loss, Math.log(SMALLEST), Math.log(LARGEST)));
}

/** Where a function of one number is smallest within an interval: the best of a grid, then golden section beside it. */
function smallest(of: (x: number) => number, from: number, to: number): number {
  const step = (to - from) / (GRID - 1);
  const values = Array.from({ length: GRID }, (_, k) => of(from + k * step));
  const best = values.indexOf(Math.min(...values));
  const ratio = (Math.sqrt(5) - 1) / 2;
  let low = from + Math.max(0, best - 1) * step;
  let high = from + Math.min(GRID - 1, best + 1) * step;
  let a = high - ratio * (high - low);
  let b = low + ratio * (high - low);
  let [atA, atB] = [of(a), of(b)];
  while (high - low > 1e-6) {
    if (atA < atB) {
      [high, b, atB] = [b, a, atA];
      a = high - ratio * (high - low);
      atA = of(a);
    } else {
      [low, a, atA] = [a, b, atB];
      b = low + ratio * (high - low);
      atB = of(b);
    }
  }
  return 0.5 * (low + high);
}
