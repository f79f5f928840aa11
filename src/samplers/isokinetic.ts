/**
 * The one integrator of the microcanonical family: kicks, drifts and refreshments of a unit velocity.
 *
 * Symbols: θ position, u unit velocity, g gradient of the log density, d dimension, h length of the kick,
 * δ = h‖g‖/(d−1), ζ = e^{−δ}, e = g/‖g‖, p = u·e, L momentum decoherence length.
 * References: Robnik & Seljak 2024 (MCLMC, the isokinetic flow); Ver Steeg & Galstyan 2021 (ESH dynamics);
 * McLachlan 1995 (the two-stage coefficients).
 */

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
  const end = at + d;
  const { ofGradient, ofVelocity, energy } = turn(m ? scaledProducts(u, g, m, at, end) : products(u, g, at, end), d, h);
  if (m) for (let i = at; i < end; i++) u[i] = ofGradient * m[i] * g[i] + ofVelocity * u[i];
  else for (let i = at; i < end; i++) u[i] = ofGradient * g[i] + ofVelocity * u[i];
  return energy;
}

/**
 * A kick over `h` and then a drift over `length` with the turned velocity, in one pass over the arrays. With a
 * multiplier `m` the gradient is m ⊙ g and the drift goes along m ⊙ u. Returns the kinetic energy change.
 */
export function kickAndDrift(
  u: Float64Array,
  g: Float64Array,
  theta: Float64Array,
  at: number,
  d: number,
  h: number,
  length: number,
  m?: Float64Array,
): number {
  const end = at + d;
  const { ofGradient, ofVelocity, energy } = turn(m ? scaledProducts(u, g, m, at, end) : products(u, g, at, end), d, h);
  if (m) {
    for (let i = at; i < end; i++) {
      const turned = ofGradient * m[i] * g[i] + ofVelocity * u[i];
      u[i] = turned;
      theta[i] += length * m[i] * turned;
    }
  } else {
    for (let i = at; i < end; i++) {
      const turned = ofGradient * g[i] + ofVelocity * u[i];
      u[i] = turned;
      theta[i] += length * turned;
    }
  }
  return energy;
}

interface Products {
  /** ‖g‖². */
  readonly square: number;
  /** u·g. */
  readonly along: number;
  /** ‖u‖². */
  readonly length: number;
}

/** The kick as a combination ofGradient · g + ofVelocity · u, and its energy change: three products are all it needs. */
function turn({ square, along, length }: Products, d: number, h: number) {
  const norm = Math.sqrt(square);
  if (norm <= NO_GRADIENT) return { ofGradient: 0, ofVelocity: 1, energy: 0 };
  const p = along / norm;
  const delta = (h * norm) / (d - 1);
  const fall = -Math.expm1(-delta); // 1 − ζ, exact for small δ
  const zeta = 1 - fall;
  const toGradient = (fall * (1 + zeta + p * fall)) / norm;
  const kept = 2 * zeta;
  // ‖raw‖² of raw = toGradient·g + kept·u, from the products: no second pass to normalise.
  const raw = Math.sqrt(toGradient * toGradient * square + 2 * toGradient * kept * along + kept * kept * length);
  // cosh δ + p sinh δ ≥ e^{−δ}: the bound keeps u = −e exact when e^{−2δ} is below the rounding of 1.
  const energy = (d - 1) * Math.max(delta + Math.log1p(0.5 * (1 - p) * Math.expm1(-2 * delta)), -delta);
  // u = −e is the flow's unstable fixed point.
  if (raw < NEARLY_OPPOSITE && p < 0) return { ofGradient: -1 / norm, ofVelocity: 0, energy };
  return { ofGradient: toGradient / raw, ofVelocity: kept / raw, energy };
}

/** Two partial sums of each product: a chain of additions waits for its own latency. */
function products(u: Float64Array, g: Float64Array, at: number, end: number): Products {
  let square = 0;
  let square2 = 0;
  let along = 0;
  let along2 = 0;
  let length = 0;
  let length2 = 0;
  let i = at;
  for (; i + 1 < end; i += 2) {
    const ga = g[i];
    const gb = g[i + 1];
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
    square += g[i] * g[i];
    along += u[i] * g[i];
    length += u[i] * u[i];
  }
  return { square: square + square2, along: along + along2, length: length + length2 };
}

/** The products with m ⊙ g in the place of g. */
function scaledProducts(u: Float64Array, g: Float64Array, m: Float64Array, at: number, end: number): Products {
  let square = 0;
  let along = 0;
  let length = 0;
  for (let i = at; i < end; i++) {
    const scaled = m[i] * g[i];
    square += scaled * scaled;
    along += u[i] * scaled;
    length += u[i] * u[i];
  }
  return { square, along, length };
}

/** Moves θ by `length` along `v`: θ += length · v on `[at, at+d)`. */
export function drift(theta: Float64Array, v: Float64Array, at: number, d: number, length: number): void {
  for (let i = at; i < at + d; i++) theta[i] += length * v[i];
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
