/**
 * The one integrator of the microcanonical family: kicks, drifts and refreshments of a unit velocity.
 *
 * Symbols: θ position, u unit velocity, g gradient of the log density, d dimension, h length of the kick,
 * δ = h‖g‖/(d−1), ζ = e^{−δ}, e = g/‖g‖, p = u·e, L momentum decoherence length.
 * References: Robnik & Seljak 2024 (MCLMC, the isokinetic flow); Ver Steeg & Galstyan 2021 (ESH dynamics);
 * McLachlan 1995 (the two-stage coefficients).
 */

import { kernelsOf } from '../math/native.ts';

/** Outer kick coefficient b₁ of McLachlan's minimal-norm scheme: kicks b₁, 1−2b₁, b₁ around two half drifts. */
export const OUTER_KICK = 0.1931833275037836;
/** Inner kick coefficient b₂ = 1 − 2b₁. */
export const INNER_KICK = 1 - 2 * OUTER_KICK;

/** Below this gradient norm there is no direction to turn to, and a kick does nothing. */
const NO_GRADIENT = 1e-13;

/** Below this ‖raw‖ a velocity against the gradient has nothing left but rounding to turn by. */
const NEARLY_OPPOSITE = 1e-12;

/**
 * Turns the velocity `u[at … at+d)` by the exact flow of u̇ = (1 − uuᵀ)g/(d−1) over the length `h` with frozen
 * gradient `g[at … at+d)`, in place, and returns the kinetic energy change (d−1) ln(cosh δ + p sinh δ).
 * A zero velocity (the paper's start) turns into the gradient's direction. With a multiplier `m` the gradient is m ⊙ g.
 */
export function kick(u: Float64Array, g: Float64Array, at: number, d: number, h: number, m?: Float64Array): number {
  products(u, g, at, at + d, m);
  const energy = turn(three, 0, 1, d, h);
  const [ofGradient, ofVelocity] = three;
  if (m) for (let i = at; i < at + d; i++) u[i] = ofGradient * m[i] * g[i] + ofVelocity * u[i];
  else for (let i = at; i < at + d; i++) u[i] = ofGradient * g[i] + ofVelocity * u[i];
  return energy;
}

/** What the kicks of a block of chains work on. Arrays of `sideBySide` go through the kernels. */
export interface Kicked {
  readonly velocity: Float64Array;
  readonly gradient: Float64Array;
  readonly theta: Float64Array;
  /** ε `[C]`. */
  readonly stepSize: Float64Array;
  /** Room `[3 × C]`. */
  readonly turns: Float64Array;
  /** Receives the sum of the kinetic energy changes `[C]`. */
  readonly kinetic: Float64Array;
}

/**
 * Kicks every chain over `coefficient` ε and then lets it drift over `length` ε with the turned velocity. With a
 * multiplier `m` the gradient is m ⊙ g and the drift goes along m ⊙ u.
 */
export function kickAll(block: Kicked, coefficient: number, length: number, m?: Float64Array): void {
  const { velocity, gradient, theta, stepSize, turns, kinetic } = block;
  const chains = kinetic.length;
  const d = theta.length / chains;
  const kernels = kernelsOf(velocity, gradient, theta, turns, stepSize, kinetic, m ?? theta);
  if (!kernels) {
    for (let c = 0; c < chains; c++) {
      kinetic[c] += kick(velocity, gradient, c * d, d, coefficient * stepSize[c], m);
      if (length !== 0) drift(theta, velocity, c * d, d, length * stepSize[c], m);
    }
    return;
  }
  const [u, g, by, scale] = [velocity.byteOffset, gradient.byteOffset, turns.byteOffset, m?.byteOffset ?? 0];
  kernels.products(u, g, scale, by, chains, d);
  const [sizes, energies] = [stepSize.byteOffset, kinetic.byteOffset];
  for (let c = 0; c < chains; ) {
    c = kernels.turnShortly(by, sizes, energies, coefficient, c, chains, d);
    for (const end = Math.min(c + 2, chains); c < end; c++) {
      kinetic[c] += turn(turns, c, chains, d, coefficient * stepSize[c]);
    }
  }
  kernels.combine(u, g, scale, length !== 0 ? theta.byteOffset : 0, by, sizes, length, chains, d);
}

