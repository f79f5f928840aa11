/**
 * Calibration scores of arXiv 2602.06500 as its code computes them, for comparison with its tables and nothing else. (Its other
 * variants are `accuracyVote` and `gibbs` of the accumulators.)
 */
import { uniforms } from '../math/random.ts';
import { fold } from '../math/threefry.ts';
import type { Key } from '../types.ts';
import { usableClasses, usableCounts } from './usable.ts';

const LEVELS = [0.8, 0.9, 0.95];
const BINS = 10;

/**
 * Its regression error: √mean w (level − observed)² over the levels .8, .9, .95, where w = ⅓ divides a second time. Ours takes the
 * exact coverage of the mixture where its code draws one y per member.
 */
export function paperCoverageError(coverage: readonly { readonly level: number; readonly observed: number }[]): number {
  const gaps = coverage.filter(({ level }) => LEVELS.includes(level)).map(({ level, observed }) => level - observed);
  return Math.sqrt(gaps.reduce((sum, gap) => sum + gap * gap, 0)) / gaps.length;
}

/**
 * Its classification error Σ_b 0.1 · |accuracy_b − confidence_b| · n_b/n over ten bins of p̄ of the *true* class, where accuracy asks
 * whether the most frequent of one *sampled* label per member is the truth. Members one at a time,
 * `[n × K]` log probabilities, by the rule of `usable.ts`.
 */
export function paperCalibration(y: ArrayLike<number>, classes: number, key: Key) {
  const n = y.length;
  const drawn = new Uint32Array(n * classes);
  const truth = new Float64Array(n);
  const u = new Float64Array(n);
  const counts = usableCounts(n);
  return {
    add(logProbability: ArrayLike<number>): void {
      uniforms(fold(key, counts.seen()), u);
      const usable = (i: number) => usableClasses(logProbability, i, classes);
      counts.member(usable);
      for (let i = 0; i < n; i++) {
        if (!usable(i)) continue;
        const at = i * classes;
        truth[i] += Math.exp(logProbability[at + y[i]]);
        let label = 0;
        for (let left = u[i] - Math.exp(logProbability[at]); left > 0 && label < classes - 1; ) {
          label++;
          left -= Math.exp(logProbability[at + label]);
        }
        drawn[at + label]++;
      }
    },
    result(): number {
      const bins = Array.from({ length: BINS }, () => ({ rows: 0, confidence: 0, right: 0 }));
      for (let i = 0; i < n; i++) {
        if (counts.each[i] === 0) continue;
        const p = truth[i] / counts.each[i];
        const votes = drawn.subarray(i * classes, (i + 1) * classes);
        const bin = bins[Math.min(BINS, Math.max(1, Math.ceil(p * BINS))) - 1];
        bin.rows++;
        bin.confidence += p;
        bin.right += votes.indexOf(Math.max(...votes)) === y[i] ? 1 : 0;
      }
      return bins.reduce((sum, bin) => sum + Math.abs(bin.right - bin.confidence), 0) / (BINS * n);
    },
  };
}
