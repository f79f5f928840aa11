/** Settings of how chains run: storage, devices, rules that end a run, and repairs. */
import { z } from 'zod';
import { count, FLAGS, positive } from './setting.ts';

export const storage = z
  .strictObject({
    draws: z
      .enum(['float32', 'float16'])
      .default('float32')
      .describe('Numbers of stored draws; float16 takes half the disk and rounds each parameter to three digits.')
      .register(FLAGS, { flag: '--draws-type <type>' }),
  })
  .prefault({});

export const compute = z
  .strictObject({
    device: z
      .enum(['cpu', 'webgpu'])
      .default('cpu')
      .describe('Where gradients are computed; draws of different devices differ in the last digits.')
      .register(FLAGS, { flag: '--device <name>' }),
    threads: z
      .union([count(), z.literal('auto')])
      .default('auto')
      .describe(
        'Threads of a worker; draws of different counts may differ in the last digits. auto: one where chains use all cores or run ' +
          'elsewhere, or the network is small; else the faster of one and all that are free, and of ways to share, found by a trial when the ' +
          'run is prepared and kept for the whole run.',
      )
      .register(FLAGS, { flag: '--threads <n>', reads: 'number or auto' }),
    sharing: z
      .enum(['auto', 'operators', 'rows'])
      .default('auto')
      .describe(
        'What several threads share out: single operators, or rows of the batch, which is faster for small convolutional ' +
          'networks. auto: what a trial for threads finds, operators without one.',
      )
      .register(FLAGS, { flag: '--sharing <what>' }),
    recompute: z
      .enum(['auto', 'always', 'never'])
      .default('auto')
      .describe(
        'Whether the backward pass makes again what is cheap instead of keeping it in memory. auto: single passes in large ' +
          'networks. Draws do not depend on it.',
      )
      .register(FLAGS, { flag: '--recompute <when>' }),
    stepping: z
      .enum(['auto', 'host', 'device'])
      .default('auto')
      .describe(
        'Where positions, velocities and gradients live between gradients. On the device they stay there, and only sums come back. ' +
          'auto: on a GPU, for networks of 100,000 parameters and more whose sampler can.',
      )
      .register(FLAGS, { flag: '--stepping <place>' }),
    chainsPerGraph: z
      .union([count(), z.literal('auto')])
      .default('auto')
      .describe("Chains evaluated in one call. auto: by trial, all of a worker's or one. Draws do not depend on it.")
      .register(FLAGS, { flag: '--chains-per-graph <n>', reads: 'number or auto' }),
  })
  .prefault({});

/** Nats per row. */
const USUAL_PLATEAU = 0.001;

export const stop = z
  .strictObject({
    gradients: count()
      .optional()
      .describe('End when every chain has spent so many gradient evaluations.')
      .register(FLAGS, { flag: '--max-gradients <n>' }),
    seconds: positive()
      .optional()
      .describe('End after so many seconds of one command.')
      .register(FLAGS, { flag: '--max-time <time>', reads: 'time', says: 'end after a time such as 90s, 15m or 2h' }),
    plateau: positive()
      .optional()
      .describe("End when the second half of the draws changes the chains' running LPPD by no more, in nats per row.")
      .register(FLAGS, {
        flag: '--plateau [nats]',
        usual: `${USUAL_PLATEAU} where it stands alone`,
        to: (nats: number | true) => ({ plateau: nats === true ? USUAL_PLATEAU : nats }),
      }),
    minDraws: count()
      .default(200)
      .describe('Draws of every chain before a plateau may end the run.')
      .register(FLAGS, { flag: '--min-draws <n>' }),
  })
  .prefault({});

/** Of the planned gradients. */
const USUAL_SHARE = 0.5;

export const repair = z
  .strictObject({
    share: z
      .number()
      .min(0)
      .max(1)
      .default(USUAL_SHARE)
      .describe(
        'Chains that drift, step too far or are stuck are begun again, with at most this share of the gradients of the plan; 0: none is.',
      )
      .register(FLAGS, {
        flag: '--repair [share]',
        no: 'score chains as they are',
        to: (share: number | boolean) => ({ share: share === true ? USUAL_SHARE : Number(share) }),
      }),
  })
  .prefault({});
