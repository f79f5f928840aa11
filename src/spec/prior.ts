/** The prior of a configuration: `model.prior` with `model.priorScale`. */
import { z } from 'zod';
import type { Parameter } from '../models/model.ts';
import type { Prior } from '../models/prior.ts';
import { PRIOR_NAMES, type PriorChoice, type PriorName, prior } from '../models/prior-families.ts';

const positive = () => z.number().positive().optional();
const pair = <T extends z.ZodType>(of: T) => z.tuple([of, of]).optional();

/** The numbers of a family besides the scale, which is `model.priorScale`. */
const numbers = z.discriminatedUnion('name', [
  z.strictObject({ name: z.enum(['standard-normal', 'glorot', 'he', 'glorot-laplace']) }),
  z.strictObject({ name: z.enum(['normal', 'laplace']), location: z.number().optional() }),
  z.strictObject({ name: z.literal('shifted-normal'), biasLocation: z.number().optional() }),
  z.strictObject({ name: z.literal('glorot-uniform'), softness: positive() }),
  z.strictObject({ name: z.literal('trunc-normal'), core: z.number().nonnegative().optional() }),
  z.strictObject({
    name: z.literal('bimixture-normal'),
    weight: z.number().gt(0).lt(1).optional(),
    locations: pair(z.number()),
    scales: pair(z.number().positive()),
  }),
  z.strictObject({
    name: z.literal('eps-standard-normal'),
    epsilon: z.number().nonnegative().optional(),
    seed: z.int().nonnegative().optional(),
  }),
]);

/** A name, or a name with numbers. */
export const priorSchema = z.union([z.enum(PRIOR_NAMES), numbers], {
  error: ({ input, errors }) => {
    const [fault] = (errors as z.core.$ZodIssue[][]).at(-1)!;
    const known = PRIOR_NAMES.includes((input as { name?: PriorName } | null)?.name as PriorName);
    if (known) return [...fault.path, fault.message].join(': ');
    return `expected ${PRIOR_NAMES.join(', ')}, or an object of a name and its numbers`;
  },
});

export interface PriorSettings {
  readonly prior: z.output<typeof priorSchema>;
  readonly priorScale: number;
}

/** Families that `priorScale` scales; the others have the scales that define them. */
const SCALED: readonly PriorName[] = ['normal', 'shifted-normal', 'laplace', 'trunc-normal'];

const named = ({ prior }: PriorSettings) => (typeof prior === 'string' ? { name: prior } : prior);

/** What is wrong with a scale beside a family that has its own; undefined where nothing is. */
export function scaleFault(settings: PriorSettings): string | undefined {
  const { name } = named(settings);
  if (SCALED.includes(name) || settings.priorScale === 1) return undefined;
  return `expected none for the prior ${name}, which has its own scales, got ${settings.priorScale}. Leave it out, or choose ${SCALED.join(', ')}`;
}

/** The prior of a network's parameters. */
export function runPrior(settings: PriorSettings, parameters: readonly Parameter[]): Prior {
  const choice = named(settings);
  const scale = SCALED.includes(choice.name) ? { scale: settings.priorScale } : {};
  return prior(parameters, { ...choice, ...scale } as PriorChoice);
}

/** The deviation of a prior that is N(0, deviation²) for every parameter; undefined for any other. */
export function isotropicScale(settings: PriorSettings): number | undefined {
  const choice = named(settings);
  if (choice.name === 'standard-normal') return 1;
  return choice.name === 'normal' && !('location' in choice && choice.location) ? settings.priorScale : undefined;
}

/** The family with its numbers, as a reader wants it. */
export function describePrior(settings: PriorSettings): string {
  const { name, ...rest } = named(settings);
  const scale = name.endsWith('normal') && name !== 'trunc-normal' ? 'standard deviation' : 'scale';
  const all = [
    ...(SCALED.includes(name) ? [`${scale} ${settings.priorScale}`] : []),
    ...Object.entries(rest).map(([key, value]) => `${key} ${value}`),
  ];
  return [name, ...all].join(', ');
}
