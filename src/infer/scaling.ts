/** Recalibration on held-out rows: one factor for all standard deviations, or one temperature for all logits. */

/** The factor s that makes N(mean, (s·sd)²) most likely: the root mean square of (y − mean)/sd. */
export function varianceScale(y: ArrayLike<number>, mean: ArrayLike<number>, sd: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < y.length; i++) sum += ((y[i] - mean[i]) / sd[i]) ** 2;
  return Math.sqrt(sum / y.length);
}

/** Probabilities after dividing their logs by the temperature T. */
export function tempered(probability: ArrayLike<number>, t: number): number[] {
  const logs = Array.from(probability, (p) => Math.log(p) / t);
  const most = Math.max(...logs);
  const weights = logs.map((log) => Math.exp(log - most));
  const total = weights.reduce((sum, w) => sum + w, 0);
  return weights.map((w) => w / total);
}

const [COLDEST, HOTTEST] = [0.05, 20];

/**
 * The temperature T that minimises the mean of −log softmax(log p / T)[y] over rows (Guo et al. 2017), by golden section in
 * ln T within 0.05 … 20; the loss is convex in 1/T. `logProbability` is `[n × K]`.
 */
export function temperature(logProbability: ArrayLike<number>, labels: ArrayLike<number>): number {
  const n = labels.length;
  const classes = logProbability.length / n;
  const loss = (t: number) => {
    let sum = 0;
    for (let i = 0; i < n; i++) {
      let most = Number.NEGATIVE_INFINITY;
      for (let k = 0; k < classes; k++) most = Math.max(most, logProbability[i * classes + k] / t);
      let total = 0;
      for (let k = 0; k < classes; k++) total += Math.exp(logProbability[i * classes + k] / t - most);
      sum += most + Math.log(total) - logProbability[i * classes + labels[i]] / t;
    }
    return sum / n;
  };
  const ratio = (Math.sqrt(5) - 1) / 2;
  let low = Math.log(COLDEST);
  let high = Math.log(HOTTEST);
  let a = high - ratio * (high - low);
  let b = low + ratio * (high - low);
  let [atA, atB] = [loss(Math.exp(a)), loss(Math.exp(b))];
  while (high - low > 1e-6) {
    if (atA < atB) {
      [high, b, atB] = [b, a, atA];
      a = high - ratio * (high - low);
      atA = loss(Math.exp(a));
    } else {
      [low, a, atA] = [a, b, atB];
      b = low + ratio * (high - low);
      atB = loss(Math.exp(b));
    }
  }
  return Math.exp(0.5 * (low + high));
}
