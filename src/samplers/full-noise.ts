/** Noise preconditioners beyond the diagonal: the full covariance for small d, low rank plus diagonal for large d. */
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import type { Preconditioner } from './preconditioner.ts';

/** Samples after which the maps are computed first; then again at every doubling, so that they are constant between. */
const FIRST_RENEWAL = 32;
/** How many samples' worth of isotropy the estimate is shrunk by. */
const SHRINKAGE = 2;

/** Whether the n-th sample is one after which maps are renewed: 32, 64, 128, … */
const renews = (n: number) => n >= FIRST_RENEWAL && Number.isInteger(Math.log2(n / FIRST_RENEWAL));

/**
 * A = (V/V̄)^{−1/2} from the d × d covariance V of exact noise samples (`learnNoise`): noise of variance V̄ in every
 * direction, whatever its structure. O(d²) a step and O(d³) at each of the few renewals.
 */
export function fullNoise(): Preconditioner {
  return {
    init(chains, d) {
      const eye = new Float64Array(chains * d * d);
      for (let c = 0; c < chains; c++) for (let i = 0; i < d; i++) eye[(c * d + i) * d + i] = 1;
      return {
        mapSamples: new Float64Array(chains),
        mapRenewals: new Float64Array(chains),
        mapCovariance: new Float64Array(chains * d * d),
        map: eye,
        mapInverse: eye.slice(),
      };
    },
    // A is symmetric: Aᵀg and Au are one product.
    whiten: ({ map }, c, d, g, out) => product(map, c, d, g, out),
    colour: ({ map }, c, d, u, out) => product(map, c, d, u, out),
    coordinates: ({ mapInverse }, c, d, theta, out) => product(mapInverse, c, d, theta, out),
    learn: () => {},
    learnNoise(state, c, d, noise) {
      const { mapSamples, mapCovariance } = state;
      const n = ++mapSamples[c];
      for (let i = 0; i < d; i++) {
        for (let j = 0; j < d; j++) {
          const k = (c * d + i) * d + j;
          mapCovariance[k] += (noise[c * d + i] * noise[c * d + j] - mapCovariance[k]) / n;
        }
      }
      if (!renews(n)) return;
      const range = mapCovariance.subarray(c * d * d, (c + 1) * d * d);
      if (setRoots(state.map, state.mapInverse, c * d * d, Matrix.from1DArray(d, d, range), n)) state.mapRenewals[c]++;
    },
  };
}

/** Writes (V/V̄)^{−1/2} and its inverse at `at`; false where there is no noise. */
function setRoots(map: Float64Array, inverse: Float64Array, at: number, covariance: Matrix, n: number): boolean {
  const d = covariance.rows;
  const average = covariance.trace() / d;
  if (!(average > 0)) return false;
  const weight = n / (n + SHRINKAGE);
  const shrunk = covariance.mul(weight / average).add(Matrix.eye(d).mul(1 - weight));
  const { realEigenvalues: values, eigenvectorMatrix: vectors } = new EigenvalueDecomposition(shrunk, {
    assumeSymmetric: true,
  });
  const power = (exponent: number) =>
    vectors
      .mmul(Matrix.diag(values.map((v) => v ** exponent)))
      .mmul(vectors.transpose())
      .to1DArray();
  map.set(power(-0.5), at);
  inverse.set(power(0.5), at);
  return true;
}

/** out = M v with chain c's matrix. Two partial sums, as everywhere. */
function product(matrix: Float64Array, c: number, d: number, v: Float64Array, out: Float64Array): Float64Array {
  const at = c * d;
  for (let i = at; i < at + d; i++) {
    const row = i * d;
    let even = 0;
    let odd = 0;
    for (let j = 0; j + 1 < d; j += 2) {
      even += matrix[row + j] * v[at + j];
      odd += matrix[row + j + 1] * v[at + j + 1];
    }
    out[i] = even + odd + (d % 2 === 1 ? matrix[row + d - 1] * v[at + d - 1] : 0);
  }
  return out;
}

/** Up to this dimension `adaptiveNoise` keeps the full covariance. */
const FULL_UP_TO = 64;
const RANK = 8;

/** The full preconditioner for small d, low rank plus diagonal for large d. */
export function adaptiveNoise(): Preconditioner {
  const [full, sketch] = [fullNoise(), lowRankNoise(RANK)];
  const of = (d: number) => (d <= FULL_UP_TO ? full : sketch);
  return {
    init: (chains, d) => of(d).init(chains, d),
    whiten: (state, c, d, g, out) => of(d).whiten(state, c, d, g, out),
    colour: (state, c, d, u, out) => of(d).colour(state, c, d, u, out),
    coordinates: (state, c, d, theta, out) => of(d).coordinates(state, c, d, theta, out),
    learn: () => {},
    learnNoise: (state, c, d, noise) => of(d).learnNoise?.(state, c, d, noise),
  };
}

/**
 * V ≈ D + scaled low rank: A = D^{−1/2}(1 + U(s − 1)Uᵀ) with D the diagonal of V and U the r leading directions of
 * D^{−1/2}VD^{−1/2}, found by Oja's rule with a decreasing rate; s = λ^{−1/2}. O(rd) a step and per sample.
 */
