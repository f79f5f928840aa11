/** Settings of the warm start: how members are trained before their chains begin. */
import { z } from 'zod';
import { USUAL_BETAS } from '../../train/adamw.ts';
import { count, FLAGS, positive } from './setting.ts';

const beta = () => z.number().min(0).lt(1);

export const warmStart = z
  .strictObject({
    learningRate: positive().default(0.01).describe('Learning rate of AdamW.'),
    weightDecay: z.number().nonnegative().default(0.005).describe('Weight decay of AdamW.'),
    batchSize: count().default(64).describe('Rows per mini-batch of the training.'),
    epochs: z
      .int()
      .nonnegative()
      .default(200)
      .describe('Longest warm start; 0 where model.network is given and this is not.')
      .register(FLAGS, { flag: '--epochs <n>', usual: '200, with --model 0' }),
    patience: count().default(10).describe('Epochs without a better validation loss before a member stops.'),
    schedule: z
      .enum(['constant', 'cosine', 'linear'])
      .default('cosine')
      .describe('How the learning rate falls to endRate after its rise.'),
    ramp: z.int().nonnegative().default(0).describe('Steps in which the learning rate rises in a line from startRate.'),
    startRate: z.number().nonnegative().optional().describe('Learning rate at the beginning of the ramp. Default 0.'),
    endRate: z
      .number()
      .nonnegative()
      .optional()
      .describe('Learning rate at the end of the schedule. Default a hundredth of learningRate.'),
    decaySteps: count()
      .optional()
      .describe(
        'Step, from the first of the ramp, at which the schedule has ended. Default that of the longest training.',
      ),
    betas: z
      .tuple([beta(), beta()])
      .default([...USUAL_BETAS])
      .describe("Decay of AdamW's running means of the gradient and of its square."),
    members: z
      .string()
      .optional()
      .describe(
        'Earlier run on the same rows, of the same network and seed: its members are taken, and none is trained.',
      )
      .register(FLAGS, { flag: '--members <run>' }),
    clip: positive()
      .optional()
      .describe("Norm that a member's gradient is cut down to where it is longer. Default none."),
    augment: z
      .boolean()
      .default(false)
      .describe(
        'Images: half of them mirrored, and most cut to a random 70 % and brought back to size, in training alone.',
      ),
  })
  .prefault({});
