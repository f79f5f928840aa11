/**
 * Streaming summary of an ensemble of classifiers: log p(c | x_i, θ_m) for member m (one draw of one chain), row i and
 * class c. Memory is O(n · K) whatever the number M of members. The predictive distribution is p̄ = 1/M Σ_m p(· | θ_m).
 */
import { dataError, shapeError } from '../errors.ts';
import { type Reliability, reliability } from './calibration.ts';
import { logSums } from './logsum.ts';
import { checkLength, checkMembers, checkRows } from './members.ts';
import { type LeftOut, usableClasses, usableCounts } from './usable.ts';

/** Allowed distance of a row's probabilities from 1 in total: far above float32 rounding, far below a missing softmax. */
const SUM_TOLERANCE = 1e-3;

/** The predictive distribution in numbers. Entropies are in nats, in [0, log K]. */
interface ClassificationPrediction {
  /** M, the members that predict some row. */
  readonly members: number;
  /** Members left out of some row, because a log probability was NaN or +∞, or all were -∞. */
  readonly nonFiniteMembers: number;
  /** `[n]` members that predict the row; the numbers below are theirs, and NaN or class -1 where there are none. */
  readonly usable: Uint32Array;
  readonly leftOut: LeftOut;
  /** p̄ `[n × K]`. */
  readonly probability: Float64Array;
  /** log p̄ `[n × K]`, finite where p̄ underflows. */
  readonly logProbability: Float64Array;
  /** `[n]` argmax of p̄; ties go to the smallest class. */
  readonly predicted: Int32Array;
  /** `[n]` p̄ of that class. */
  readonly confidence: Float64Array;
  /** `[n × K]` members whose own argmax is the class. */
  readonly votes: Uint32Array;
  /** `[n]` class with the most votes; ties go to the smallest class. */
  readonly voted: Int32Array;
  /** Total uncertainty `[n]`: entropy of p̄. */
  readonly entropy: Float64Array;
  /** Noise `[n]`: mean entropy of the members. */
  readonly aleatoric: Float64Array;
  /** Disagreement `[n]`: mutual information of label and member, entropy - aleatoric. */
  readonly epistemic: Float64Array;
}

/**
 * The prediction and how well it meets the labels. A row that no member predicts is missed: its label has probability 0 and its class
 * is wrong; `brier`, `ece` and `gibbs` are of the other rows, NaN without any.
 */
export interface ClassificationScores extends ClassificationPrediction, Reliability {
  /** Share of rows whose argmax of p̄ is the label. */
  readonly accuracy: number;
  /** Share of rows whose majority vote is the label: the accuracy of arXiv 2602.06500. */
  readonly accuracyVote: number;
  /** Log pointwise predictive density, mean_i log 1/M Σ_m p(y_i | θ_m). */
  readonly lppd: number;
  /** log 1/M Σ_m p(y_i | θ_m) of every row `[n]`; its mean is `lppd`. */
  readonly pointwise: Float64Array;
  /** Gibbs negative log-likelihood, -mean over rows and members of log p(y_i | θ_m). At least -lppd (Jensen). */
  readonly gibbs: number;
  /** `[n]` 1 where the argmax of p̄ is the label. */
  readonly correct: Uint8Array;
  /** Brier score, mean_i Σ_c (p̄_c - 1[y_i = c])², in [0, 2]. */
  readonly brier: number;
}

/** Takes members one at a time. */
export interface ClassificationAccumulator<R extends ClassificationPrediction = ClassificationPrediction> {
  /**
   * Adds a member's log probabilities `[n × K]`; -∞ stands for probability 0. It is left out of rows with a NaN or +∞, or nothing
   * but -∞, and counted.
   * @throws ShapeError on a wrong length, DataError where a row's probabilities do not sum to 1.
   */
  add(logProbabilities: ArrayLike<number>): void;
  /** The summary so far. @throws DataError before the first member. */
  result(): R;
}

/**
 * An accumulator for `n` rows and `classes` = K ≥ 2 classes; with labels `y` `[n]` in 0 … K-1 its result carries the
 * scores.
 * @throws ShapeError on a wrong length, DataError on a label out of range.
 */
