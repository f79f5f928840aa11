/** What to do about predictions that are too sure, by the shape of what went wrong. */
import { fifthCoverage } from '../../infer/miscalibration.ts';
import type { HeldOut } from './predictions.ts';

/** Changes the width of all predictions alike. */
export const MEND = 'predict --recalibrate or --conformal mends it';

/** The share held in the best and the worst fifth may differ by this before one width for all rows is held to be wrong. */
const UNEVEN = 0.1;

/** The cure of intervals that are too narrow, all or in places. */
export function cureFor({ regression, likelihood }: HeldOut): string {
  if (!regression) return MEND;
  const fifths = fifthCoverage(regression.mean, regression.pit)?.observed;
  const uneven = fifths !== undefined && Math.max(...fifths) - Math.min(...fifths) > UNEVEN;
  return uneven && likelihood === 'gaussian' ? 'fit with --likelihood gaussian-per-input' : MEND;
}
