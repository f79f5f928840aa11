/** Flags made from the settings of a configuration: how they read, what help says of them, and the configuration they amount to. */
import { InvalidArgumentError, Option } from 'commander';
import Papa from 'papaparse';
import { z } from 'zod';
import type { Flag, Reading, Setting } from '../src/spec/settings/setting.ts';
import type { FitConfig } from '../src/spec/spec.ts';
import { number } from './numbers.ts';

type Read = (text: string, earlier?: never) => unknown;

const list = (text: string): string[] => text.split(',').map((name) => name.trim());

/** Names as a line of CSV, so that a name may hold commas; the flag may be given again. */
const names = (text: string, earlier: readonly string[] = []): string[] => [
  ...earlier,
  ...Papa.parse<string[]>(text, { delimiter: ',' })
    .data.flat()
    .map((name) => name.trim()),
];

const SECONDS: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600 };

/** Seconds of `90`, `90s`, `15m`, `2h`. */
function time(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)([smh]?)$/.exec(text) ?? [];
  if (amount === undefined) throw new InvalidArgumentError('Expected a time such as 90s, 15m or 2h.');
  return Number(amount) * SECONDS[unit];
}

const numberOrAuto = (text: string): number | 'auto' => {
  if (text === 'auto') return text;
  try {
    return number(text);
  } catch {
    throw new InvalidArgumentError('Expected a number, or auto.');
  }
};

/** Undefined where the words stay as they are. */
const READINGS: Readonly<Record<Reading, Read | undefined>> = {
  column: (text) => (/^-?\d+$/.test(text) ? Number(text) : text),
  'file or fraction': (text) => (/^\d*\.\d+(e-?\d+)?$/.test(text) ? Number(text) : text),
  files: undefined,
  list,
  'number or auto': numberOrAuto,
  numbers: (text) => list(text).map(number),
  text: undefined,
  time,
};

function readingOf({ kind }: Setting, { reads }: Flag): Read | undefined {
  if (reads) return READINGS[reads];
  if (kind instanceof z.ZodNumber) return number;
  return kind instanceof z.ZodArray ? (names as Read) : undefined;
}

/** What help says: the first sentence of the description, and what is usual. */
function helpOf(setting: Setting, flag: Flag): string {
  const [, told, stated] = /^(.*?)(?: Default (.*))?\.$/s.exec(setting.description)!;
  const [first] = (flag.says ?? told).split('. ');
  const usual = flag.usual ?? stated ?? usualText(setting.usual);
  const said = first.replace(/^[A-Z](?=[a-z ])/, (letter) => letter.toLowerCase()).replace(/\.$/, '');
  return usual === undefined ? said : `${said} (default: ${usual})`;
}

/** Undefined where a default says nothing. */
function usualText(usual: unknown): string | undefined {
  if (usual === undefined || usual === false || String(usual) === '') return undefined;
  return String(usual);
}

/** The options of a setting: its flag, and the same with `--no-` where it has one. */
export function optionsOf(setting: Setting): Option[] {
  const { flag } = setting;
  if (!flag) return [];
  const option = new Option(flag.flag, helpOf(setting, flag));
  const choices = flag.choices ?? (setting.kind instanceof z.ZodEnum && !flag.reads ? setting.kind.options : undefined);
  const read = readingOf(setting, flag);
  if (choices) option.choices(choices as string[]);
  else if (read) option.argParser(read as (text: string, earlier: unknown) => unknown);
  return flag.no === undefined ? [option] : [option, new Option(`--no-${option.name()}`, flag.no)];
}

/** The configuration that the values of flags amount to. */
export function configOfFlags(settings: readonly Setting[], values: Readonly<Record<string, unknown>>): FitConfig {
  const config: Record<string, unknown> = {};
  for (const { section, name, flag } of settings) {
    if (!flag) continue;
    const value = values[new Option(flag.flag).attributeName()];
    if (value === undefined) continue;
    const said = flag.to ? flag.to(value as never) : { [name]: value };
    if (section === undefined) Object.assign(config, said);
    else config[section] = { ...(config[section] as object), ...said };
  }
  return config as FitConfig;
}
