/**
 * The configuration of a fit: one schema for the YAML file, the flags and the library, with every default.
 * `fitSchema` is also published as a JSON Schema for editors.
 */
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { specError } from '../errors.ts';
import { REGRESSION_LIKELIHOODS } from '../models/likelihood.ts';
import { MODEL_NAMES, SIZES, sizesFault } from '../models/registry.ts';
import { SAMPLER_NAMES } from '../samplers/registry.ts';
import { SMILE_DEFAULTS } from '../samplers/smile.ts';
import { priorSchema, scaleFault } from './prior.ts';

const count = () => z.int().positive();
const positive = () => z.number().positive();
const beta = () => z.number().min(0).lt(1);
const fraction = () => z.number().gt(0).lt(1);

/** Choices of `model.likelihood`. */
export const LIKELIHOODS = ['auto', 'usual', ...REGRESSION_LIKELIHOODS, 'softmax'] as const;

const data = z
  .strictObject({
    target: z
      .union([z.string(), z.int()])
      .default(-1)
      .describe('Target column: name, or index from 0; negative from the end.'),
    task: z.enum(['auto', 'regression', 'classification']).default('auto'),
    delimiter: z.enum(['auto', ',', ';', '\t', '|', ' ']).default('auto'),
    decimal: z
      .enum(['auto', '.', ','])
      .default('auto')
      .describe('Decimal mark of numbers that show none themselves, such as 1,234.'),
    header: z.union([z.boolean(), z.literal('auto')]).default('auto'),
    categorical: z
      .array(z.string())
      .default([])
      .describe('Columns to be read as categories although they look numeric.'),
    exclude: z.array(z.string()).default([]).describe('Columns to leave out.'),
    keep: z.array(z.string()).default([]).describe('Columns to use although they look like identifiers.'),
    missing: z.array(z.string()).default([]).describe('Words that stand for a missing value besides the usual ones.'),
    notMissing: z
      .array(z.string())
      .default([])
      .describe('Usual words for a missing value that are categories or classes here, such as NA.'),
    standardise: z
      .enum(['train', 'all', 'none'])
      .default('train')
      .describe(
        "Rows that give mean and deviation; 'all' is the paper's protocol and lets the test rows in; 'none' leaves the features as they are.",
      ),
    valid: fraction().default(0.1).describe('Fraction of the rows for early stopping and the choice of σ.'),
    test: fraction().default(0.2).describe('Fraction of the rows held out.'),
    validFile: z.string().optional().describe('File of validation rows to use instead of a fraction of the rows.'),
    testFile: z.string().optional().describe('File of test rows to use instead of a fraction of the rows.'),
  })
  .prefault({});

