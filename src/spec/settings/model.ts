/** Settings of the model: the network, the likelihood and the prior. */
import { z } from 'zod';
import { LIKELIHOODS, type LikelihoodName } from '../../models/likelihood.ts';
import { PRIOR_NAMES } from '../../models/prior-families.ts';
import { MODEL_NAMES, type ModelName, SIZES, sizesFault } from '../../models/registry.ts';
import { priorSchema, scaleFault } from '../prior.ts';
import { count, FLAGS, positive } from './setting.ts';

/** Choices of `model.likelihood`. */
const CHOICES = ['auto', 'usual', ...(Object.keys(LIKELIHOODS) as LikelihoodName[])] as const;

/** A network by its name, or files of one. */
function modelOf([first, ...starts]: readonly string[]) {
  if (starts.length === 0 && MODEL_NAMES.includes(first as ModelName)) return { name: first };
  return { network: first, ...(starts.length > 0 && { starts }) };
}

const tensors = (names: readonly string[]) => ({
  parameters: names.length === 1 && (names[0] === 'all' || names[0] === 'last') ? names[0] : names,
});

const sizes = z.object(SIZES).partial().shape;
sizes.context.register(FLAGS, { flag: '--context <n>' });
sizes.width.register(FLAGS, { flag: '--width <n>' });
sizes.depth.register(FLAGS, { flag: '--depth <n>' });
sizes.heads.register(FLAGS, { flag: '--heads <n>' });
sizes.patch.register(FLAGS, { flag: '--patch <n>' });

export const model = z
  .strictObject({
    name: z
      .enum(MODEL_NAMES)
      .optional()
      .describe('The network; where neither this nor model.network is given, the usual one of the data.'),
    ...sizes,
    hidden: z
      .array(count())
      .min(1)
      .max(20)
      .default([16, 16, 16])
      .describe('Widths of the hidden layers of an mlp.')
      .register(FLAGS, { flag: '--hidden <widths>', reads: 'numbers' }),
    activation: z
      .enum(['relu', 'tanh', 'gelu', 'silu'])
      .default('relu')
      .describe('What the hidden layers of an mlp apply to their sums.')
      .register(FLAGS, { flag: '--activation <name>' }),
    network: z
      .string()
      .optional()
      .describe(
        'ONNX file of a trained network to use instead; its weights are the warm start, features are not scaled.',
      )
      .register(FLAGS, {
        flag: '--model <files...>',
        reads: 'files',
        says: `${MODEL_NAMES.join(', ')}, or a trained network (ONNX) to use, see smile inspect; several of one graph: chains start from each in turn`,
        to: modelOf,
      }),
    starts: z
      .array(z.string())
      .min(1)
      .optional()
      .describe('Further ONNX files of the same graph with other weights: chains start from all of them in turn.'),
    priorAround: z
      .boolean()
      .default(false)
      .describe(
        "Centres the prior at the given network's weights, in units of each tensor's root mean square, at least 1.",
      )
      .register(FLAGS, { flag: '--prior-around' }),
    parameters: z
      .union([z.enum(['all', 'last']), z.array(z.string()).min(1)])
      .default('all')
      .describe(
        "Which of a given network's tensors are sampled: all, those of the last layer, or these; the rest stay.",
      )
      .register(FLAGS, { flag: '--parameters <names>', reads: 'list', to: tensors }),
    outputs: z
      .enum(['auto', 'logits', 'probabilities'])
      .default('auto')
      .describe('What a given classifier puts out; auto: what its graph and its numbers on training rows show.'),
    likelihood: z
      .enum(CHOICES)
      .default('auto')
      .describe(
        'What the target is, given the outputs. Regression: gaussian (one learned σ), log-normal (the same of the logarithm), ' +
          'gaussian-per-input (a σ of each row), student-t (that with heavy tails); auto tries them on validation rows. Classification: softmax. ' +
          'usual: gaussian or softmax.',
      )
      .register(FLAGS, { flag: '--likelihood <name>', usual: 'auto, what explains validation rows best' }),
    prior: priorSchema
      .default('normal')
      .describe(
        'Prior of every parameter, or of kernels and of the rest: a name, or an object of a name and its numbers.',
      )
      .register(FLAGS, { flag: '--prior <name>', choices: PRIOR_NAMES }),
    priorScale: positive()
      .default(1)
      .describe('Scale of the prior: standard deviation of the normal ones; not for those that have their own.')
      .register(FLAGS, { flag: '--prior-scale <sd>' }),
  })
  .superRefine((settings, context) => {
    const message = scaleFault(settings);
    if (message) context.addIssue({ code: 'custom', path: ['priorScale'], message });
    const fault = sizesFault(settings);
    if (fault) context.addIssue({ code: 'custom', path: [fault.size], message: fault.message });
    if (settings.name !== undefined && settings.network !== undefined) {
      const both = `expected a name or an ONNX file in model.network, got both: ${settings.name}, ${settings.network}`;
      context.addIssue({ code: 'custom', path: ['name'], message: both });
    }
  })
  .prefault({});
