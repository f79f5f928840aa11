/** Networks by name: their sizes with defaults and bounds, and how each is made for data of a shape. */
import { z } from 'zod';
import { specError } from '../errors.ts';
import { gpt } from './gpt.ts';
import { lenet } from './lenet.ts';
import { type Activation, mlp } from './mlp.ts';
import type { Model } from './model.ts';
import { resnet, resnet7 } from './resnet.ts';
import { vit } from './vit.ts';

/** What the rows of data look like to a network. */
export type DataShape =
  | { readonly kind: 'table'; readonly inputs: number }
  /** Channels, height, width. */
  | { readonly kind: 'image'; readonly size: readonly [number, number, number] }
  /** Different symbols of a text. */
  | { readonly kind: 'text'; readonly symbols: number };

interface NetworkRow<Options extends z.ZodObject> {
  /** What it is, in a line. */
  readonly about: string;
  readonly takes: readonly DataShape['kind'][];
  readonly options: Options;
  /** What does not fit the data, as `expected X, got Y. Do Z.`; undefined where all does. */
  fault?(options: z.output<Options>, shape: DataShape): string | undefined;
  make(options: z.output<Options>, shape: DataShape, outputs: number): Model;
}

const row = <Options extends z.ZodObject>(one: NetworkRow<Options>) => one;

const whole = () => z.int().positive().max(65_536);

/** Sizes that networks have, each of the networks below its own; they have no defaults here. */
export const SIZES = {
  patch: whole().describe('Side of the square patches of a vit; it divides height and width. Default 16.'),
  context: whole().describe('Symbols that a gpt sees at a time. Default 256.'),
  width: whole().describe('Numbers that stand for a patch or a symbol. Default 384.'),
  depth: whole().describe('Blocks of attention. Default 12 of a vit, 6 of a gpt.'),
  heads: whole().describe('Heads of attention, which divide the width. Default 8 of a vit, 6 of a gpt.'),
  head: whole().describe('Width of the layer before the last of a vit. Default 1024.'),
  order: z
    .enum(['paper', 'pre-norm'])
    .describe('What a residual branch of a gpt carries on: its normalised input (paper, the default), or its input.'),
};

const imageOf = (shape: DataShape, classes: number) => ({ input: imageSize(shape), classes });
const imageSize = (shape: DataShape) => (shape.kind === 'image' ? shape.size : ([1, 1, 1] as const));

/** The fault of an image whose sides are too short to be halved as often as a network does. */
const atLeast = (side: number) => (_: unknown, shape: DataShape) => {
  const [, height, width] = imageSize(shape);
  if (Math.min(height, width) >= side) return undefined;
  return `expected images of ${side} × ${side} pixels or more, got ${height} × ${width}. Choose mlp, or enlarge them.`;
};

const headsFault = ({ width, heads }: { width: number; heads: number }) =>
  width % heads === 0 ? undefined : `expected heads that divide the width ${width}, got ${heads}. Change one of them.`;

