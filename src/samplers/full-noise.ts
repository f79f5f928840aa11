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
      .mmul(Matrix.diag(values.map((v) => Math.exp(exponent * Math.log(v)))))
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
 * V ≈ D + UΛUᵀ with D diagonal and U the r leading directions (probabilistic principal components): O(rd) a step and per
 * sample. In units of D the model is 1 + WΓWᵀ with orthonormal W, and A = D^{−1/2}(1 + W(s − 1)Wᵀ), s = (1 + γ)^{−1/2}.
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

/** v += W f(s) Wᵀ v on chain c's range. */
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

/** Effective number of samples in the sketch's running means. */
const SKETCH_WINDOW = 1000;

/**
 * Power iteration, one sample at a time: row r is the running mean of (ξ·û_r) ξ, where ξ has lost the rows before; the
 * variance along it stands beside.
 */
function absorbDirection(state: Fields, c: number, d: number, rank: number, noise: Float64Array): void {
  const { sketch, sketchVariance, mapSamples } = state;
  // Weights that grow with n: the first rows point nowhere yet.
  const w = 2 / (Math.min(mapSamples[c], SKETCH_WINDOW) + 1);
  const rest = noise.slice(c * d, (c + 1) * d);
  for (let r = 0; r < rank; r++) {
    const row = sketch.subarray((c * rank + r) * d, (c * rank + r + 1) * d);
    const before = length(row);
    const projected = before > 0 ? dot(row, rest) / before : 1;
    // Measured before the row has turned towards this sample.
    if (before > 0) sketchVariance[c * rank + r] += w * (projected ** 2 - sketchVariance[c * rank + r]);
    for (let i = 0; i < d; i++) row[i] += w * (projected * rest[i] - row[i]);
    const after = length(row);
    if (after === 0) return;
    const along = dot(row, rest) / after;
    for (let i = 0; i < d; i++) rest[i] -= (along * row[i]) / after;
  }
}

const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, x, i) => sum + x * b[i], 0);
const length = (v: Float64Array) => Math.sqrt(dot(v, v));

/** D keeps at least this part of a parameter's variance. */
const LEAST_DIAGONAL = 0.05;

function renewLowRank(state: Fields, c: number, d: number, rank: number, n: number): boolean {
  const { sketch, sketchVariance, mapVariance, mapDiagonal, mapDirections, mapSpeeds } = state;
  const variance = mapVariance.subarray(c * d, (c + 1) * d);
  const total = variance.reduce((sum, v) => sum + v, 0);
  if (!(total > 0)) return false;
  const rows = orthonormal(sketch.slice(c * rank * d, (c + 1) * rank * d), rank, d);
  const along = sketchVariance.subarray(c * rank, (c + 1) * rank);
  const base = Math.max(0, total - along.reduce((sum, v) => sum + v, 0)) / Math.max(1, d - rank);
  const extra = along.map((v) => Math.max(0, v - base));
  const weight = n / (n + SHRINKAGE);
  const diagonal = variance.map((v, i) => {
    const explained = extra.reduce((sum, e, r) => sum + e * rows[r * d + i] ** 2, 0);
    return weight * Math.max(v - explained, LEAST_DIAGONAL * v) + ((1 - weight) * total) / d;
  });
  // Columns U'Λ^{1/2} with U' = D^{−1/2}U; the eigenvectors Y of their Gram matrix give W = U'Λ^{1/2}Yγ^{−1/2}.
  const factor = new Matrix(rank, d);
  for (let r = 0; r < rank; r++) {
    for (let i = 0; i < d; i++) factor.set(r, i, Math.sqrt(extra[r] / diagonal[i]) * rows[r * d + i]);
  }
  const { realEigenvalues: gamma, eigenvectorMatrix: y } = new EigenvalueDecomposition(
    factor.mmul(factor.transpose()),
    {
      assumeSymmetric: true,
    },
  );
  const directions = y.transpose().mmul(factor);
  for (let r = 0; r < rank; r++) {
    const kept = gamma[r] > 1e-9;
    for (let i = 0; i < d; i++) {
      mapDirections[(c * rank + r) * d + i] = kept ? directions.get(r, i) / Math.sqrt(gamma[r]) : 0;
    }
    mapSpeeds[c * rank + r] = kept ? 1 / Math.sqrt(1 + gamma[r]) : 1;
  }
  for (let i = 0; i < d; i++) mapDiagonal[c * d + i] = Math.sqrt(total / d / diagonal[i]);
  return true;
}

/** Gram–Schmidt on the rows, in place; a row that vanishes stays zero. */
function orthonormal(rows: Float64Array, rank: number, d: number): Float64Array {
  for (let r = 0; r < rank; r++) {
    const row = rows.subarray(r * d, (r + 1) * d);
    const scale = length(row);
    for (let q = 0; q < r; q++) {
      const other = rows.subarray(q * d, (q + 1) * d);
      const along = dot(row, other);
      for (let i = 0; i < d; i++) row[i] -= along * other[i];
    }
    const size = length(row);
    for (let i = 0; i < d; i++) row[i] = size > 1e-9 * scale ? row[i] / size : 0;
  }
  return rows;
}
