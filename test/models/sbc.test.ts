/**
 * Simulation-based calibration (Talts et al. 2018) through graph, engine, posterior and sampler: parameters from the prior,
 * data from the parameters, draws given the data; the rank of the truth among the draws is uniform if all is right.
 */
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/engine/session.ts';
import { add, constant, mul, neg, reduceSum, square, sub } from '../../src/graph/index.ts';
import { NORMAL } from '../../src/infer/law.ts';
import { STUDENT_T } from '../../src/infer/student-t.ts';
import { normals, uniforms } from '../../src/math/random.ts';
import { fold, rootKey } from '../../src/math/threefry.ts';
import { type Likelihood, likelihood, type RegressionLikelihood } from '../../src/models/likelihood.ts';
import { mlp } from '../../src/models/mlp.ts';
import { bayesianNetwork, networkLogDensity, posteriorGraph } from '../../src/models/posterior.ts';
import { stepAsync } from '../../src/samplers/drive.ts';
import { SAMPLERS } from '../../src/samplers/registry.ts';

const [SETS, ROWS, INPUTS] = [240, 16, 2];
const [DRAWS, THIN, BURN] = [63, 40, 600];
const BINS = 8;
/** Upper 0.1 % point of χ² with 7 degrees of freedom. */
const CRITICAL = 24.32;
const SIGMA = 0.6;

const random = (seed: number, n: number) => {
  const v = new Float64Array(n);
  normals([seed, 71], v);
  return v;
};

const knownNoise: Likelihood = {
  ...likelihood('gaussian', 1),
  parameters: [],
  logLikelihood: (mean, _own, y) =>
    reduceSum(neg(add(mul(square(sub(y, mean)), constant(0.5 / SIGMA ** 2, mean)), constant(0, mean))), [1]),
};

type Kind = 'linear' | 'logistic' | RegressionLikelihood;

/** Regressions draw the standardised noise of a row by the law that scores them. */
const noiseOf = (kind: Kind, p: number) =>
  kind === 'student-t' ? STUDENT_T.quantile(p, 0, Math.SQRT2) : NORMAL.quantile(p, 0, 1);

const likelihoodOf = (kind: Kind) => {
  if (kind === 'linear') return knownNoise;
  return kind === 'logistic' ? likelihood('softmax', 2) : likelihood(kind, 1);
};

/** χ² of the rank histogram of each parameter, with the likelihood's factor (1 is right: all rows are in the batch). */
async function rankStatistics(kind: Kind, factor: number): Promise<number[]> {
  const chosen = likelihoodOf(kind);
  const { outputs } = chosen;
  const model = mlp({ inputs: INPUTS, hidden: [], outputs, activation: 'relu' });
  const network = bayesianNetwork(model, chosen, INPUTS);
  const d = network.dim;
  // Scales that are learned make the posterior stiff: a narrower prior, and shorter steps.
  const [priorScale, stepSize] = outputs > 1 && kind !== 'logistic' ? [0.5, 0.04] : [1, 0.08];
  const truth = random(1, SETS * d).map((z) => priorScale * z);
  const x = Float32Array.from(random(2, SETS * INPUTS * ROWS));
  const { targets } = chosen;
  const y = new Float32Array(SETS * targets * ROWS);
  const chance = new Float64Array(SETS * ROWS);
  uniforms([4, 71], chance);
  for (let c = 0; c < SETS; c++) {
    for (let j = 0; j < ROWS; j++) {
      const out = Array.from({ length: outputs }, (_, k) => {
        let sum = truth[c * d + outputs * INPUTS + k];
        for (let i = 0; i < INPUTS; i++) sum += truth[c * d + k * INPUTS + i] * x[(c * INPUTS + i) * ROWS + j];
        return sum;
      });
      const row = c * ROWS + j;
      const logSigma = out[1] ?? (kind === 'linear' ? Math.log(SIGMA) : truth[c * d + d - 1]);
      if (kind !== 'logistic') y[row] = out[0] + Math.exp(logSigma) * noiseOf(kind, chance[row]);
      else y[(2 * c + (chance[row] < 1 / (1 + Math.exp(out[0] - out[1])) ? 1 : 0)) * ROWS + j] = 1;
    }
  }
  const scaling = { priorScale, factor };
  const graph = await compile(posteriorGraph(network, SETS, ROWS, scaling));
  const density = networkLogDensity(graph, d, scaling);
  const sampler = SAMPLERS['smile-naive']({ stepSize, decoherence: 0.6 });
  const keys = Array.from({ length: SETS }, (_, c) => fold(rootKey(5), c));
  const state = sampler.init(new Float64Array(SETS * d), keys);
  const rank = new Float64Array(SETS * d);
  for (let t = 0; t < BURN + DRAWS * THIN; t++) {
    await stepAsync(sampler, state, density, { x, y }, t);
    if (t < BURN || (t - BURN) % THIN !== 0) continue;
    for (let i = 0; i < rank.length; i++) if (state.theta[i] < truth[i]) rank[i]++;
  }
  await graph.release();
  return Array.from({ length: d }, (_, i) => {
    const counts = new Float64Array(BINS);
    for (let c = 0; c < SETS; c++) counts[Math.floor((rank[c * d + i] * BINS) / (DRAWS + 1))]++;
    return counts.reduce((sum, count) => sum + (count - SETS / BINS) ** 2 / (SETS / BINS), 0);
  });
}

it.each(['student-t', 'log-normal'] as const)(
  'simulation-based calibration of %s finds ranks uniform',
  async (kind) => {
    for (const statistic of await rankStatistics(kind, 1)) expect(statistic).toBeLessThan(CRITICAL);
  },
);

describe.each(['linear', 'logistic'] as const)('simulation-based calibration of %s regression', (kind) => {
  it('finds ranks uniform (p > 1e-3 for every parameter)', async () => {
    for (const statistic of await rankStatistics(kind, 1)) expect(statistic).toBeLessThan(CRITICAL);
  });

  it('fails with N in the place of N/|b|', async () => {
    expect(Math.max(...(await rankStatistics(kind, ROWS)))).toBeGreaterThan(2 * CRITICAL);
  });
});
