/** Settings of the sampler: its name, its steps and batches, and the options that samplers have of their own. */
import { z } from 'zod';
import { SAMPLER_NAMES } from '../../samplers/registry.ts';
import { SMILE_DEFAULTS } from '../../samplers/smile.ts';
import { count, FLAGS, positive } from './setting.ts';

export const sampler = z
  .strictObject({
    name: z
      .enum(SAMPLER_NAMES)
      .default('psmile')
      .describe('The sampler; docs/samplers.md says what each is for.')
      .register(FLAGS, { flag: '-s, --sampler <name>' }),
    mode: z
      .enum(['sound', 'paper'])
      .default('sound')
      .describe("Sound: corrected; paper: the published code's exact semantics.")
      .register(FLAGS, { flag: '--mode <mode>' }),
    stepSize: positive()
      .optional()
      .describe(
        "ε₀, fixed for samplers that do not tune it, a start value for the others. Default the sampler's usual.",
      )
      .register(FLAGS, { flag: '--step-size <ε>' }),
    batchSize: count()
      .default(256)
      .describe(
        'Rows per mini-batch; reduced to the number of training rows, or all of them for mclmc, mile and hmc, when left out.',
      )
      .register(FLAGS, {
        flag: '--batch-size <rows>',
        usual: '256, or all rows if fewer or the sampler needs them',
      }),
    warmup: count()
      .default(10_000)
      .describe('Steps before the first draw.')
      .register(FLAGS, { flag: '--warmup <steps>' }),
    steps: count().default(10_000).describe('Steps of sampling.').register(FLAGS, { flag: '--steps <steps>' }),
    thin: count().default(10).describe('Steps per stored draw.').register(FLAGS, { flag: '--thin <steps>' }),
    resetQuantile: z
      .number()
      .gt(0)
      .lte(1)
      .default(SMILE_DEFAULTS.resetQuantile)
      .describe(
        'Steps whose energy changes by more than this quantile of their own history are rejected; 1 rejects none.',
      ),
    adaptMass: z
      .number()
      .gte(0)
      .lt(1)
      .default(SMILE_DEFAULTS.adaptMass)
      .describe('Mass outside the two quantiles of the quantile tuner.'),
    adaptStrength: z
      .number()
      .gte(0)
      .lt(1)
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
  })
  .prefault({});