const model = z
  .strictObject({
    name: z
      .enum(MODEL_NAMES)
      .optional()
      .describe('The network; where neither this nor model.network is given, the usual one of the data.'),
    ...z.object(SIZES).partial().shape,
    hidden: z.array(count()).min(1).max(20).default([16, 16, 16]),
    activation: z.enum(['relu', 'tanh', 'gelu', 'silu']).default('relu'),
    network: z
      .string()
      .optional()
      .describe(
        'ONNX file of a trained network to use instead; its weights are the warm start, features are not scaled.',
      ),
    starts: z
      .array(z.string())
      .min(1)
      .optional()
      .describe('Further ONNX files of the same graph with other weights: chains start from all of them in turn.'),
    priorAround: z
      .boolean()
      .default(false)
      .describe(
        "Centres the prior at the network's given weights, in units of each tensor's root mean square, at least 1.",
      ),
    parameters: z
      .union([z.enum(['all', 'last']), z.array(z.string()).min(1)])
      .default('all')
      .describe("Which of the network's tensors are sampled: all, those of the last layer, or these; the rest stay."),
    outputs: z
      .enum(['auto', 'logits', 'probabilities'])
      .default('auto')
      .describe('What a given classifier puts out; auto: what its graph and its numbers on training rows show.'),
    likelihood: z
      .enum(LIKELIHOODS)
      .default('auto')
      .describe(
        'What the target is, given the outputs. Regression: gaussian (one learned σ), log-normal (the same of the logarithm), ' +
          'gaussian-per-input (a σ of each row), student-t (that with heavy tails); auto tries them on validation rows. Classification: softmax. ' +
          'usual: gaussian or softmax.',
      ),
    prior: priorSchema
      .default('normal')
      .describe(
        'Prior of every parameter, or of kernels and of the rest: a name, or an object of a name and its numbers.',
      ),
    priorScale: positive()
      .default(1)
      .describe('Scale of the prior: standard deviation of the normal ones; not for those that have their own.'),
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

const warmStart = z
  .strictObject({
    learningRate: positive().default(0.01),
    weightDecay: z.number().nonnegative().default(0.005),
    batchSize: count().default(64),
    epochs: z
      .int()
      .nonnegative()
      .default(200)
      .describe('Longest warm start; 0 where model.network is given and this is not.'),
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
      .describe('Learning rate at the end of the schedule. Default: a hundredth of learningRate.'),
    decaySteps: count()
      .optional()
      .describe(
        'Step, from the first of the ramp, at which the schedule has ended. Default: that of the longest training.',
      ),
    betas: z
      .tuple([beta(), beta()])
      .default([0.9, 0.999])
      .describe("Decay of AdamW's running means of the gradient and of its square."),
    members: z
      .string()
      .optional()
      .describe(
        'Earlier run on the same rows, of the same network and seed: its members are taken, and none is trained.',
      ),
    clip: positive().optional().describe("Norm that a member's gradient is cut down to where it is longer."),
    augment: z
      .boolean()
      .default(false)
      .describe(
        'Images: half of them mirrored, and most cut to a random 70 % and brought back to size, in training alone.',
      ),
  })
  .prefault({});

const sampler = z
  .strictObject({
    name: z.enum(SAMPLER_NAMES).default('psmile'),
    mode: z
      .enum(['sound', 'paper'])
      .default('sound')
      .describe("sound: corrected; paper: the published code's exact semantics."),
    stepSize: positive()
      .optional()
      .describe(
        "ε₀; fixed for samplers that do not tune it, a start value for the others; default: the sampler's usual.",
      ),
    batchSize: count()
      .default(256)
      .describe(
        'Rows per mini-batch; reduced to the number of training rows, or all of them for mclmc, mile and hmc, when left out.',
      ),
    warmup: count().default(10_000).describe('Steps before the first draw.'),
    steps: count().default(10_000).describe('Steps of sampling.'),
    thin: count().default(10).describe('Steps per stored draw.'),
    resetQuantile: z.number().gt(0).lte(1).default(SMILE_DEFAULTS.resetQuantile),
    adaptMass: z.number().gte(0).lt(1).default(SMILE_DEFAULTS.adaptMass),
    adaptStrength: z.number().gte(0).lt(1).default(SMILE_DEFAULTS.adaptStrength),
    tuner: z.enum(['set-point', 'quantile']).default(SMILE_DEFAULTS.tuner),
    energyTarget: positive().default(SMILE_DEFAULTS.energyTarget).describe('Aim for E[ΔE²]/d of the set-point tuner.'),
    energyEvery: count().default(SMILE_DEFAULTS.energyEvery).describe('Steps per same-batch energy measurement.'),
    decoherence: z
      .union([positive(), z.literal('none')])
      .default('none')
      .describe("Length L of an added refreshment of the velocity; 'none' leaves it to the sampler."),
  })
  .prefault({});

const storage = z
  .strictObject({
    draws: z
      .enum(['float32', 'float16'])
      .default('float32')
      .describe('float16 takes half the disk and rounds each parameter to three digits.'),
  })
  .prefault({});

const compute = z
  .strictObject({
    device: z
      .enum(['cpu', 'webgpu'])
      .default('cpu')
      .describe('Where gradients are computed; draws of different devices differ in the last digits.'),
    threads: z
      .union([count(), z.literal('auto')])
      .default('auto')
      .describe(
        'Threads of a worker; draws of different counts may differ in the last digits. auto: one where chains use all cores or run ' +
          'elsewhere, or the network is small; else the faster of one and all that are free, and of ways to share, found by a trial when the ' +
          'run is prepared and kept for the whole run.',
      ),
    sharing: z
      .enum(['auto', 'operators', 'rows'])
      .default('auto')
      .describe(
        'What several threads share out: single operators, or rows of the batch, which is faster for small convolutional ' +
          'networks. auto: what a trial for threads finds, operators without one.',
      ),
    recompute: z
      .enum(['auto', 'always', 'never'])
      .default('auto')
      .describe(
        'Whether the backward pass makes again what is cheap instead of keeping it in memory; auto: single passes in large ' +
          'networks. Draws do not depend on it.',
      ),
    stepping: z
      .enum(['auto', 'host', 'device'])
      .default('auto')
      .describe(
        'Where positions, velocities and gradients live between gradients: on the device they stay there, and only sums come back. ' +
          'auto: on a GPU, for networks of 100,000 parameters and more whose sampler can.',
      ),
    chainsPerGraph: z
      .union([count(), z.literal('auto')])
      .default('auto')
      .describe("Chains evaluated in one call; auto: by trial, all of a worker's or one. Draws do not depend on it."),
  })
  .prefault({});

const stop = z
  .strictObject({
    gradients: count().optional().describe('End when every chain has spent so many gradient evaluations.'),
    seconds: positive().optional().describe('End after so many seconds of one command.'),
    plateau: positive()
      .optional()
      .describe("End when the second half of the draws changes the chains' running LPPD by no more, in nats per row."),
    minDraws: count().default(200).describe('Draws of every chain before a plateau may end the run.'),
  })
  .prefault({});

const repair = z
  .strictObject({
    share: z
      .number()
      .min(0)
      .max(1)
      .default(0.5)
      .describe(
        'Chains that drift, step too far or are stuck are begun again, with at most this share of the gradients of the plan; 0: none is.',
      ),
  })
  .prefault({});

/** The whole configuration of `smile fit`. */
export const fitSchema = z.strictObject({
  data,
  model,
  warmStart,
  sampler,
  storage,
  compute,
  stop,
  repair,
  chains: count().max(10_000).default(10).describe('K: members of the ensemble, one chain from each.'),
  seed: z.int().nonnegative().default(0),
});

/** A complete configuration, every default filled in. */
export type FitSpec = z.output<typeof fitSchema>;
/** What a caller may write: everything has a default. */
export type FitConfig = z.input<typeof fitSchema>;

/** Checks a configuration and fills in the defaults. Throws a `SpecError` that names every wrong field. */
export function resolveSpec(config: unknown, where = 'configuration'): FitSpec {
  const parsed = fitSchema.safeParse(config);
  if (parsed.success) return parsed.data;
  throw specError(parsed.error.issues.map((issue) => `${where}: ${explain(issue)}`).join('\n'));
}

function explain(issue: z.core.$ZodIssue): string {
  const path = issue.path.join('.') || 'the top level';
  const allowed = issue.code === 'unrecognized_keys' ? ' Remove it or correct its name.' : '';
  return `${path}: ${issue.message}.${allowed}`;
}

/** Reads a YAML configuration. Errors name the line: `fit.yaml:7: sampler.thin: …`. */
export function parseYamlConfig(text: string, path: string): FitConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const at = (offset: number) => `${path}:${lines.linePos(offset).line}`;
  const [fault] = document.errors;
  if (fault)
    throw specError(`${at(fault.pos[0])}: expected YAML, got ${fault.message.split('\n')[0]} Correct the line.`);
  const config = document.toJS() ?? {};
  const parsed = fitSchema.safeParse(config);
  if (parsed.success) return config;
  const messages = parsed.error.issues.map((issue) => {
    const keys = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0]] : [...issue.path];
    return `${at(offsetOf(document, keys))}: ${explain(issue)}`;
  });
  throw specError(messages.join('\n'));
}

/** Where the deepest existing part of `path` stands in the document. */
function offsetOf(document: ReturnType<typeof parseDocument>, path: PropertyKey[]): number {
  for (let depth = path.length; depth > 0; depth--) {
    const node = document.getIn(path.slice(0, depth), true) as { range?: [number, number, number] } | undefined;
    if (node?.range) return node.range[0];
  }
  return 0;
}

/** Configurations laid over each other, later ones winning, section by section. */
export function mergeConfigs(...configs: readonly FitConfig[]): FitConfig {
  const merged: Record<string, unknown> = {};
  for (const config of configs) {
    for (const [key, value] of Object.entries(config)) {
      if (value === undefined) continue;
      const section = value !== null && typeof value === 'object' && !Array.isArray(value);
      merged[key] = section ? { ...(merged[key] as object), ...value } : value;
    }
  }
  return merged as FitConfig;
}
