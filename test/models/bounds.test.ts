import { describe, expect, it } from 'vitest';
import { compile } from '../../src/engine/session.ts';
import { gradient, input, type Tensor } from '../../src/graph/index.ts';
import { NORMAL } from '../../src/infer/law.ts';
import { logNormal, logScaled } from '../../src/infer/log-normal.ts';
import { STUDENT_T } from '../../src/infer/student-t.ts';
import { boundedLocation, boundedLogSigma, SIGMA_BOUNDS } from '../../src/models/likelihood/bounds.ts';
import { likelihood } from '../../src/models/likelihood.ts';
import { mlp } from '../../src/models/mlp.ts';
import { bayesianNetwork, initial, posteriorGraph, predictionGraph } from '../../src/models/posterior.ts';
import { check } from '../graph/check.ts';

const FAR = [-1e30, -1e6, -40, -3, 0, 3, 40, 1e6, 1e30];

async function seen(of: (x: Tensor) => Tensor, values: readonly number[]) {
  const x = input('x', [values.length]);
  const y = of(x);
  const graph = await compile({ inputs: { x }, outputs: { y, slope: gradient(y, [x])[0] } });
  const { y: found, slope } = await graph.run({ x: Float32Array.from(values) });
  const result = { y: [...found], slope: [...slope] };
  await graph.release();
  return result;
}

describe.each([
  ['boundedLogSigma', boundedLogSigma, Math.log(SIGMA_BOUNDS.least), Math.log(SIGMA_BOUNDS.largest)],
  ['boundedLocation', boundedLocation, -10, 10],
] as const)('%s', (_name, bounded, low, high) => {
  it('stays within its bounds with slopes between 0 and 1, infinite inputs included', async () => {
    const { y, slope } = await seen(bounded, [...FAR, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    for (const value of y) {
      expect(value).toBeGreaterThanOrEqual(low - 1e-5);
      expect(value).toBeLessThanOrEqual(high + 1e-5);
    }
    for (const value of slope) {
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThanOrEqual(1);
    }
  });

  it('changes nothing to speak of a unit and more from its bounds', async () => {
    const inside = Array.from({ length: 40 }, (_, k) => low + 1 + ((high - low - 2) * k) / 39);
    const { y } = await seen(bounded, inside);
    y.forEach((value, k) => {
      expect(Math.abs(value - inside[k])).toBeLessThan(0.006);
      if (inside[k] > low + 2 && inside[k] < high - 2) expect(Math.abs(value - inside[k])).toBeLessThan(1e-4);
    });
  });

  it('has the slope of its differences', () => check(bounded, [[3, 5]], 7, (x) => 6 * x));
});

describe.each(['gaussian-per-input', 'student-t', 'log-normal'] as const)('%s', (name) => {
  const chosen = likelihood(name, 1);
  const network = bayesianNetwork(
    mlp({ inputs: 1, hidden: [8, 8], outputs: chosen.outputs, activation: 'relu' }),
    chosen,
    1,
  );
  const theta = initial(network, [3, 4]);
  const rows = [-1e12, -1e6, -1000, -1, 0, 1, 1000, 1e6, 1e12];

  it('predicts, scores and differentiates rows of any size with finite numbers', async () => {
    const x = Float32Array.from(rows);
    const prediction = await compile(predictionGraph(network, 1, rows.length));
    const said = await prediction.run({ theta, x });
    for (const value of [...said.mean, ...said.logSigma]) expect(Number.isFinite(value)).toBe(true);
    for (const value of said.logSigma) expect(value).toBeLessThan(Math.log(SIGMA_BOUNDS.largest) + 1e-5);
    const posterior = await compile(posteriorGraph(network, 1, rows.length, { priorScale: 1, factor: 1 }));
    const { logLikelihood, gradient: slope } = await posterior.run({ theta, x, y: new Float32Array(rows.length) });
    for (const value of [...logLikelihood, ...slope]) expect(Number.isFinite(value)).toBe(true);
    await prediction.release();
    await posterior.release();
  });

  it('has in the graph the density that its law has outside', async () => {
    const target = { mean: 20, sd: 30, log: { mean: 2, sd: 1.3 } };
    const law = { 'gaussian-per-input': NORMAL, 'student-t': STUDENT_T, 'log-normal': logNormal(target) }[name];
    const isLog = chosen.scale === 'log';
    const x = Float32Array.from([-1.5, -0.4, 0.3, 1.1]);
    const y = Float64Array.of(-0.5, 0.2, 1, 4);
    const prediction = await compile(predictionGraph(network, 1, 4));
    const { mean, logSigma } = await prediction.run({ theta, x });
    const posterior = await compile(posteriorGraph(network, 1, 4, { priorScale: 1, factor: 1 }));
    const seenByGraph = Float32Array.from(y, (value) => (isLog ? logScaled(value, target) : value));
    const { logLikelihood } = await posterior.run({ theta, x, y: seenByGraph });
    y.forEach((value, i) => {
      const told = law.moments(mean[i], Math.exp(logSigma[isLog ? 0 : i]));
      const jacobian = isLog ? Math.log(target.sd / (1.3 * (20 + 30 * value))) : 0;
      expect(logLikelihood[i] + jacobian).toBeCloseTo(law.logDensity(value, told.mean, told.sd), 4);
    });
    await prediction.release();
    await posterior.release();
  });
});
