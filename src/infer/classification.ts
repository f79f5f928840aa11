/**
 * Streaming summary of an ensemble of classifiers: log p(c | x_i, θ_m) for member m (one draw of one chain), row i and
 * class c. Memory is O(n · K) whatever the number M of members. The predictive distribution is p̄ = 1/M Σ_m p(· | θ_m).
 */
import { dataError, shapeError } from '../errors.ts';
import { type Reliability, reliability } from './calibration.ts';
import { logSums } from './logsum.ts';
import { checkLength, checkMembers, checkRows } from './members.ts';

/** Allowed distance of a row's probabilities from 1 in total: far above float32 rounding, far below a missing softmax. */
const SUM_TOLERANCE = 1e-3;

/** The predictive distribution in numbers. Entropies are in nats, in [0, log K]. */
export interface ClassificationPrediction {
  /** M, the members that were summarised. */
  readonly members: number;
  /** Members left out because a log probability was NaN or +∞. */
  readonly nonFiniteMembers: number;
  /** p̄ `[n × K]`. */
  readonly probability: Float64Array;
  /** `[n]` argmax of p̄; ties go to the smallest class. */
  readonly predicted: Int32Array;
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

/** The prediction and how well it meets the labels. */
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
   * Adds a member's log probabilities `[n × K]`; -∞ stands for probability 0. A member with a NaN or +∞ is counted
   * and left out whole.
   * @throws ShapeError on a wrong length, DataError where a row's probabilities do not sum to 1.
   */
  add(logProbabilities: ArrayLike<number>): void;
  /** The summary so far. @throws DataError without any usable member. */
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
  const total = new Float64Array(n * classes);
  const votes = new Uint32Array(n * classes);
  const noise = new Float64Array(n);
  let members = 0;
  let nonFiniteMembers = 0;

  return {
    add(logProbabilities) {
      checkLength('classificationAccumulator.add', 'log probabilities', logProbabilities, n * classes);
      if (!usable(logProbabilities, classes)) {
        nonFiniteMembers++;
        return;
      }
      members++;
      for (let i = 0; i < n; i++) {
        for (let at = i * classes; at < (i + 1) * classes; at++) {
          const p = Math.exp(logProbabilities[at]);
          total[at] += p;
          if (p > 0) noise[i] -= p * logProbabilities[at];
        }
        votes[i * classes + argmax(logProbabilities, i, classes)]++;
      }
      scores?.add(logProbabilities);
    },
    result() {
      checkMembers('classificationAccumulator.result', members, nonFiniteMembers);
      const probability = total.map((sum) => sum / members);
      const aleatoric = noise.map((sum) => sum / members);
      const entropy = new Float64Array(n);
      probability.forEach((p, at) => {
        if (p > 0) entropy[Math.floor(at / classes)] -= p * Math.log(p);
      });
      const prediction: ClassificationPrediction = {
        members,
        nonFiniteMembers,
        probability,
        predicted: Int32Array.from({ length: n }, (_, i) => argmax(probability, i, classes)),
        votes: votes.slice(),
        voted: Int32Array.from({ length: n }, (_, i) => argmax(votes, i, classes)),
        entropy,
        aleatoric,
        // Rounding can leave -1e-17 where all members agree.
        epistemic: entropy.map((h, i) => Math.max(0, h - aleatoric[i])),
      };
      return scores ? { ...prediction, ...scores.result(prediction) } : prediction;
    },
  };
}

/** False for a member with NaN or +∞; throws where the rows are no probabilities at all. */
function usable(logProbabilities: ArrayLike<number>, classes: number): boolean {
  for (let at = 0; at < logProbabilities.length; at++) {
    if (Number.isNaN(logProbabilities[at]) || logProbabilities[at] === Infinity) return false;
  }
  for (let at = 0; at < logProbabilities.length; at += classes) {
    let sum = 0;
    for (let c = 0; c < classes; c++) sum += Math.exp(logProbabilities[at + c]);
    if (Math.abs(sum - 1) > SUM_TOLERANCE) {
      throw dataError(
        `classificationAccumulator.add: expected probabilities that sum to 1, got ${sum} in row ${at / classes}. ` +
          'Pass the log softmax of the logits.',
      );
    }
  }
  return true;
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
    add(logProbabilities: ArrayLike<number>): void {
      for (let i = 0; i < n; i++) {
        likelihood.add(i, logProbabilities[i * classes + y[i]]);
        logSum += logProbabilities[i * classes + y[i]];
      }
    },
    result(p: ClassificationPrediction): Omit<ClassificationScores, keyof ClassificationPrediction> {
      const correct = Uint8Array.from(p.predicted, (c, i) => Number(c === y[i]));
      const confidence = Float64Array.from(p.predicted, (c, i) => p.probability[i * classes + c]);
      const pointwise = Float64Array.from({ length: n }, (_, i) => likelihood.value(i) - Math.log(p.members));
      const brier = p.probability.reduce((sum, q, at) => {
        const row = Math.floor(at / classes);
        return sum + (q - (at - row * classes === y[row] ? 1 : 0)) ** 2;
      }, 0);
      return {
        correct,
        accuracy: correct.reduce((a, b) => a + b, 0) / n,
        accuracyVote: p.voted.reduce((sum, c, i) => sum + (c === y[i] ? 1 : 0), 0) / n,
        lppd: pointwise.reduce((sum, value) => sum + value, 0) / n,
        pointwise,
        gibbs: -logSum / (n * p.members),
        brier: brier / n,
        ...reliability(confidence, correct),
      };
    },
  };
}
