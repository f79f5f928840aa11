/**
 * A small network for curves in plain TypeScript: one input, rectified layers, mean out, and one learned log σ. Its posterior is the one
 * that `models/` builds as a graph (same parameters in the same order, a test holds them together).
 */
import { normals } from '../../src/math/random.ts';
import { fold } from '../../src/math/threefry.ts';
import type { Key, LogDensity } from '../../src/types.ts';

/** Rows of a mini-batch, each chain its own: `[C × B]`. */
export interface CurveBatch {
  readonly x: Float64Array;
  readonly y: Float64Array;
}

export interface CurveNetwork {
  readonly dim: number;
  /** Weights N(0, 1/fan-in), biases and log σ zero. */
  initial(key: Key): Float64Array;
  /** Mean at every x for the parameters at `theta[at …]`. */
  predict(theta: Float64Array, at: number, x: Float64Array, out: Float64Array): void;
  /** Log posterior with prior N(0, priorScale²) (Infinity for none) and `factor` = N/B. */
  posterior(options: { readonly priorScale: number; readonly factor: number }): LogDensity<CurveBatch>;
}

interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  readonly weight: number;
  readonly bias: number;
}

const HALF_LOG_TWO_PI = 0.5 * Math.log(2 * Math.PI);

export function curveNetwork(hidden: readonly number[]): CurveNetwork {
  const widths = [1, ...hidden, 1];
  let size = 0;
  const layers: Layer[] = widths.slice(1).map((outputs, k) => {
    const inputs = widths[k];
    const layer = { inputs, outputs, weight: size, bias: size + inputs * outputs };
    size += (inputs + 1) * outputs;
    return layer;
  });
  const logSigma = size;
  const dim = size + 1;
  const last = layers.length - 1;
  let room = { rows: -1, activations: [] as Float64Array[], slopes: [] as Float64Array[] };
  const roomFor = (rows: number) => {
    if (room.rows !== rows) {
      const blocks = () => widths.map((width) => new Float64Array(width * rows));
      room = { rows, activations: blocks(), slopes: blocks() };
    }
    return room;
  };

  /** Fills the activations of all rows, features before rows. */
  const forward = (theta: Float64Array, at: number, rows: number): Float64Array => {
    const { activations } = roomFor(rows);
    layers.forEach(({ inputs, outputs, weight, bias }, k) => {
      const to = activations[k + 1];
      for (let o = 0; o < outputs; o++) to.fill(theta[at + bias + o], o * rows, (o + 1) * rows);
      addProduct(theta, at + weight, inputs, 1, activations[k], to, inputs, outputs, rows);
      if (k < last) for (let j = 0; j < to.length; j++) if (to[j] < 0) to[j] = 0;
    });
    return activations[last + 1];
  };

  /** Adds to `grad` what the slopes of the mean, already in the room, mean for the parameters. */
  const backward = (theta: Float64Array, at: number, rows: number, grad: Float64Array): void => {
    const { activations, slopes } = roomFor(rows);
    for (let k = last; k >= 0; k--) {
      const { inputs, outputs, weight, bias } = layers[k];
      const [from, above] = [activations[k], slopes[k + 1]];
      for (let o = 0; o < outputs; o++) {
        let sum = 0;
        for (let j = o * rows; j < (o + 1) * rows; j++) sum += above[j];
        grad[at + bias + o] += sum;
      }
      addOuter(above, from, grad, at + weight, inputs, outputs, rows);
      if (k === 0) continue;
      const below = slopes[k];
      below.fill(0);
      addProduct(theta, at + weight, 1, inputs, above, below, outputs, inputs, rows);
      for (let j = 0; j < below.length; j++) if (from[j] === 0) below[j] = 0;
    }
  };

  return {
    dim,
    initial(key) {
      const theta = new Float64Array(dim);
      layers.forEach(({ inputs, outputs, weight }, k) => {
        const z = new Float64Array(inputs * outputs);
        normals(fold(key, 2 * k), z);
        theta.set(
          z.map((v) => v / Math.sqrt(inputs)),
          weight,
        );
      });
      return theta;
    },
    predict(theta, at, x, out) {
      roomFor(x.length).activations[0].set(x);
      out.set(forward(theta, at, x.length));
    },
    posterior: ({ priorScale, factor }) => ({
      dim,
      evaluate(theta, { x, y }, value, grad) {
        const rows = x.length / value.length;
        const precision = 1 / priorScale ** 2;
        const { activations, slopes } = roomFor(rows);
        const slope = slopes[last + 1];
        for (let c = 0; c < value.length; c++) {
          const at = c * dim;
          activations[0].set(x.subarray(c * rows, (c + 1) * rows));
          const mean = forward(theta, at, rows);
          const s = theta[at + logSigma];
          const weight = Math.exp(-2 * s);
          let squares = 0;
          for (let j = 0; j < rows; j++) {
            const off = y[c * rows + j] - mean[j];
            squares += off * off;
            slope[j] = factor * weight * off;
          }
          let prior = 0;
          for (let i = at; i < at + dim; i++) {
            prior -= 0.5 * precision * theta[i] * theta[i];
            grad[i] = -precision * theta[i];
          }
          backward(theta, at, rows, grad);
          grad[at + logSigma] += factor * (weight * squares - rows);
          value[c] = prior - factor * (0.5 * weight * squares + rows * (s + HALF_LOG_TWO_PI));
        }
      },
    }),
  };
}

