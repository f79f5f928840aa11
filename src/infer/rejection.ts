/** Is the uncertainty high where the prediction is wrong, or the input strange? */

/**
 * Area under the receiver operating characteristic: the probability that a positive row has a higher score than a
 * negative one, ties counting half. NaN without both kinds.
 */
export function auroc(score: ArrayLike<number>, positive: ArrayLike<number>): number {
  const order = Array.from(score, (_, i) => i).sort((a, b) => score[a] - score[b]);
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
