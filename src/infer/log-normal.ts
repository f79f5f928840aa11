/**
 * A target whose logarithm is normal. Moments are those of the target y = (t − mean)/sd, where t > 0 is the target as it came; the
 * likelihood's location and scale are those of (log t − log.mean)/log.sd.
 */
import { type Law, NORMAL } from './law.ts';

/** How the target and its logarithm were standardised. */
export interface LogScaled {
  readonly mean: number;
  readonly sd: number;
  readonly log: { readonly mean: number; readonly sd: number };
}

/** The standardised logarithm of a standardised target; −∞ or NaN where the target is not positive. */
export const logScaled = (y: number, { mean, sd, log }: LogScaled): number =>
  (Math.log(mean + sd * y) - log.mean) / log.sd;

export function logNormal(target: LogScaled): Law {
  const { mean: shift, sd: unit, log } = target;
  const original = (y: number) => shift + unit * y;
  /** Location and scale of log t. */
  const inner = (mean: number, sd: number) => {
    const centre = original(mean);
    const variance = Math.log1p(((unit * sd) / centre) ** 2);
    return { mu: Math.log(centre) - 0.5 * variance, sigma: Math.sqrt(variance) };
  };
  const score = (y: number, mean: number, sd: number) => {
    const t = original(y);
    const { mu, sigma } = inner(mean, sd);
    return t > 0 ? (Math.log(t) - mu) / sigma : Number.NEGATIVE_INFINITY;
  };
  return {
    name: 'log-normal',
    score,
    logDensity(y, mean, sd) {
      const t = original(y);
      if (!(t > 0)) return Number.NEGATIVE_INFINITY;
      const { mu, sigma } = inner(mean, sd);
      return NORMAL.logDensity(Math.log(t), mu, sigma) + Math.log(unit / t);
    },
    below: (y, mean, sd) => NORMAL.below(score(y, mean, sd), 0, 1),
    above: (y, mean, sd) => NORMAL.above(score(y, mean, sd), 0, 1),
    quantile(p, mean, sd) {
      const { mu, sigma } = inner(mean, sd);
      return (Math.exp(NORMAL.quantile(p, mu, sigma)) - shift) / unit;
    },
    moments(location, scale) {
      const [mu, sigma] = [log.mean + log.sd * location, log.sd * scale];
      const mean = Math.exp(mu + 0.5 * sigma * sigma);
      return { mean: (mean - shift) / unit, sd: (mean * Math.sqrt(Math.expm1(sigma * sigma))) / unit };
    },
  };
}
