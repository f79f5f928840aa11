/** Is the uncertainty high where the prediction is wrong, or the input strange? */

/**
 * Area under the receiver operating characteristic: the probability that a positive row has a higher score than a
 * negative one, ties counting half. Rows whose score is NaN have no say; NaN without both kinds.
 */
export function auroc(score: ArrayLike<number>, positive: ArrayLike<number>): number {
  const order = Array.from(score, (_, i) => i)
    .filter((i) => !Number.isNaN(score[i]))
    .sort((a, b) => score[a] - score[b]);
  let ranks = 0;
  let positives = 0;
  for (let i = 0; i < order.length; ) {
    let end = i;
    while (end < order.length && score[order[end]] === score[order[i]]) end++;
    const rank = (i + 1 + end) / 2; // mean rank of the tied rows, from 1
    for (let k = i; k < end; k++) {
      if (!positive[order[k]]) continue;
      ranks += rank;
      positives++;
    }
    i = end;
  }
  const negatives = order.length - positives;
  return (ranks - (positives * (positives + 1)) / 2) / (positives * negatives);
}

/**
 * Area under the risk–coverage curve (Geifman & El-Yaniv 2017): the mean over k of the mean loss of the k rows with the least
 * uncertainty. Small when the ensemble knows what it does not know.
 */
export function aurc(uncertainty: ArrayLike<number>, loss: ArrayLike<number>): number {
  const order = Array.from(uncertainty, (_, i) => i).sort((a, b) => uncertainty[a] - uncertainty[b]);
  let sum = 0;
  let area = 0;
  order.forEach((row, k) => {
    sum += loss[row];
    area += sum / (k + 1) / order.length;
  });
  return area;
}

/** Uncertainty of rows, split as everywhere: both `[n]`. */
export interface Uncertainty {
  readonly aleatoric: ArrayLike<number>;
  readonly epistemic: ArrayLike<number>;
}

/** Probability that a row from elsewhere is more uncertain than an own one, by kind: 0.5 is blind, 1 is perfect. */
export interface StrangerAuroc {
  readonly total: number;
  readonly aleatoric: number;
  readonly epistemic: number;
}

/** Compares own rows with rows from elsewhere; `total` joins the two kinds, as hypot for deviations, + for entropies. */
export function strangerAuroc(
  own: Uncertainty,
  strange: Uncertainty,
  total: (aleatoric: number, epistemic: number) => number,
): StrangerAuroc {
  const isStrange = [...Array.from(own.epistemic, () => 0), ...Array.from(strange.epistemic, () => 1)];
  const area = (of: (rows: Uncertainty) => ArrayLike<number>) =>
    auroc([...Array.from(of(own)), ...Array.from(of(strange))], isStrange);
  return {
    total: area(({ aleatoric, epistemic }) => Array.from(aleatoric, (a, i) => total(a, epistemic[i]))),
    aleatoric: area((rows) => rows.aleatoric),
    epistemic: area((rows) => rows.epistemic),
  };
}
