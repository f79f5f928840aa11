/** The flags that say what to fit, and the configuration they amount to. */
import { existsSync, readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { parse } from 'yaml';
import { specError } from '../src/errors.ts';
import { PRESET_NAMES, PRESETS, type PresetName } from '../src/spec/presets.ts';
import { nameOf } from '../src/spec/settings/setting.ts';
import { type FitConfig, mergeConfigs, parseYamlConfig, SETTINGS } from '../src/spec/spec.ts';
import type { EngineFlags } from './engine-options.ts';
import { wholeFrom } from './numbers.ts';
import { configOfFlags, optionsOf } from './setting-flags.ts';
import { size } from './units.ts';

/** The flags that are no settings; those of the settings are values by name beside them. */
export interface FitFlags extends EngineFlags {
  config?: string;
  preset?: PresetName;
  set?: FitConfig;
  out?: string;
  force?: boolean;
  workers?: number;
  checkpointEvery?: number;
  prepare?: boolean;
  json?: boolean;
  quiet?: boolean;
  maxUnpacked?: number;
  model?: string[];
}

/** The data file: what stands alone, or, where it was taken for one more of the models before it, the last of those. */
export function dataOf(data: string | undefined, flags: FitFlags): string {
  if (data !== undefined) return data;
  const last = flags.model && flags.model.length > 1 ? flags.model.at(-1)! : '.onnx';
  if (last.endsWith('.onnx')) throw specError('data: expected a file to fit, got none. Name it before the flags.');
  flags.model = flags.model!.slice(0, -1);
  return last;
}

/** Headings of help, each with the sections whose flags stand below it; a setting of no section is among the sampler's. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  'Data:': ['data'],
  'Model:': ['model'],
  'Sampling:': ['warmStart', 'sampler', 'storage'],
  'Computing:': ['compute', 'repair'],
  'Stopping early (smile resume goes on beyond):': ['stop'],
};

/** Adds them to a command. */
export function withModelOptions(command: Command): Command {
  command
    .addOption(new Option('-c, --config <file>', 'YAML file that says what the flags say; flags win'))
    .addOption(
      new Option('--preset <name>', "settings of the paper's experiments; paper is paper-uci").choices(PRESET_NAMES),
    )
    .option('--set <setting>', 'any setting by its name, as --set sampler.thin=5, again and again', setting)
    .option('--workers <n>', 'worker threads (default: the number of cores, or 1 on a GPU)', wholeFrom(0))
    .option('--max-unpacked <size>', 'what a .gz may unpack to (default: 1GB)', size)
    .option('--json', 'print the result as JSON');
  for (const [heading, sections] of Object.entries(GROUPS)) {
    command.optionsGroup(heading);
    const here = SETTINGS.filter(({ section = 'sampler' }) => sections.includes(section));
    for (const option of here.flatMap(optionsOf)) command.addOption(option);
  }
  return command;
}

/** A configuration of one setting, of `sampler.thin=5`; its value is read as YAML. Later ones win. */
function setting(text: string, earlier: FitConfig = {}): FitConfig {
  const [, name, value] = /^([\w.]+)=(.*)$/s.exec(text) ?? [];
  const known = SETTINGS.find((one) => nameOf(one) === name);
  if (!known) {
    const near = name === undefined ? 'a setting and its value, as sampler.thin=5' : `a setting, got '${name}'`;
    throw new InvalidArgumentError(`Expected ${near}. docs/settings.md lists them.`);
  }
  const path = name.split('.').reverse();
  const nested = path.reduce<unknown>((inner, key) => ({ [key]: inner }), yaml(value));
  return mergeConfigs(earlier, nested as FitConfig);
}

/** The fields of `flags` that were given. */
export function chosen<T extends object, K extends keyof T>(flags: T, names: readonly K[]): Partial<Pick<T, K>> {
  return Object.fromEntries(
    names.flatMap((name) => (flags[name] === undefined ? [] : [[name, flags[name]]])),
  ) as Partial<Pick<T, K>>;
}

function yaml(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new InvalidArgumentError(`Expected YAML, got ${(error as Error).message.split('\n')[0]}`);
  }
}

/** Preset, then configuration file, then flags, then what `--set` says. */
export function configOf(flags: FitFlags): FitConfig {
  const preset = flags.preset ? PRESETS[flags.preset] : {};
  const file = flags.config ? readConfig(flags.config) : {};
  const values: Readonly<Record<string, unknown>> = { ...flags };
  return mergeConfigs(preset, file, configOfFlags(SETTINGS, values), flags.set ?? {});
}

function readConfig(path: string): FitConfig {
  if (!existsSync(path)) throw specError(`${path}: expected a configuration file, got no such file. Check --config.`);
  return parseYamlConfig(readFileSync(path, 'utf8'), path);
}
