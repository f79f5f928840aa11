/**
 * Gradient noise of the paper's benchmark: a random force ξ per chain and step that enters the log density as
 * f(θ) ξ·θ, where f = 1, or exp(−θ₃/s) for noise that varies in space.
 */
import cos from '@stdlib/math-base-special-cos';
import { add, dots, linearMap } from '../math/linear.ts';
import { kernelsOf, seenAs, sideBySide } from '../math/native.ts';
import { blockNormals, normals, uniforms } from '../math/random.ts';
import { fold, stream } from '../math/threefry.ts';
import type { Key, LogDensity } from '../types.ts';
import { SPECTRUM } from './gaussian.ts';
import { INJECTED_AXES, TARGET_AXES } from './rotations.ts';

export const NOISE_STRUCTURES = ['isotropic', 'diagonal', 'correlated', 'spatial'] as const;
export type NoiseStructure = (typeof NOISE_STRUCTURES)[number];
export const NOISE_LAWS = ['normal', 'laplace', 'student-t', 'log-normal'] as const;
export type NoiseLaw = (typeof NOISE_LAWS)[number];

/** Data vectors and batch size of the benchmark; together they give the noise its size. */
export const VECTORS = 409_600;
export const BATCH = 256;
/** Standard deviation of the sum of a batch drawn without replacement from vectors of unit variance. */
export const SUM_DEVIATION = Math.sqrt(BATCH * (1 - BATCH / VECTORS));

/** Fills the force of step t: `[C × d]`. */
export type Force = (keys: readonly Key[], t: number, out: Float64Array) => void;

/**
 * ξ = scale · A b with independent standardised components b and A of the structure (d = 10 but for isotropic noise).
 * `injected` uses the paper's second rotation for correlated noise (its appendix on other laws).
 */
export function injectedForce(
  structure: NoiseStructure,
  { scale = SUM_DEVIATION, law = 'normal' as NoiseLaw, shape = 5, injected = false } = {},
): Force {
  const draw = blockDraw(law, shape);
  const map = forceMap(structure, injected);
  let held: readonly Key[] = [];
  let components = new Float64Array(0);
  let streams = new Uint32Array(0);
  return (keys, t, out) => {
    if (held !== keys || components.length !== out.length) {
      held = keys;
      const [block, words] = sideBySide(Float64Array, [out.length, keys.length]);
      components = block;
      streams = seenAs(Uint32Array, words, 2 * keys.length);
      streams.set(keys.flatMap((key) => stream(key, 'noise')));
    }
    draw(streams, t, components);
    map(components, out, scale);
  };
}

/** Writes scale · A b to `out` for every chain's components b of a block. */
type ForceMap = (b: Float64Array, out: Float64Array, scale: number) => void;

function forceMap(structure: NoiseStructure, injected = false): ForceMap {
  if (structure === 'isotropic') {
    return (b, out, scale) => {
      for (let i = 0; i < b.length; i++) out[i] = scale * b[i];
    };
  }
  const d = SPECTRUM.length;
  if (structure === 'diagonal') {
    return (b, out, scale) => {
      for (let i = 0; i < b.length; i++) out[i] = scale * SPECTRUM[i % d] * b[i];
    };
  }
  const axes = injected ? INJECTED_AXES : TARGET_AXES;
  return linearMap(axes.map((row) => row.map((x, k) => x * SPECTRUM[k])));
}

/** The standardised components of step t for a block, chain c's from its own stream. */
function blockDraw(law: NoiseLaw, shape: number): (streams: Uint32Array, t: number, out: Float64Array) => void {
  if (law === 'normal') return blockNormals;
  const draw = standardised(law, shape);
  return (streams, t, out) => {
    const d = (2 * out.length) / streams.length;
    for (let c = 0; 2 * c < streams.length; c++) {
      draw(fold([streams[2 * c], streams[2 * c + 1]], t), out.subarray(c * d, (c + 1) * d));
    }
  };
}

