/** What to do about predictions that are too sure, by the shape of what went wrong. */
import { median } from '../../infer/function-space.ts';
import { fifthCoverage } from '../../infer/miscalibration.ts';
import type { HeldOutFacts, HeldOutNumbers } from './held-out.ts';

/** What changes the width of all predictions. Recalibration measures what it gains. */
export const MEND = 'predict --conformal mends it, and so does --recalibrate where it says that it helps';

/** The share held in the best and the worst fifth may differ by this before one width for all rows is held to be wrong. */
const UNEVEN = 0.1;
/**
 * Rows beyond 4 deviations, of which a normal law has one in 16,000: more than this share are heavy tails. Where all deviations are too
 * small, the residuals' own median says how large they are.
 */
const FAR = 4;
const FAR_SHARE = 0.005;
/** Median of the size of a standard normal number. */
const NORMAL_MEDIAN = 0.6745;
/** Times the mean that the largest of positive training targets must be for them to be called skewed. */
const SKEWED = 4;

/** The cure of intervals that are too narrow, or of a score that is too low, by the residuals and the likelihood in use. */
export function cureFor(facts: HeldOutFacts): string {
  const { regression, likelihood } = facts;
  if (!regression || likelihood === undefined) return MEND;
  const fifths = fifthCoverage(regression.mean, regression.pit)?.observed;
  const uneven = fifths !== undefined && Math.max(...fifths) - Math.min(...fifths) > UNEVEN;
  if (uneven && likelihood === 'gaussian') {
    return `fit with --likelihood ${skewed(regression) ? 'log-normal or gaussian-per-input' : 'gaussian-per-input'}`;
  }
  return heavy(regression) && likelihood !== 'student-t' ? 'fit with --likelihood student-t' : MEND;
}

function heavy({ y, mean, aleatoric, epistemic }: HeldOutNumbers): boolean {
  const deviations = y.map((v, i) => Math.abs(v - mean[i]) / Math.hypot(aleatoric[i], epistemic[i]));
  const scale = Math.max(1, median(Array.from(deviations)) / NORMAL_MEDIAN);
  const far = deviations.filter((z) => z > FAR * scale).length;
  return far > 1 && far > FAR_SHARE * y.length;
}

function skewed({ trained }: HeldOutNumbers): boolean {
  return trained !== undefined && trained.lowest > 0 && trained.highest > SKEWED * trained.mean;
}
