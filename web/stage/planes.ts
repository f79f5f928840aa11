/** The densities of the stage: functions of a plane, repeated so that a chain has many coordinates. */
import { gaussianGrid } from '../../src/targets/mixture.ts';
import { eachChain } from '../../src/targets/target.ts';
import type { LogDensity } from '../../src/types.ts';
import { parseFormula } from './formula.ts';

/** Log density at (x, y) and its gradient, written to `out` `[3]`. */
export type Plane = (x: number, y: number, out: Float64Array) => void;

export interface PlaneTarget {
  readonly label: string;
  readonly density: Plane;
  /** Half the width of the square that is shown, about the origin. */
  readonly reach: number;
}

const CORRELATION = 0.8;
const BEND = 0.35;
const RING = { radius: 2, width: 0.35 };
const FUNNEL_VARIANCE = 2.25;

/** A ring of radius 2: log p = −(r − 2)²/(2 · 0.35²). */
const ring: Plane = (x, y, out) => {
  const r = Math.hypot(x, y);
  const off = (r - RING.radius) / RING.width ** 2;
  out[0] = -0.5 * off * (r - RING.radius);
  out[1] = r > 0 ? (-off * x) / r : 0;
  out[2] = r > 0 ? (-off * y) / r : 0;
};

const grid = gaussianGrid();
const point = new Float64Array(2);
const slope = new Float64Array(2);
const value = new Float64Array(1);

export const PLANES = {
  round: {
    label: 'Round Gaussian',
    reach: 4.5,
    density: (x, y, out) => {
      out[0] = -0.5 * (x * x + y * y);
      out[1] = -x;
      out[2] = -y;
    },
  },
  correlated: {
    label: 'Correlated Gaussian',
    reach: 4.5,
    density: (x, y, out) => {
      const scale = 1 / (1 - CORRELATION ** 2);
      out[1] = -scale * (x - CORRELATION * y);
      out[2] = -scale * (y - CORRELATION * x);
      out[0] = 0.5 * (x * out[1] + y * out[2]);
    },
  },
  banana: {
    label: 'Banana',
    reach: 5,
    density: (x, y, out) => {
      const off = (y - BEND * (x * x - 2)) / 0.25;
      out[0] = -0.25 * x * x - 0.125 * off * off;
      out[1] = -0.5 * x + off * BEND * 2 * x;
      out[2] = -off;
    },
  },
  funnel: {
    label: 'Funnel slice',
    reach: 6,
    density: (x, y, out) => {
      const precision = Math.exp(-x);
      out[0] = (-x * x) / (2 * FUNNEL_VARIANCE) - 0.5 * x - 0.5 * precision * y * y;
      out[1] = -x / FUNNEL_VARIANCE - 0.5 + 0.5 * precision * y * y;
      out[2] = -precision * y;
    },
  },
  ring: { label: 'Ring', reach: 4, density: ring },
  grid: {
    label: '25 Gaussians',
    reach: 5.5,
    density: (x, y, out) => {
      point[0] = x;
      point[1] = y;
      grid.evaluate(point, undefined, value, slope);
      out[0] = value[0];
      out[1] = slope[0];
      out[2] = slope[1];
    },
  },
} satisfies Record<string, PlaneTarget>;
export type PlaneName = keyof typeof PLANES | 'formula';
export const PLANE_NAMES: readonly PlaneName[] = [...(Object.keys(PLANES) as (keyof typeof PLANES)[]), 'formula'];

/** The formula parsed last. */
let typed: { readonly formula: string; readonly density: Plane } | undefined;

/** The target of that name; `formula` is parsed. Throws an `Error` for one that is none. */
export function planeTarget(name: PlaneName, formula: string): PlaneTarget {
  if (name !== 'formula') return PLANES[name];
  if (typed?.formula !== formula) typed = { formula, density: parseFormula(formula) };
  return { label: 'Your formula', reach: 5, density: typed.density };
}

/** `copies` independent planes side by side: dimension 2·copies. */
export function repeated(plane: Plane, copies: number): LogDensity<void> {
  const out = new Float64Array(3);
  return eachChain(2 * copies, (theta, at, grad) => {
    let sum = 0;
    for (let i = at; i < at + 2 * copies; i += 2) {
      plane(theta[i], theta[i + 1], out);
      sum += out[0];
      grad[i] = out[1];
      grad[i + 1] = out[2];
    }
    return sum;
  });
}
