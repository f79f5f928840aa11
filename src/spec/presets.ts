/** Settings of the paper's experiments by name, and of each a much shorter variant for small machines. */
import type { FitConfig } from './spec.ts';

/** The paper's UCI protocol: SMILE, section on tabular regression. */
export const PAPER_PRESET: FitConfig = {
  data: { standardise: 'all' },
  model: { hidden: [16, 16, 16], activation: 'relu', likelihood: 'usual' },
  warmStart: { learningRate: 0.01, weightDecay: 0.005, batchSize: 64, epochs: 200, patience: 10, schedule: 'constant' },
  sampler: { batchSize: 256, warmup: 50_000, steps: 10_000, thin: 10 },
  chains: 10,
};

/** LeNet on Fashion-MNIST; 11,000 of the 60,000 training images validate, the official test images test. */
const LENET: FitConfig = {
  data: { valid: 11 / 60, pixels: 'unit' },
  model: { name: 'lenet' },
  warmStart: { learningRate: 1e-3, weightDecay: 0.02, epochs: 10_000, patience: 20, schedule: 'constant' },
  sampler: { stepSize: 1e-3, batchSize: 512, warmup: 5000, steps: 10_000, thin: 100 },
  chains: 8,
};

/** ResNet-7 on CIFAR-10; 5,000 of the 50,000 training images validate. */
const RESNET7: FitConfig = {
  data: { valid: 0.1, pixels: 'raw' },
  model: { name: 'resnet7' },
  warmStart: {
    ...{ learningRate: 2e-3, startRate: 1e-5, ramp: 5000, endRate: 5e-4, decaySteps: 250_000, schedule: 'cosine' },
    ...{ weightDecay: 1e-4, batchSize: 64, epochs: 400, patience: 20, augment: true },
  },
  sampler: { stepSize: 1e-5, batchSize: 512, warmup: 5000, steps: 10_000, thin: 100 },
  chains: 8,
};

/** Vision transformer on Imagenette at 160 pixels; its own training folder of 9,469 images, 763 of which validate. */
const VIT: FitConfig = {
  data: { valid: 763 / 9469, pixels: 'imagenet', size: [160, 160] },
  model: { name: 'vit' },
  warmStart: {
    ...{ learningRate: 1e-3, startRate: 1e-6, ramp: 740, endRate: 1e-5, decaySteps: 22_400, schedule: 'cosine' },
    ...{ weightDecay: 0.1, batchSize: 128, epochs: 300, patience: 300, augment: true },
  },
  sampler: { stepSize: 0.1, batchSize: 128, warmup: 5000, steps: 10_000, thin: 100 },
  chains: 4,
};

/** Character-level GPT on modern-shakespeare: 90, 5 and 5 % of the text. */
const GPT: FitConfig = {
  data: { valid: 0.05, test: 0.05 },
  model: { name: 'gpt' },
  warmStart: {
    ...{ learningRate: 3e-4, endRate: 2.5e-4, decaySteps: 1890, schedule: 'linear', betas: [0.9, 0.95] },
    ...{ weightDecay: 0.05, batchSize: 64, epochs: 30, patience: 30 },
  },
  sampler: { stepSize: 2e-5, batchSize: 128, warmup: 200, steps: 1000, thin: 100 },
  chains: 4,
};

/** A run that is shorter: everything else is as in `whole`. */
const shorter = (
  whole: FitConfig,
  { chains, model, warmStart, sampler }: Pick<FitConfig, 'chains' | 'model' | 'warmStart' | 'sampler'>,
): FitConfig => ({
  ...whole,
  chains,
  model: { ...whole.model, ...model },
  warmStart: { ...whole.warmStart, ...warmStart },
  sampler: { ...whole.sampler, ...sampler },
});

const SMALL_RATE = { startRate: undefined, ramp: 0, endRate: undefined, decaySteps: undefined } as const;

export const PRESETS = {
  paper: PAPER_PRESET,
  'paper-uci': PAPER_PRESET,
  'paper-lenet': LENET,
  'paper-resnet7': RESNET7,
  'paper-resnet18': { ...RESNET7, model: { name: 'resnet18' } },
  'paper-vit': VIT,
  'paper-gpt': GPT,
  'paper-uci-small': shorter(PAPER_PRESET, { chains: 4, sampler: { warmup: 5000, steps: 5000 } }),
  'paper-lenet-small': shorter(LENET, {
    chains: 2,
    warmStart: { epochs: 4 },
    sampler: { batchSize: 128, warmup: 200, steps: 400, thin: 20 },
  }),
  'paper-resnet7-small': shorter(RESNET7, {
    chains: 2,
    warmStart: { epochs: 2, ...SMALL_RATE },
    sampler: { batchSize: 64, warmup: 50, steps: 100, thin: 10 },
  }),
  'paper-resnet18-small': shorter(
    { ...RESNET7, model: { name: 'resnet18' } },
    {
      chains: 2,
      warmStart: { epochs: 1, ...SMALL_RATE },
      sampler: { batchSize: 16, warmup: 5, steps: 10, thin: 5 },
    },
  ),
  'paper-vit-small': shorter(VIT, {
    chains: 2,
    model: { width: 64, depth: 2, heads: 4, head: 64 },
    warmStart: { epochs: 3, batchSize: 32, ...SMALL_RATE },
    sampler: { batchSize: 32, warmup: 50, steps: 100, thin: 10 },
  }),
  'paper-gpt-small': shorter(GPT, {
    chains: 2,
    model: { context: 64, width: 128, depth: 2, heads: 4 },
    warmStart: { epochs: 1, learningRate: 3e-3, batchSize: 32, ...SMALL_RATE },
    sampler: { batchSize: 32, warmup: 100, steps: 200, thin: 20 },
  }),
} satisfies Record<string, FitConfig>;

export type PresetName = keyof typeof PRESETS;
export const PRESET_NAMES = Object.keys(PRESETS) as PresetName[];
