/** The learning rate of a training, by its steps. */

export interface RateOptions {
  readonly learningRate: number;
  readonly schedule: 'constant' | 'cosine' | 'linear';
  /** Steps of the rise in a line from `startRate` (default 0) to `learningRate`. Default 0. */
  readonly ramp?: number | undefined;
  readonly startRate?: number | undefined;
  /** What the schedule comes down to. Default: a hundredth of `learningRate`. */
  readonly endRate?: number | undefined;
  /** The step at which it is there, and stays. Default: the last of the longest training. */
  readonly decaySteps?: number | undefined;
}

/** Learning rate of step `t` (0 …) of at most `steps`. */
export function rateAt(options: RateOptions, t: number, steps: number): number {
  const { learningRate: top, schedule, ramp = 0, startRate = 0, endRate = 0.01 * top, decaySteps = steps } = options;
  if (t < ramp) return startRate + ((top - startRate) * t) / ramp;
  if (schedule === 'constant') return top;
  const progress = Math.min((t - ramp) / Math.max(1, decaySteps - ramp), 1);
  if (schedule === 'linear') return top + (endRate - top) * progress;
  return endRate + 0.5 * (top - endRate) * (1 + Math.cos(Math.PI * progress));
}