/** Draws of mean 0 and variance 1. `shape`: degrees of freedom (> 2) of Student's t, σ of the log-normal. */
export function standardised(law: NoiseLaw, shape: number): (key: Key, out: Float64Array) => void {
  if (law === 'normal') return (key, out) => normals(key, out);
  if (law === 'laplace') {
    return (key, out) => {
      uniforms(key, out);
      for (let i = 0; i < out.length; i++) {
        const u = out[i] - 0.5;
        out[i] = (-Math.sign(u) * Math.log(1 - 2 * Math.abs(u))) / Math.SQRT2;
      }
    };
  }
  if (law === 'log-normal') {
    const mean = Math.exp(shape ** 2 / 2);
    const deviation = mean * Math.sqrt(Math.expm1(shape ** 2));
    return (key, out) => {
      normals(key, out);
      for (let i = 0; i < out.length; i++) out[i] = (Math.exp(shape * out[i]) - mean) / deviation;
    };
  }
  // Bailey's polar form of Box–Muller gives Student's t for any real number of degrees of freedom.
  const deviation = Math.sqrt(shape / (shape - 2));
  let pairs = new Float64Array(0);
  return (key, out) => {
    if (pairs.length !== 2 * out.length) pairs = new Float64Array(2 * out.length);
    uniforms(key, pairs);
    for (let i = 0; i < out.length; i++) {
      const radius = Math.sqrt(shape * Math.expm1((-2 / shape) * Math.log(pairs[2 * i])));
      out[i] = (radius * cos(2 * Math.PI * pairs[2 * i + 1])) / deviation;
    }
  };
}

/** The coordinate whose value scales spatially varied noise. */
const VARYING = 2;

/** A target under noise. `spread` is s of f(θ) = exp(−θ₃/s); Infinity for f = 1. */
export function noisy(target: LogDensity<void>, spread = Number.POSITIVE_INFINITY): LogDensity<Float64Array> {
  return spread === Number.POSITIVE_INFINITY ? evenlyNoisy(target) : spatiallyNoisy(target, spread);
}

function evenlyNoisy(target: LogDensity<void>): LogDensity<Float64Array> {
  let [at, pull, slope, height, work] = sideBySide(Float64Array, [0, 0, 0, 0, 0]);
  return {
    dim: target.dim,
    evaluate(theta, force, value, grad) {
      if (at.length !== theta.length) {
        const [block, chains] = [theta.length, value.length];
        [at, pull, slope, height, work] = sideBySide(Float64Array, [block, block, block, chains, chains]);
      }
      const near = kernelsOf(at) !== undefined;
      if (near) {
        at.set(theta);
        pull.set(force);
      }
      const [x, f, v, g] = near ? [at, pull, height, slope] : [theta, force, value, grad];
      target.evaluate(x, undefined, v, g);
      dots(f, x, work, 1, target.dim);
      add(v, work);
      add(g, f);
      if (near) {
        value.set(v);
        grad.set(g);
      }
    },
  };
}

function spatiallyNoisy(target: LogDensity<void>, spread: number): LogDensity<Float64Array> {
  const d = target.dim;
  return {
    dim: d,
    evaluate(theta, force, value, grad) {
      target.evaluate(theta, undefined, value, grad);
      for (let c = 0; c < value.length; c++) {
        const at = c * d;
        const f = Math.exp(-theta[at + VARYING] / spread);
        let work = 0;
        for (let i = at; i < at + d; i++) {
          work += force[i] * theta[i];
          grad[i] += f * force[i];
        }
        value[c] += f * work;
        grad[at + VARYING] -= (f * work) / spread;
      }
    },
  };
}

/**
 * The force by real mini-batches: sums of 256 of 409,600 vectors with that structure, centred to mean zero, drawn
 * anew at every step. The vectors derive from `seed`, one set for all chains.
 */
export function batchForce(structure: NoiseStructure, seed: number, { vectors = VECTORS, batch = BATCH } = {}): Force {
  const d = SPECTRUM.length;
  const data = new Float64Array(vectors * d);
  for (let n = 0; n < vectors; n++) normals(fold([seed >>> 0, 0xda7a], n), data, n * d, d);
  forceMap(structure)(data.slice(), data, 1);
  for (let i = 0; i < d; i++) {
    let mean = 0;
    for (let n = 0; n < vectors; n++) mean += data[n * d + i] / vectors;
    for (let n = 0; n < vectors; n++) data[n * d + i] -= mean;
  }
  const picked = new Float64Array(2 * batch);
  return (keys, t, out) => {
    out.fill(0);
    for (let c = 0; c < keys.length; c++) {
      const key = fold(stream(keys[c], 'batch'), t);
      const seen = new Set<number>();
      for (let round = 0; seen.size < batch; round++) {
        uniforms(fold(key, round), picked);
        for (let k = 0; k < picked.length && seen.size < batch; k++) {
          const n = Math.floor(picked[k] * vectors);
          if (seen.has(n)) continue;
          seen.add(n);
          for (let i = 0; i < d; i++) out[c * d + i] += data[n * d + i];
        }
      }
    }
  };
}
