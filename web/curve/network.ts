/**
 * A small network for curves in plain TypeScript: one input, tanh layers, mean out, and one learned log σ. Its posterior is the one
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
  const activations = widths.map((width) => new Float64Array(width));
  const slopes = widths.map((width) => new Float64Array(width));
  const last = layers.length - 1;

  /** Fills the activations for one x; returns the mean. */
  const forward = (theta: Float64Array, at: number, x: number): number => {
    activations[0][0] = x;
    for (let k = 0; k <= last; k++) {
      const { inputs, outputs, weight, bias } = layers[k];
      const [from, to] = [activations[k], activations[k + 1]];
      for (let o = 0; o < outputs; o++) {
        let sum = theta[at + bias + o];
        const row = at + weight + o * inputs;
        for (let i = 0; i < inputs; i++) sum += theta[row + i] * from[i];
        to[o] = k === last ? sum : Math.tanh(sum);
      }
    }
    return activations[last + 1][0];
  };

  /** Adds the gradient of slope · mean at the x of the last `forward`. */
  const backward = (theta: Float64Array, at: number, slope: number, grad: Float64Array): void => {
    slopes[last + 1][0] = slope;
    for (let k = last; k >= 0; k--) {
      const { inputs, outputs, weight, bias } = layers[k];
      const [from, below, above] = [activations[k], slopes[k], slopes[k + 1]];
      below.fill(0);
      for (let o = 0; o < outputs; o++) {
        const s = above[o];
        grad[at + bias + o] += s;
        const row = at + weight + o * inputs;
        for (let i = 0; i < inputs; i++) {
          grad[row + i] += s * from[i];
          below[i] += s * theta[row + i];
        }
      }
      if (k > 0) for (let i = 0; i < inputs; i++) below[i] *= 1 - from[i] * from[i];
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
      for (let j = 0; j < x.length; j++) out[j] = forward(theta, at, x[j]);
    },
    posterior: ({ priorScale, factor }) => ({
      dim,
      evaluate(theta, { x, y }, value, grad) {
        const rows = x.length / value.length;
        const precision = 1 / priorScale ** 2;
        for (let c = 0; c < value.length; c++) {
          const at = c * dim;
          let prior = 0;
          for (let i = at; i < at + dim; i++) {
            prior -= 0.5 * precision * theta[i] * theta[i];
            grad[i] = 0;
          }
          const s = theta[at + logSigma];
          const weight = Math.exp(-2 * s);
          let sum = 0;
          let misfit = 0;
          for (let j = c * rows; j < (c + 1) * rows; j++) {
            const off = y[j] - forward(theta, at, x[j]);
            sum += off * off;
            misfit++;
            backward(theta, at, factor * weight * off, grad);
          }
          grad[at + logSigma] += factor * (weight * sum - misfit);
          value[c] = prior - factor * (0.5 * weight * sum + misfit * (s + HALF_LOG_TWO_PI));
          for (let i = at; i < at + dim; i++) grad[i] -= precision * theta[i];
        }
      },
    }),
  };
}
