/** Every sampler by its name in the paper. Adding one is adding a row. */
import type { Sampler } from '../types.ts';
import { SMILE_NAMES, type SmileName, type SmileOptions, smileSampler } from './smile.ts';

export const SAMPLERS = Object.fromEntries(
  SMILE_NAMES.map((name) => [name, (options: Partial<SmileOptions>) => smileSampler(name, options)]),
) as Record<SmileName, (options: Partial<SmileOptions>) => Sampler>;
