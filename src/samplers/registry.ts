/** Every sampler by its name in the paper. Adding one is adding a row. */
import type { Sampler } from '../types.ts';
import { type ScaleAdaptedOptions, scaleAdaptedSghmc } from './adasghmc.ts';
import { type CsgldOptions, csgld } from './csgld.ts';
import { type HmcOptions, hmc } from './hmc.ts';
import { type MclmcOptions, MILE_OPTIONS, mclmc } from './mclmc.ts';
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

export const SAMPLERS = {
  'smile-naive': (o: SamplerOptions) => smileSampler('smile-naive', o),
  'psmile-naive': (o: SamplerOptions) => smileSampler('psmile-naive', o),
  smile: (o: SamplerOptions) => smileSampler('smile', o),
  psmile: (o: SamplerOptions) => smileSampler('psmile', o),
  'psmile-full': (o: SamplerOptions) => smileSampler('psmile-naive', { ...o, noise: 'full' }),
  'psmile-low-rank': (o: SamplerOptions) => smileSampler('psmile-naive', { ...o, noise: 'low-rank' }),
  'psmile-auto': (o: SamplerOptions) => autoSampler(o),
  mclmc: (o: SamplerOptions) => mclmc(o),
  mile: (o: SamplerOptions) => mclmc({ ...MILE_OPTIONS, ...o }),
  sgld: (o: SamplerOptions) => sgld(o),
  psgld: (o: SamplerOptions) => psgld(o),
  csgld: (o: SamplerOptions) => csgld(o),
  sghmc: (o: SamplerOptions) => sghmc(o),
  adasghmc: (o: SamplerOptions) => scaleAdaptedSghmc(o),
  hmc: (o: SamplerOptions) => hmc(o),
} satisfies Record<string, (options: SamplerOptions) => Sampler>;
export type SamplerName = keyof typeof SAMPLERS;
export const SAMPLER_NAMES = Object.keys(SAMPLERS) as [SamplerName, ...SamplerName[]];

/** Samplers that are right on full gradients only. */
export const FULL_GRADIENT: readonly SamplerName[] = ['mclmc', 'mile', 'hmc'];

const LANGEVIN_STEP = 1e-6;
const USUAL_STEP_SIZES: Partial<Record<SamplerName, number>> = {
  sgld: LANGEVIN_STEP,
  psgld: LANGEVIN_STEP,
  csgld: 10 * LANGEVIN_STEP,
  sghmc: LANGEVIN_STEP,
  adasghmc: 1e-3,
  hmc: 1e-3,
};

/** The step size for a network's posterior when none is given; where the sampler tunes it, its start. */
export const usualStepSize = (name: SamplerName): number => USUAL_STEP_SIZES[name] ?? 0.01;