export function classificationAccumulator(n: number, classes: number): ClassificationAccumulator;
export function classificationAccumulator(
  n: number,
  classes: number,
  y: ArrayLike<number>,
): ClassificationAccumulator<ClassificationScores>;
export function classificationAccumulator(n: number, classes: number, y?: ArrayLike<number>): ClassificationAccumulator;
export function classificationAccumulator(
  n: number,
  classes: number,
  y?: ArrayLike<number>,
): ClassificationAccumulator {
  checkRows('classificationAccumulator', n);
  if (!Number.isInteger(classes) || classes < 2) {
    throw shapeError(`classificationAccumulator: expected at least 2 classes, got ${classes}. Count the labels.`);
  }
  const scores = y && scoreAccumulator(n, classes, y);
  const total = logSums(n * classes);
  const votes = new Uint32Array(n * classes);
  const noise = new Float64Array(n);
  const counts = usableCounts(n);

  return {
    add(logProbabilities) {
      checkLength('classificationAccumulator.add', 'log probabilities', logProbabilities, n * classes);
      const usable = (i: number) => usableClasses(logProbabilities, i, classes);
      checkSums(logProbabilities, n, classes, usable);
      counts.member(usable);
      for (let i = 0; i < n; i++) {
        if (!usable(i)) continue;
        for (let at = i * classes; at < (i + 1) * classes; at++) {
          total.add(at, logProbabilities[at]);
          const p = Math.exp(logProbabilities[at]);
          if (p > 0) noise[i] -= p * logProbabilities[at];
        }
        votes[i * classes + argmax(logProbabilities, i, classes)]++;
        scores?.add(i, logProbabilities);
      }
    },
    result() {
      checkMembers('classificationAccumulator.result', counts.seen());
      const usable = counts.each.slice();
      const leftOut = counts.leftOut();
      const byRow =
        (value: (i: number) => number, none = Number.NaN) =>
        (m: number, i: number) =>
          m > 0 ? value(i) : none;
      const spread = Uint32Array.from({ length: n * classes }, (_, at) => usable[Math.floor(at / classes)]);
      const logProbability = total.means(spread);
      const probability = logProbability.map((log, at) => (spread[at] > 0 ? Math.exp(log) : Number.NaN));
      const aleatoric = Float64Array.from(
        usable,
        byRow((i) => noise[i] / usable[i]),
      );
      const entropy = new Float64Array(n);
      probability.forEach((p, at) => {
        if (!(p <= 0)) entropy[Math.floor(at / classes)] -= p * Math.log(p);
      });
      const predicted = Int32Array.from(
        usable,
        byRow((i) => argmax(probability, i, classes), -1),
      );
      const prediction: ClassificationPrediction = {
        members: counts.seen() - leftOut.emptyMembers,
        nonFiniteMembers: leftOut.members,
        usable,
        leftOut,
        probability,
        logProbability,
        predicted,
        confidence: Float64Array.from(
          usable,
          byRow((i) => probability[i * classes + predicted[i]]),
        ),
        votes: votes.slice(),
        voted: Int32Array.from(
          usable,
          byRow((i) => argmax(votes, i, classes), -1),
        ),
        entropy,
        aleatoric,
        // Rounding can leave -1e-17 where all members agree.
        epistemic: entropy.map((h, i) => Math.max(0, h - aleatoric[i])),
      };
      return scores ? { ...prediction, ...scores.result(prediction) } : prediction;
    },
  };
}

/** Throws where a row that is usable otherwise holds no probabilities at all. */
function checkSums(
  logProbabilities: ArrayLike<number>,
  n: number,
  classes: number,
  usable: (row: number) => boolean,
): void {
  for (let i = 0; i < n; i++) {
    if (!usable(i)) continue;
    let sum = 0;
    for (let c = 0; c < classes; c++) sum += Math.exp(logProbabilities[i * classes + c]);
    if (Math.abs(sum - 1) <= SUM_TOLERANCE) continue;
    throw dataError(
      `classificationAccumulator.add: expected probabilities that sum to 1, got ${sum} in row ${i}. ` +
        'Pass the log softmax of the logits.',
    );
  }
}

function argmax(values: ArrayLike<number>, row: number, classes: number): number {
  let best = 0;
  for (let c = 1; c < classes; c++) if (values[row * classes + c] > values[row * classes + best]) best = c;
  return best;
}

/** The part that needs labels. */
function scoreAccumulator(n: number, classes: number, y: ArrayLike<number>) {
  checkLength('classificationAccumulator', 'y', y, n);
  for (let i = 0; i < n; i++) {
    if (!Number.isInteger(y[i]) || y[i] < 0 || y[i] >= classes) {
      throw dataError(
        `classificationAccumulator: expected labels 0 … ${classes - 1}, got ${y[i]} in row ${i}. Encode the classes.`,
      );
    }
  }
  const likelihood = logSums(n);
  let logSum = 0;
  return {
    add(i: number, logProbabilities: ArrayLike<number>): void {
      likelihood.add(i, logProbabilities[i * classes + y[i]]);
      logSum += logProbabilities[i * classes + y[i]];
    },
    result(p: ClassificationPrediction): Omit<ClassificationScores, keyof ClassificationPrediction> {
      const correct = Uint8Array.from(p.predicted, (c, i) => Number(c === y[i]));
      const pointwise = likelihood.means(p.usable);
      const rows = [...p.usable.keys()].filter((i) => p.usable[i] > 0);
      const pairs = p.usable.reduce((sum, m) => sum + m, 0);
      const brier = p.probability.reduce((sum, q, at) => {
        const row = Math.floor(at / classes);
        return p.usable[row] > 0 ? sum + (q - (at - row * classes === y[row] ? 1 : 0)) ** 2 : sum;
      }, 0);
      return {
        correct,
        accuracy: correct.reduce((a, b) => a + b, 0) / n,
        accuracyVote: p.voted.reduce((sum, c, i) => sum + (c === y[i] ? 1 : 0), 0) / n,
        lppd: pointwise.reduce((sum, value) => sum + value, 0) / n,
        pointwise,
        gibbs: -logSum / pairs,
        brier: brier / rows.length,
        ...reliability(
          rows.map((i) => p.confidence[i]),
          rows.map((i) => correct[i]),
        ),
      };
    },
  };
}