/**
 * to[o] += Σ_i w[o, i] from[i] on rows of length `rows`, with w[o, i] = theta[at + o · across + i · along]. Two outputs by four rows at
 * a time, so that eight sums stay in registers.
 */
function addProduct(
  theta: Float64Array,
  at: number,
  across: number,
  along: number,
  from: Float64Array,
  to: Float64Array,
  inputs: number,
  outputs: number,
  rows: number,
): void {
  const [pairs, quads] = [outputs - (outputs % 2), rows - (rows % 4)];
  for (let o = 0; o < pairs; o += 2) {
    const r0 = at + o * across;
    const r1 = r0 + across;
    const p = o * rows;
    const q = p + rows;
    for (let j = 0; j < quads; j += 4) {
      let a0 = to[p + j];
      let a1 = to[p + j + 1];
      let a2 = to[p + j + 2];
      let a3 = to[p + j + 3];
      let b0 = to[q + j];
      let b1 = to[q + j + 1];
      let b2 = to[q + j + 2];
      let b3 = to[q + j + 3];
      for (let i = 0, k = j; i < inputs; i++, k += rows) {
        const w = theta[r0 + i * along];
        const v = theta[r1 + i * along];
        const f0 = from[k];
        const f1 = from[k + 1];
        const f2 = from[k + 2];
        const f3 = from[k + 3];
        a0 += w * f0;
        a1 += w * f1;
        a2 += w * f2;
        a3 += w * f3;
        b0 += v * f0;
        b1 += v * f1;
        b2 += v * f2;
        b3 += v * f3;
      }
      to[p + j] = a0;
      to[p + j + 1] = a1;
      to[p + j + 2] = a2;
      to[p + j + 3] = a3;
      to[q + j] = b0;
      to[q + j + 1] = b1;
      to[q + j + 2] = b2;
      to[q + j + 3] = b3;
    }
  }
  for (let o = 0; o < outputs; o++) {
    for (let j = o < pairs ? quads : 0; j < rows; j++) {
      let sum = to[o * rows + j];
      for (let i = 0; i < inputs; i++) sum += theta[at + o * across + i * along] * from[i * rows + j];
      to[o * rows + j] = sum;
    }
  }
}

/** grad[at + o · inputs + i] += Σ_j above[o, j] from[i, j], two by two. */
function addOuter(
  above: Float64Array,
  from: Float64Array,
  grad: Float64Array,
  at: number,
  inputs: number,
  outputs: number,
  rows: number,
): void {
  for (let o = 0; o < outputs; o += 2) {
    const second = o + 1 < outputs ? o + 1 : o;
    for (let i = 0; i < inputs; i += 2) {
      const other = i + 1 < inputs ? i + 1 : i;
      let aa = 0;
      let ab = 0;
      let ba = 0;
      let bb = 0;
      for (let j = 0; j < rows; j++) {
        const s = above[o * rows + j];
        const t = above[second * rows + j];
        const f = from[i * rows + j];
        const g = from[other * rows + j];
        aa += s * f;
        ab += s * g;
        ba += t * f;
        bb += t * g;
      }
      grad[at + o * inputs + i] += aa;
      if (other > i) grad[at + o * inputs + other] += ab;
      if (second > o) grad[at + second * inputs + i] += ba;
      if (second > o && other > i) grad[at + second * inputs + other] += bb;
    }
  }
}
