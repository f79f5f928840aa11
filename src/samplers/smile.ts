/**
 * The four samplers of the paper, as rows over one step: with and without preconditioner, with and without controller;
 * and `psmile-auto`, which needs no settings.
 */
import { specError } from '../errors.ts';
import type { Sampler } from '../types.ts';
import { type Controller, energyRule, uncontrolled } from './controller.ts';
import { exactStatistics, FIRST_ENERGIES, paperStatistics } from './energy-statistics.ts';
import { adaptiveNoise, fullNoise, lowRankNoise } from './full-noise.ts';
import type { NoiseShare } from './noise-meter.ts';
import { paperDiagonal, paperMicrocanonical } from './paper.ts';
import {
  DIAGONAL_DEFAULTS,
  type DiagonalOptions,
  diagonalNoise,
  identity,
  type Preconditioner,
} from './preconditioner.ts';
import { type ResidentSampler, residentMicrocanonical } from './resident.ts';
import { type SoundParts, soundMicrocanonical } from './sound.ts';
import { boundedBias, fixedStep, plateauTuner, quantileTuner, setPointTuner } from './tuners.ts';

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
  /** Sound mode: what the preconditioned samplers learn of the noise covariance. */
  readonly noise: 'diagonal' | 'full' | 'low-rank';
  /** Rank r of `low-rank`. */
  readonly rank: number;
  /** Sound mode: keeps every effective temperature within this of 1 by refreshment; Infinity leaves `decoherence`. */
  readonly biasBound: number;
  /** Sound mode: whether step size and preconditioner freeze at the end of warm-up. */
  readonly freeze: boolean;
  readonly diagonal: DiagonalOptions;
  /** Sound mode: how the batches of two steps are related, for the noise meter (`pairShare` of `data/batches`). Default: independent. */
  readonly noiseShare?: NoiseShare;
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
  noise: 'diagonal',
  rank: 8,
  biasBound: Number.POSITIVE_INFINITY,
  freeze: true,
  diagonal: DIAGONAL_DEFAULTS,
};

/** The paper's t ≥ 10 counts from 1; the sound guard waits until σ is known to about a tenth. */
const PAPER_PATIENCE = 9;
/** The sound quantile tuner never leaves the neighbourhood of ε₀ downwards. */
const QUANTILE_FLOOR = 0.1;

/** The naive samplers do nothing with the energy: it is measured now and then, so that a step size too large is seen. */
const NAIVE_ENERGY_EVERY = 50;

/** Builds one of the paper's samplers. `options` may leave out what the defaults say. */
export function smileSampler(name: SmileName, options: Partial<SmileOptions> = {}): Sampler {
  const o = { ...SMILE_DEFAULTS, ...options };
  if (o.mode === 'paper') {
    const rule = { resetQuantile: o.resetQuantile, adaptMass: o.adaptMass, patience: PAPER_PATIENCE };
    const tuner = quantileTuner(o.adaptStrength, 0);
    return paperMicrocanonical({
      name,
      stepSize: o.stepSize,
      decoherence: Number.POSITIVE_INFINITY,
      preconditioner: name.startsWith('p') ? paperDiagonal : identity,
      controller: name.endsWith('-naive') ? uncontrolled : energyRule({ ...rule, statistics: paperStatistics, tuner }),
    }) as Sampler;
  }
  return soundMicrocanonical(soundParts(name, o)) as Sampler;
}

/**
 * The same sampler for chains whose vectors live elsewhere, a step at a time the same. Throws a `SpecError` for options that need
 * the vectors here.
 */
export function residentSmile(name: SmileName, options: Partial<SmileOptions> = {}): ResidentSampler {
  const o = { ...SMILE_DEFAULTS, ...options };
  if (o.mode === 'paper' || o.biasBound < Number.POSITIVE_INFINITY) {
    throw specError(
      `${name}: expected sound mode without a bias bound for steps on the device, got ` +
        `${o.mode === 'paper' ? 'paper mode' : `a bound of ${o.biasBound}`}. Step on the host.`,
    );
  }
  return residentMicrocanonical(soundParts(name, o));
}

function soundParts(name: SmileName, o: SmileOptions): SoundParts {
  const tuned = !name.endsWith('-naive');
  const preconditioner = name.startsWith('p') ? noisePreconditioner(o) : identity;
  return {
    name,
    stepSize: o.stepSize,
    decoherence: o.decoherence,
    energyEvery: tuned || o.biasBound < Number.POSITIVE_INFINITY ? o.energyEvery : NAIVE_ENERGY_EVERY,
    preconditioner,
    freeze: o.freeze,
    controller: soundController(o, tuned, preconditioner),
    noiseShare: o.noiseShare,
  };
}

function noisePreconditioner({ noise, rank, diagonal }: SmileOptions): Preconditioner {
  if (noise === 'full') return fullNoise();
  return noise === 'low-rank' ? lowRankNoise(rank) : diagonalNoise(diagonal);
}

function soundController(o: SmileOptions, tuned: boolean, preconditioner: Preconditioner): Controller {
  const bounded = o.biasBound < Number.POSITIVE_INFINITY;
  if (!tuned && !bounded) return uncontrolled;
  const found =
    o.tuner === 'set-point' ? setPointTuner(o.energyTarget) : quantileTuner(o.adaptStrength, QUANTILE_FLOOR);
  const tuner = tuned ? found : fixedStep;
  return energyRule({
    resetQuantile: tuned ? o.resetQuantile : 1,
    adaptMass: o.adaptMass,
    patience: FIRST_ENERGIES,
    statistics: exactStatistics,
    tuner: bounded ? boundedBias(tuner, o.biasBound, preconditioner) : tuner,
  });
}

/** E[ΔE²]/d that bounds the automatic step size from above: that of full-gradient MCLMC. */
const AUTO_ENERGY_TARGET = 5e-4;

/**
 * pSMILE with nothing to set: the full (or low-rank) noise covariance from exact noise samples, step size from the
 * plateau rule, decoherence length from the extent seen; all frozen after warm-up. About 2.25 gradients a step.
 */
export function autoSampler({
  energyEvery = 4,
  noiseShare,
}: Partial<Pick<SmileOptions, 'energyEvery' | 'noiseShare'>> = {}): Sampler {
  const preconditioner = adaptiveNoise();
  return soundMicrocanonical({
    name: 'psmile-auto',
    stepSize: AUTO_START,
    decoherence: Number.POSITIVE_INFINITY,
    energyEvery,
    noiseShare,
    preconditioner,
    controller: energyRule({
      resetQuantile: 1,
      adaptMass: 0,
      patience: FIRST_ENERGIES,
      statistics: exactStatistics,
      tuner: plateauTuner(AUTO_ENERGY_TARGET, preconditioner),
    }),
  }) as Sampler;
}

/** Small against any posterior worth sampling; the energy errors raise it within some tens of steps. */
const AUTO_START = 1e-3;