/** The products of a kick, then its turn. */
const three = new Float64Array(3);

/**
 * The kick as a combination ofGradient · g + ofVelocity · u: the products ‖g‖², u·g and ‖u‖² in rows of `turns`
 * `[3 × C]` are all it needs. Puts the two factors in the place of the first two, and returns the energy change.
 */
export function turn(turns: Float64Array, c: number, chains: number, d: number, h: number): number {
  const square = turns[c];
  const along = turns[chains + c];
  const length = turns[2 * chains + c];
  const norm = Math.sqrt(square);
  if (norm <= NO_GRADIENT) {
    turns[c] = 0;
    turns[chains + c] = 1;
    return 0;
  }
  const p = along / norm;
  const delta = (h * norm) / (d - 1);
  const fall = -Math.expm1(-delta); // 1 − ζ, exact for small δ
  const zeta = 1 - fall;
  const toGradient = (fall * (1 + zeta + p * fall)) / norm;
  const kept = 2 * zeta;
  // ‖raw‖² of raw = toGradient·g + kept·u, from the products: no second pass to normalise.
  const raw = Math.sqrt(toGradient * toGradient * square + 2 * toGradient * kept * along + kept * kept * length);
  // u = −e is the flow's unstable fixed point.
  const opposite = raw < NEARLY_OPPOSITE && p < 0;
  turns[c] = opposite ? -1 / norm : toGradient / raw;
  turns[chains + c] = opposite ? 0 : kept / raw;
  // cosh δ + p sinh δ ≥ e^{−δ}: the bound keeps u = −e exact when e^{−2δ} is below the rounding of 1.
  return (d - 1) * Math.max(delta + Math.log1p(0.5 * (1 - p) * Math.expm1(-2 * delta)), -delta);
}

/** ‖m ⊙ g‖², u·(m ⊙ g) and ‖u‖² into `three`. Two partial sums each: a chain of additions waits for its own latency. */
function products(u: Float64Array, g: Float64Array, at: number, end: number, m?: Float64Array): void {
  let square = 0;
  let square2 = 0;
  let along = 0;
  let along2 = 0;
  let length = 0;
  let length2 = 0;
  let i = at;
  for (; i + 1 < end; i += 2) {
    const ga = m ? m[i] * g[i] : g[i];
    const gb = m ? m[i + 1] * g[i + 1] : g[i + 1];
    const ua = u[i];
    const ub = u[i + 1];
    square += ga * ga;
    square2 += gb * gb;
    along += ua * ga;
    along2 += ub * gb;
    length += ua * ua;
    length2 += ub * ub;
  }
  if (i < end) {
    const ga = m ? m[i] * g[i] : g[i];
    square += ga * ga;
    along += u[i] * ga;
    length += u[i] * u[i];
  }
  three[0] = square + square2;
  three[1] = along + along2;
  three[2] = length + length2;
}

/** Moves θ by `length` along `v`, or along m ⊙ v: θ += length · v on `[at, at+d)`. */
export function drift(
  theta: Float64Array,
  v: Float64Array,
  at: number,
  d: number,
  length: number,
  m?: Float64Array,
): void {
  if (m) for (let i = at; i < at + d; i++) theta[i] += length * m[i] * v[i];
  else for (let i = at; i < at + d; i++) theta[i] += length * v[i];
}

/** ν = √((e^{2h/L} − 1)/d), the strength of a refreshment over the path length `h`. */
export const refreshStrength = (h: number, decoherence: number, d: number): number =>
  Math.sqrt(Math.expm1((2 * h) / decoherence) / d);

/** Partial refreshment u ← (u + νz)/‖u + νz‖ with standard normals `z`; E[u·u'] ≈ e^{−h/L}. */
export function refresh(u: Float64Array, z: Float64Array, at: number, d: number, nu: number): void {
  let square = 0;
  for (let i = at; i < at + d; i++) {
    u[i] += nu * z[i];
    square += u[i] * u[i];
  }
  const scale = 1 / Math.sqrt(square);
  for (let i = at; i < at + d; i++) u[i] *= scale;
}
