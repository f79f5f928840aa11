/** Gradient noise of the stage: an ellipse of standard deviations, a law, and how it varies in space. */

import cos from '@stdlib/math-base-special-cos';
import sin from '@stdlib/math-base-special-sin';
import { fold, stream } from '../../src/math/threefry.ts';
import { standardised } from '../../src/targets/noise.ts';
import type { Key, LogDensity } from '../../src/types.ts';

export const LAWS = ['normal', 'laplace', 'student-t'] as const;

export interface Ellipse {
  /** Standard deviations along the two axes for a batch of `REFERENCE_BATCH`. */
  readonly major: number;
  readonly minor: number;
  /** Angle of the first axis, in radians. */
  readonly angle: number;
  readonly law: (typeof LAWS)[number];
  /** Rows of a mini-batch: the noise shrinks with its root. */
  readonly batch: number;
  /** Growth of the noise towards the left, e^{−x·tilt}; 0 for none. */
  readonly tilt: number;
}

const REFERENCE_BATCH = 64;
/** Degrees of freedom of Student's t: heavy tails with a finite variance. */
const FREEDOM = 2.5;

/** Standard deviations along the axes at this batch size. */
export const deviations = ({ major, minor, batch }: Ellipse): [number, number] => {
  const shrink = Math.sqrt(REFERENCE_BATCH / batch);
  return [major * shrink, minor * shrink];
};

/** Covariance of the noise along two directions, where the tilt is nil. */
export function varianceAlong(ellipse: Ellipse, axes: readonly (readonly [number, number])[]): number[] {
  const [a, b] = deviations(ellipse);
  const [c, s] = [cos(ellipse.angle), sin(ellipse.angle)];
  return axes.map(([x, y]) => (a * (c * x + s * y)) ** 2 + (b * (-s * x + c * y)) ** 2);
}

/** Fills the random force of step t, `[C × d]`: in every plane of every chain its own. */
export function ellipseForce(ellipse: Ellipse): (keys: readonly Key[], t: number, out: Float64Array) => void {
  const draw = standardised(ellipse.law, FREEDOM);
  const [a, b] = deviations(ellipse);
  const [c, s] = [cos(ellipse.angle), sin(ellipse.angle)];
  let raw = new Float64Array(0);
  return (keys, t, out) => {
    const d = out.length / keys.length;
    if (raw.length !== d) raw = new Float64Array(d);
    keys.forEach((key, chain) => {
      draw(fold(stream(key, 'noise'), t), raw);
      for (let i = 0; i < d; i += 2) {
        const [p, q] = [a * raw[i], b * raw[i + 1]];
        out[chain * d + i] = c * p - s * q;
        out[chain * d + i + 1] = s * p + c * q;
      }
    });
  };
}

/** The density with the random force ξ of each plane: log p + e^{−x·tilt} ξ·θ, and the gradient of that. */
export function underForce(target: LogDensity<void>, tilt: number): LogDensity<Float64Array> {
  const d = target.dim;
  return {
    dim: d,
    evaluate(theta, force, value, grad) {
      target.evaluate(theta, undefined, value, grad);
      for (let at = 0; at < theta.length; at += 2) {
        const f = tilt === 0 ? 1 : Math.exp(-tilt * theta[at]);
        const work = f * (force[at] * theta[at] + force[at + 1] * theta[at + 1]);
        value[Math.floor(at / d)] += work;
        grad[at] += f * force[at] - tilt * work;
        grad[at + 1] += f * force[at + 1];
      }
    },
  };
}
