/** Options that samplers have besides step size, batches and steps, with bounds; each sampler's row of the registry says which are its own. */
import { z } from 'zod';
import { SMILE_DEFAULTS } from './smile.ts';

const positive = () => z.number().positive();
const count = () => z.int().positive();
const share = () => z.number().gte(0).lt(1);
const inside = () => z.number().gt(0).lt(1);

const parts = z
  .tuple([share(), share(), share()])
  .refine(([a, b, c]) => Math.abs(a + b + c - 1) < 1e-9, 'expected three parts that add up to 1');

/** Those with a default have one for all samplers; of the others the description says each sampler's. */
export const SAMPLER_OPTIONS = {
  resetQuantile: z
    .number()
    .gt(0)
    .lte(1)
    .default(SMILE_DEFAULTS.resetQuantile)
    .describe('Quantile of the energy changes so far above which a step is rejected; 1 rejects none.'),
  adaptMass: share()
    .default(SMILE_DEFAULTS.adaptMass)
    .describe('Mass outside the two quantiles of the quantile tuner.'),
  adaptStrength: share()
    .default(SMILE_DEFAULTS.adaptStrength)
    .describe('Relative change of ε at each move of the quantile tuner.'),
  tuner: z
    .enum(['set-point', 'quantile'])
    .default(SMILE_DEFAULTS.tuner)
    .describe('Rule that finds the step size in sound mode.'),
  energyTarget: positive().default(SMILE_DEFAULTS.energyTarget).describe('Aim for E[ΔE²]/d of the set-point tuner.'),
  energyEvery: count().default(SMILE_DEFAULTS.energyEvery).describe('Steps per same-batch energy measurement.'),
  decoherence: z
    .union([positive(), z.literal('none')])
    .default('none')
    .describe("Length L of an added refreshment of the velocity; 'none' leaves it to the sampler."),
  biasBound: positive()
    .optional()
    .describe(
      'Largest distance of an effective temperature from 1, kept by refreshment whose length the measured noise gives. Default none.',
    ),
  rank: count().max(1024).optional().describe('Rank of the noise covariance that is learned. Default 8.'),
  phases: parts
    .optional()
    .describe(
      'Parts of the warm-up that find the step size, the extent, and L. Default [0.2, 0.3, 0.5] of mclmc, [0.8, 0.1, 0.1] of mile.',
    ),
  energyTargets: z
    .tuple([positive(), positive()])
    .optional()
    .describe(
      'Aims for E[ΔE²]/d at the start of the warm-up and at the end of its second phase. Default [5e-4, 5e-4] of mclmc, [0.5, 0.1] of mile.',
    ),
  precondition: z
    .boolean()
    .optional()
    .describe(
      "Whether the warm-up finds a diagonal preconditioner, the posterior's deviations. Default true of mclmc, false of mile.",
    ),
  temperature: z
    .number()
    .nonnegative()
    .optional()
    .describe('T of the injected noise; 0 is plain gradient ascent, and only 1 samples the posterior. Default 1.'),
  decay: share().optional().describe('Memory of the mean square of the gradient. Default 0.99.'),
  floor: positive()
    .optional()
    .describe(
      'Share of the mean root of that square which is added to each, so that no direction is too fast. Default 0.01.',
    ),
  finalStepSize: z.number().nonnegative().optional().describe('ε at the end of a cycle. Default 0.'),
  cycles: count().optional().describe('Cycles of the whole run, its warm-up among them. Default 4.'),
  exploration: share()
    .optional()
    .describe('Part of a cycle that explores, whose positions are no draws. Default 0.33.'),
  explore: z
    .enum(['noise-free', 'noisy'])
    .optional()
    .describe("How a cycle explores: without noise, or as the paper's code does, with it. Default noise-free."),
  friction: inside().optional().describe('Share of the momentum that is lost in a step. Default 0.05.'),
  noiseEstimate: z
    .boolean()
    .optional()
    .describe('Whether the injected noise is lessened by the measured gradient noise. Default false.'),
  leapfrogs: count().optional().describe('Leapfrog steps of a proposal. Default 16.'),
  acceptance: inside().optional().describe('Mean acceptance that the step size is tuned to. Default 0.8.'),
};

export type SamplerOption = keyof typeof SAMPLER_OPTIONS;
