/** Stretches predictive laws about their centre, on the axis on which they have one: the target's own, or its logarithm. */

/** A scale on which a target is told, and rows of predictions by their mean and deviation. */
export interface Axis {
  /** The target on this axis, and back. */
  of(y: number): number;
  back(u: number): number;
  /** log of the slope of `of` at y: what a log density on the axis gains in units of y. */
  logSlope(y: number): number;
  /** Centre and deviation, on the axis, of what has this mean and deviation. */
  centred(mean: number, sd: number): { readonly centre: number; readonly spread: number };
  /** The mean after stretching by `scale` about the centre, and the factor by which the deviation grows. */
  stretched(mean: number, sd: number, scale: number): { readonly mean: number; readonly factor: number };
}

export const OWN_AXIS: Axis = {
  of: (y) => y,
  back: (u) => u,
  logSlope: () => 0,
  centred: (mean, sd) => ({ centre: mean, spread: sd }),
  stretched: (mean, _sd, scale) => ({ mean, factor: scale }),
};

/**
 * The logarithm of t = shift + unit·y > 0. Centre and deviation are those of the log-normal law with the same mean and deviation: the
 * centre is the log of its median, which a stretch leaves where it is, while the mean follows the width.
 */
export function logAxis({ mean: shift, sd: unit }: { readonly mean: number; readonly sd: number }): Axis {
  const centred = (mean: number, sd: number) => {
    const t = shift + unit * mean;
    const variance = Math.log1p(((unit * sd) / t) ** 2);
    return { centre: Math.log(t) - 0.5 * variance, spread: Math.sqrt(variance) };
  };
  return {
    of: (y) => Math.log(shift + unit * y),
    back: (u) => (Math.exp(u) - shift) / unit,
    logSlope: (y) => Math.log(unit / (shift + unit * y)),
    centred,
    stretched(mean, sd, scale) {
      const { centre, spread } = centred(mean, sd);
      const variance = (scale * spread) ** 2;
      const t = Math.exp(centre + 0.5 * variance);
      const factor = sd > 0 ? (t * Math.sqrt(Math.expm1(variance))) / (unit * sd) : scale;
      return { mean: (t - shift) / unit, factor };
    },
  };
}
