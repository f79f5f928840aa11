/** The four samplers of the paper, as rows over one step: with and without preconditioner, with and without controller. */
import type { Sampler } from '../types.ts';
import { energyRule, uncontrolled } from './controller.ts';
import { exactStatistics, paperStatistics, SETTLED } from './energy-statistics.ts';
import { paperDiagonal, paperMicrocanonical } from './paper.ts';
import { DIAGONAL_DEFAULTS, type DiagonalOptions, diagonalNoise, identity } from './preconditioner.ts';
import { soundMicrocanonical } from './sound.ts';
import { quantileTuner, setPointTuner } from './tuners.ts';

export const SMILE_NAMES = ['smile-naive', 'psmile-naive', 'smile', 'psmile'] as const;
export type SmileName = (typeof SMILE_NAMES)[number];

export interface SmileOptions {
  /** Initial step size ε₀ > 0; fixed for the naive samplers. */
  readonly stepSize: number;
  /** `sound` corrects the published code; `paper` is its exact semantics. */
  readonly mode: 'sound' | 'paper';
  /** r in (0, 1]: steps with |ΔE| above this quantile of their own history are rejected. */
  readonly resetQuantile: number;
  /** a in [0, 1): mass outside the two quantiles of the quantile tuner. */
  readonly adaptMass: number;
  /** δ in [0, 1): relative change of ε at each move of the quantile tuner. */
  readonly adaptStrength: number;
  /** Sound mode: which rule finds the step size. */
  readonly tuner: 'set-point' | 'quantile';
  /** Sound mode, set-point tuner: the aim for E[ΔE²]/d on the same batch. */
  readonly energyTarget: number;
  /** Sound mode: every how many steps the same-batch energy is measured (one more gradient each time). */
  readonly energyEvery: number;
  /** Sound mode: momentum decoherence length L; Infinity for none. */
  readonly decoherence: number;
  readonly diagonal: DiagonalOptions;
}

export const SMILE_DEFAULTS: SmileOptions = {
  stepSize: 0.01,
  mode: 'sound',
  resetQuantile: 0.98,
  adaptMass: 0.1,
  adaptStrength: 0.02,
  tuner: 'set-point',
  energyTarget: 1e-5,
  energyEvery: 4,
  decoherence: Number.POSITIVE_INFINITY,
  diagonal: DIAGONAL_DEFAULTS,
};

/** The paper's t ≥ 10 counts from 1; the sound guard waits until σ is known to about a tenth. */
const PAPER_PATIENCE = 9;
/** The sound quantile tuner never leaves the neighbourhood of ε₀ downwards. */
const QUANTILE_FLOOR = 0.1;

/** Builds one of the paper's samplers. `options` may leave out what the defaults say. */
export function smileSampler(name: SmileName, options: Partial<SmileOptions> = {}): Sampler {
  const o = { ...SMILE_DEFAULTS, ...options };
  const preconditioned = name.startsWith('p');
  const tuned = !name.endsWith('-naive');
  const rule = { resetQuantile: o.resetQuantile, adaptMass: o.adaptMass };
  const shared = { name, stepSize: o.stepSize };

  if (o.mode === 'paper') {
    const tuner = quantileTuner(o.adaptStrength, 0);
    return paperMicrocanonical({
      ...shared,
      decoherence: Number.POSITIVE_INFINITY,
      preconditioner: preconditioned ? paperDiagonal : identity,
      controller: tuned
        ? energyRule({ ...rule, patience: PAPER_PATIENCE, statistics: paperStatistics, tuner })
        : uncontrolled,
    }) as Sampler;
  }
  const tuner =
    o.tuner === 'set-point' ? setPointTuner(o.energyTarget) : quantileTuner(o.adaptStrength, QUANTILE_FLOOR);
  return soundMicrocanonical({
    ...shared,
    decoherence: o.decoherence,
    energyEvery: tuned ? o.energyEvery : Number.POSITIVE_INFINITY,
    preconditioner: preconditioned ? diagonalNoise(o.diagonal) : identity,
    controller: tuned ? energyRule({ ...rule, patience: SETTLED, statistics: exactStatistics, tuner }) : uncontrolled,
  }) as Sampler;
}