export const MODELS = {
  mlp: row({
    about: 'multi-layer perceptron, for tables and for the pixels of small images',
    takes: ['table', 'image'],
    options: z.strictObject({
      hidden: z.array(z.int().positive()).min(1).max(20).default([16, 16, 16]),
      activation: z.enum(['relu', 'tanh', 'gelu', 'silu']).default('relu'),
    }),
    make: (options, shape, outputs) => mlp({ ...options, inputs: inputsOf(shape), outputs }),
  }),
  lenet: row({
    about: 'LeNet: two convolutions and three dense layers; 61,706 parameters on 28 × 28',
    takes: ['image'],
    options: z.strictObject({}),
    fault: atLeast(12),
    make: (_, shape, classes) => lenet(imageOf(shape, classes)),
  }),
  resnet7: row({
    about: 'residual network of six convolutions; 428,272 parameters on 3 × 32 × 32',
    takes: ['image'],
    options: z.strictObject({}),
    fault: atLeast(8),
    make: (_, shape, classes) => resnet7(imageOf(shape, classes)),
  }),
  resnet18: row({
    about: 'ResNet-18 with filter response normalisation; 11,178,782 parameters on 3 × 32 × 32',
    takes: ['image'],
    options: z.strictObject({}),
    fault: atLeast(16),
    make: (_, shape, classes) => resnet(imageOf(shape, classes)),
  }),
  vit: row({
    about: 'vision transformer; 22,032,522 parameters on 3 × 160 × 160',
    takes: ['image'],
    options: z.strictObject({
      patch: SIZES.patch.default(16),
      width: SIZES.width.default(384),
      depth: SIZES.depth.default(12),
      heads: SIZES.heads.default(8),
      head: SIZES.head.default(1024),
    }),
    fault(options, shape) {
      const [, height, width] = imageSize(shape);
      if (height % options.patch > 0 || width % options.patch > 0)
        return `expected patches that divide ${height} × ${width} pixels, got ${options.patch}. Set model.patch.`;
      return headsFault(options);
    },
    make: (options, shape, classes) => vit({ ...options, ...imageOf(shape, classes) }),
  }),
  gpt: row({
    about: 'causal transformer over the symbols of a text; 10,770,048 parameters with 65 symbols',
    takes: ['text'],
    options: z.strictObject({
      context: SIZES.context.default(256),
      width: SIZES.width.default(384),
      depth: SIZES.depth.default(6),
      heads: SIZES.heads.default(6),
      order: SIZES.order.default('paper'),
    }),
    fault: headsFault,
    make: ({ context, ...options }, _shape, vocabulary) => gpt({ ...options, length: context, vocabulary }),
  }),
} as const;

export type ModelName = keyof typeof MODELS;
export const MODEL_NAMES = Object.keys(MODELS) as ModelName[];

/** A network by its name, with the options that a configuration has for any of them. */
export interface ModelSettings {
  readonly name?: ModelName | undefined;
  readonly hidden: readonly number[];
  readonly activation: Activation;
  readonly [size: string]: unknown;
}

/** What is wrong with sizes of another network than the named one, by their name; undefined where nothing is. */
export function sizesFault(settings: ModelSettings): { readonly size: string; readonly message: string } | undefined {
  const name = settings.name ?? 'mlp';
  const size = Object.keys(SIZES).find((key) => settings[key] !== undefined && !(key in MODELS[name].options.shape));
  if (size === undefined) return undefined;
  const others = MODEL_NAMES.filter((other) => size in MODELS[other].options.shape);
  const message = `expected none for ${name}, got ${settings[size]}. Leave it out, or choose ${others.join(' or ')}`;
  return { size, message };
}

/** The network that is usual for data of a shape. */
const usualModel = ({ kind }: DataShape): ModelName => MODEL_NAMES.find((name) => MODELS[name].takes[0] === kind)!;

export interface NamedModel {
  readonly model: Model;
  /** Values of a row as the network takes it. */
  readonly inputs: number;
  /** Places of a row that have an output each: 1, or the symbols of a text that are seen at a time. */
  readonly places: number;
}

/**
 * The network of that name on data of a shape, with so many outputs. Throws a `SpecError` for a network that does not take such data,
 * and for sizes that do not fit them.
 */
export function namedModel(settings: ModelSettings, shape: DataShape, outputs: number): NamedModel {
  const name = settings.name ?? usualModel(shape);
  const { takes, options, fault, make } = MODELS[name] as NetworkRow<z.ZodObject>;
  if (!takes.includes(shape.kind)) {
    const others = MODEL_NAMES.filter((other) => (MODELS[other].takes as readonly string[]).includes(shape.kind));
    const data = { table: 'a table', image: 'images', text: 'a text' }[shape.kind];
    throw specError(`model.name: expected ${others.join(', ')} for ${data}, got ${name}. Choose one of them.`);
  }
  const own = Object.entries(settings).filter(([key]) => key in options.shape);
  const chosen = options.parse(Object.fromEntries(own));
  const message = fault?.(chosen, shape);
  if (message) throw specError(`model.name ${name}: ${message}`);
  const places = shape.kind === 'text' ? (chosen.context as number) : 1;
  return { model: make(chosen, shape, outputs), inputs: shape.kind === 'text' ? places : inputsOf(shape), places };
}

/** Symbols that the network of a text sees at a time. */
export const contextOf = ({ context }: ModelSettings): number => MODELS.gpt.options.shape.context.parse(context);

const inputsOf = (shape: DataShape): number =>
  shape.kind === 'table' ? shape.inputs : imageSize(shape).reduce((product, n) => product * n, 1);
