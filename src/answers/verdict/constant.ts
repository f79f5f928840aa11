/** The prediction that looks at no feature: the law of the training targets. */
import type { Learned } from '../../data/learned.ts';
import { HALF_LOG_TWO_PI } from '../../math/special.ts';
import type { SplitData } from '../../spec/loaded-run.ts';

/**
 * log density that it gives `y` `[n]`: a normal of the mean and deviation of the training targets, standardised as `y` is; or the
 * shares of the classes, each counted once more than it was seen. NaN where the training targets are all the same.
 */
export function constantDensities({ train }: SplitData, y: Float64Array, target: Learned['target']): Float64Array {
  const n = train.y.length;
  if ('classes' in target) {
    const counts = target.classes.map(() => 1);
    for (const c of train.y) counts[c]++;
    return y.map((c) => Math.log(counts[c] / (n + counts.length)));
  }
  const mean = train.y.reduce((sum, v) => sum + v, 0) / n;
  const sd = Math.sqrt(train.y.reduce((sum, v) => sum + (v - mean) ** 2, 0) / n);
  return y.map((v) => (sd > 0 ? -0.5 * ((v - mean) / sd) ** 2 - Math.log(sd) - HALF_LOG_TWO_PI : Number.NaN));
}
