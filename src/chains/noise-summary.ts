/** What a sampler measured of its gradient noise, for reports. */
import { sumOf } from '../math/sums.ts';
import { effectiveTemperatures, noiseDecoherence } from '../samplers/noise-theory.ts';
import type { NoiseSummary } from '../spec/records.ts';
import type { State } from '../types.ts';

/** What chain c's state knows of its gradient noise; nothing where none was measured. */
export function noiseOf(state: State, c: number, d: number): { noise?: NoiseSummary } {
  const samples = state.noiseSamples?.[c] ?? 0;
  if (samples === 0) return {};
  const raw = state.noiseVariance.subarray(c * d, (c + 1) * d);
  const whitened = state.multiplier ? raw.map((v, i) => v * state.multiplier[c * d + i] ** 2) : raw;
  const quantiles = (variance: Float64Array): [number, number, number] => {
    const sorted = effectiveTemperatures(variance, state.stepSize[c], state.decoherence[c]).sort((a, b) => a - b);
    const at = (p: number) => sorted[Math.min(d - 1, Math.floor(p * d))];
    return [at(0.05), at(0.5), at(0.95)];
  };
  const mean = (v: Float64Array) => sumOf(v, 0, d) / d;
  return {
    noise: {
      samples,
      variance: mean(raw),
      plain: quantiles(raw),
      sampled: quantiles(whitened),
      decoherence: noiseDecoherence(mean(whitened), state.stepSize[c], d),
    },
  };
}