export function lowRankNoise(rank: number): Preconditioner {
  const blank = (chains: number, n: number) => new Float64Array(chains * n);
  return {
    init: (chains, d) => ({
      mapSamples: blank(chains, 1),
      mapRenewals: blank(chains, 1),
      mapDiagonal: blank(chains, d).fill(1),
      mapVariance: blank(chains, d),
      sketch: blank(chains, rank * d),
      sketchVariance: blank(chains, rank),
      mapDirections: blank(chains, rank * d),
      mapSpeeds: blank(chains, rank).fill(1),
    }),
    // Aᵀ = (1 + U(s−1)Uᵀ) D^{−1/2} and A = D^{−1/2}(1 + U(s−1)Uᵀ).
    whiten(state, c, d, g, out) {
      for (let i = c * d; i < (c + 1) * d; i++) out[i] = state.mapDiagonal[i] * g[i];
      return along(state, c, d, rank, out, (s) => s - 1);
    },
    colour(state, c, d, u, out) {
      for (let i = c * d; i < (c + 1) * d; i++) out[i] = u[i];
      along(state, c, d, rank, out, (s) => s - 1);
      for (let i = c * d; i < (c + 1) * d; i++) out[i] *= state.mapDiagonal[i];
      return out;
    },
    coordinates(state, c, d, theta, out) {
      for (let i = c * d; i < (c + 1) * d; i++) out[i] = theta[i] / state.mapDiagonal[i];
      return along(state, c, d, rank, out, (s) => 1 / s - 1);
    },
    learn: () => {},
    learnNoise(state, c, d, noise) {
      const { mapSamples, mapVariance } = state;
      const n = ++mapSamples[c];
      for (let i = c * d; i < (c + 1) * d; i++) mapVariance[i] += (noise[i] ** 2 - mapVariance[i]) / n;
      absorbDirection(state, c, d, rank, noise);
      if (renews(n) && renewLowRank(state, c, d, rank, n)) state.mapRenewals[c]++;
    },
  };
}

type Fields = Readonly<Record<string, Float64Array>>;

/** v += U f(s) Uᵀ v on chain c's range. */
function along(state: Fields, c: number, d: number, rank: number, v: Float64Array, f: (s: number) => number) {
  const { mapDirections, mapSpeeds } = state;
  for (let r = 0; r < rank; r++) {
    const factor = f(mapSpeeds[c * rank + r]);
    if (factor === 0) continue;
    const row = (c * rank + r) * d;
    let dot = 0;
    for (let i = 0; i < d; i++) dot += mapDirections[row + i] * v[c * d + i];
    for (let i = 0; i < d; i++) v[c * d + i] += factor * dot * mapDirections[row + i];
  }
  return v;
}

/** Oja's rule with deflation on the noise in units of its own deviation; each row's variance beside it. */
function absorbDirection(state: Fields, c: number, d: number, rank: number, noise: Float64Array): void {
  const { sketch, sketchVariance, mapVariance, mapSamples } = state;
  const n = mapSamples[c];
  const rest = Float64Array.from({ length: d }, (_, i) => {
    const v = mapVariance[c * d + i];
    return v > 0 ? noise[c * d + i] / Math.sqrt(v) : 0;
  });
  for (let r = 0; r < rank; r++) {
    const row = (c * rank + r) * d;
    let dot = 0;
    let length = 0;
    for (let i = 0; i < d; i++) {
      dot += sketch[row + i] * rest[i];
      length += sketch[row + i] ** 2;
    }
    // A row is the running mean of (rest·u) rest: power iteration, one sample at a time.
    const unit = length > 0 ? dot / Math.sqrt(length) : 1;
    let newLength = 0;
    for (let i = 0; i < d; i++) {
      sketch[row + i] += (unit * rest[i] - sketch[row + i]) / Math.min(n, OJA_WINDOW);
      newLength += sketch[row + i] ** 2;
    }
    let along = 0;
    for (let i = 0; i < d; i++) along += sketch[row + i] * rest[i];
    along /= Math.sqrt(newLength) || 1;
    sketchVariance[c * rank + r] += (along ** 2 - sketchVariance[c * rank + r]) / Math.min(n, OJA_WINDOW);
    for (let i = 0; i < d; i++) rest[i] -= (along * sketch[row + i]) / (Math.sqrt(newLength) || 1);
  }
}

/** Effective number of samples in the sketch's running means. */
const OJA_WINDOW = 1000;

function renewLowRank(state: Fields, c: number, d: number, rank: number, n: number): boolean {
  const { sketch, sketchVariance, mapVariance, mapDiagonal, mapDirections, mapSpeeds } = state;
  let average = 0;
  for (let i = c * d; i < (c + 1) * d; i++) average += mapVariance[i] / d;
  if (!(average > 0)) return false;
  const weight = n / (n + SHRINKAGE);
  for (let i = c * d; i < (c + 1) * d; i++) {
    mapDiagonal[i] = Math.sqrt(average / (weight * mapVariance[i] + (1 - weight) * average));
  }
  const rows = orthonormal(sketch.slice(c * rank * d, (c + 1) * rank * d), rank, d);
  mapDirections.set(rows, c * rank * d);
  for (let r = 0; r < rank; r++) {
    mapSpeeds[c * rank + r] = 1 / Math.sqrt(weight * sketchVariance[c * rank + r] + (1 - weight));
  }
  return true;
}

/** Gram–Schmidt on the rows, in place; a row that vanishes stays zero. */
function orthonormal(rows: Float64Array, rank: number, d: number): Float64Array {
  for (let r = 0; r < rank; r++) {
    const row = rows.subarray(r * d, (r + 1) * d);
    for (let q = 0; q < r; q++) {
      const other = rows.subarray(q * d, (q + 1) * d);
      const dot = row.reduce((sum, x, i) => sum + x * other[i], 0);
      for (let i = 0; i < d; i++) row[i] -= dot * other[i];
    }
    const length = Math.sqrt(row.reduce((sum, x) => sum + x * x, 0));
    for (let i = 0; i < d; i++) row[i] = length > 1e-12 ? row[i] / length : 0;
  }
  return rows;
}
