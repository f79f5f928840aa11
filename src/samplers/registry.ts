/** Every sampler by its name in the paper. Adding one is adding a row. */
import type { Sampler } from '../types.ts';
import { type ScaleAdaptedOptions, scaleAdaptedSghmc } from './adasghmc.ts';
import { type CsgldOptions, csgld } from './csgld.ts';
import { type HmcOptions, hmc } from './hmc.ts';
import { type MclmcOptions, MILE_OPTIONS, mclmc } from './mclmc.ts';
import type { SamplerOption } from './options.ts';
import { type PsgldOptions, psgld } from './psgld.ts';
import { type SghmcOptions, sghmc } from './sghmc.ts';
import { type SgldOptions, sgld } from './sgld.ts';
import { autoSampler, type SmileOptions, smileSampler } from './smile.ts';

/** What any sampler may be told; each reads what concerns it. */
export type SamplerOptions = Partial<
  SmileOptions &
    MclmcOptions &
    SgldOptions &
    PsgldOptions &
    CsgldOptions &
    SghmcOptions &
    ScaleAdaptedOptions &
    HmcOptions
>;

export interface SamplerRow {
  /** What it is, in a line. */
  readonly about: string;
  /** Options of its own. */
  readonly options: readonly SamplerOption[];
  /** Step size for a network's posterior where none is given, or its start where the sampler tunes it. Default 0.01. */
  readonly stepSize?: number;
  /** Whether its warm-up finds the step size by the energy error. */
  readonly tunes?: true;
  /** Whether it is right on full gradients only. */
  readonly fullGradient?: true;
  /** Whether its steps depend on how many there will be, so that a run cannot be made longer. */
  readonly planned?: true;
  make(options: SamplerOptions): Sampler;
}

const TUNED = ['resetQuantile', 'adaptMass', 'adaptStrength', 'tuner', 'energyTarget'] as const;
const SOUND = ['energyEvery', 'decoherence', 'biasBound'] as const;
const MICROCANONICAL = ['decoherence', 'phases', 'energyTargets', 'precondition'] as const;
/** ε of samplers whose ε is the time of a step. */
const LANGEVIN_STEP = 1e-6;

const ROWS = {
  'smile-naive': {
    about: 'stochastic microcanonical steps of a fixed size',
    options: [...SOUND],
    make: (o) => smileSampler('smile-naive', o),
  },
  'psmile-naive': {
    about: 'the same with a diagonal preconditioner of the gradient noise',
    options: [...SOUND],
    make: (o) => smileSampler('psmile-naive', o),
  },
  smile: {
    about: 'stochastic microcanonical steps of a tuned size',
    options: [...TUNED, ...SOUND],
    tunes: true,
    make: (o) => smileSampler('smile', o),
  },
  psmile: {
    about: 'the same with a diagonal preconditioner of the gradient noise',
    options: [...TUNED, ...SOUND],
    tunes: true,
    make: (o) => smileSampler('psmile', o),
  },
  'psmile-full': {
    about: 'psmile-naive with the full covariance of the gradient noise, O(d²)',
    options: [...SOUND],
    make: (o) => smileSampler('psmile-naive', { ...o, noise: 'full' }),
  },
  'psmile-low-rank': {
    about: 'psmile-naive with a diagonal and a low rank of that covariance, O(rd)',
    options: [...SOUND, 'rank'],
    make: (o) => smileSampler('psmile-naive', { ...o, noise: 'low-rank' }),
  },
  'psmile-auto': {
    about: 'pSMILE that finds all there is to set',
    options: ['energyEvery'],
    tunes: true,
    make: (o) => autoSampler(o),
  },
  mclmc: {
    about: 'microcanonical Langevin Monte Carlo with partial refreshment',
    options: [...MICROCANONICAL],
    tunes: true,
    fullGradient: true,
    make: (o) => mclmc(o),
  },
  mile: {
    about: "the same with MILE's phases of warm-up and its coarser aim",
    options: [...MICROCANONICAL],
    tunes: true,
    fullGradient: true,
    make: (o) => mclmc({ ...MILE_OPTIONS, ...o }),
  },
  sgld: {
    about: 'stochastic gradient Langevin dynamics',
    options: ['temperature'],
    stepSize: LANGEVIN_STEP,
    make: (o) => sgld(o),
  },
  psgld: {
    about: "the same with RMSProp's preconditioner, frozen after warm-up",
    options: ['temperature', 'decay', 'floor'],
    stepSize: LANGEVIN_STEP,
    make: (o) => psgld(o),
  },
  csgld: {
    about: 'Langevin dynamics in cosine cycles that explore first and sample then',
    options: ['temperature', 'finalStepSize', 'cycles', 'exploration', 'explore'],
    stepSize: 10 * LANGEVIN_STEP,
    planned: true,
    make: (o) => csgld(o),
  },
  sghmc: {
    about: 'stochastic gradient Hamiltonian Monte Carlo with persistent momentum',
    options: ['friction', 'noiseEstimate'],
    stepSize: LANGEVIN_STEP,
    make: (o) => sghmc(o),
  },
  adasghmc: {
    about: 'the same with scales that its warm-up finds',
    options: ['friction'],
    stepSize: 1e-3,
    make: (o) => scaleAdaptedSghmc(o),
  },
  hmc: {
    about: 'Hamiltonian Monte Carlo with a Metropolis test: exact',
    options: ['leapfrogs', 'acceptance'],
    stepSize: 1e-3,
    fullGradient: true,
    make: (o) => hmc(o),
  },
} satisfies Record<string, SamplerRow>;

export type SamplerName = keyof typeof ROWS;
export const SAMPLER_NAMES = Object.keys(ROWS) as [SamplerName, ...SamplerName[]];

/** The row of a sampler. */
export const samplerRow = (name: SamplerName): SamplerRow => ROWS[name];

/** Makes a sampler, by its name. */
export const SAMPLERS = Object.fromEntries(SAMPLER_NAMES.map((name) => [name, ROWS[name].make])) as Readonly<
  Record<SamplerName, SamplerRow['make']>
>;

/** The step size for a network's posterior when none is given; where the sampler tunes it, its start. */
export const usualStepSize = (name: SamplerName): number => samplerRow(name).stepSize ?? 0.01;

/** Whether it is an option of the sampler's own. */
export const hasOption = (name: SamplerName, option: string): boolean =>
  (samplerRow(name).options as readonly string[]).includes(option);
