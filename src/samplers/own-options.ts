/** Which options go with which sampler. */
import { SAMPLER_OPTIONS } from './options.ts';
import { hasOption, SAMPLER_NAMES, type SamplerName } from './registry.ts';

/** What is wrong with an option that is not the sampler's, by its name; undefined where nothing is. */
export function optionsFault(
  settings: Readonly<Record<string, unknown>> & { readonly name: SamplerName },
): { readonly option: string; readonly message: string } | undefined {
  const { name } = settings;
  const option = Object.entries(SAMPLER_OPTIONS).find(
    ([key, schema]) =>
      settings[key] !== schema.parse(undefined) && settings[key] !== undefined && !hasOption(name, key),
  )?.[0];
  if (option === undefined) return undefined;
  const others = SAMPLER_NAMES.filter((other) => hasOption(other, option));
  const value = JSON.stringify(settings[option]);
  return { option, message: `expected none for ${name}, got ${value}. Leave it out, or choose ${others.join(', ')}` };
}
