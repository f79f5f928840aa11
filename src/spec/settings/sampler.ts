/** Settings of the sampler: its name, its steps and batches, and the options that samplers have of their own. */
import { z } from 'zod';
import { SAMPLER_OPTIONS } from '../../samplers/options.ts';
import { optionsFault } from '../../samplers/own-options.ts';
import { SAMPLER_NAMES } from '../../samplers/registry.ts';
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
    ...SAMPLER_OPTIONS,
  })
  .superRefine((settings, context) => {
    const fault = optionsFault(settings);
    if (fault) context.addIssue({ code: 'custom', path: [fault.option], message: fault.message });
    if (settings.mode === 'paper' && settings.biasBound !== undefined) {
      const message = `expected none in paper mode, got ${settings.biasBound}. Leave it out, or choose sound mode`;
      context.addIssue({ code: 'custom', path: ['biasBound'], message });
    }
  })
  .prefault({});
