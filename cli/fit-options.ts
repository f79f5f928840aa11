/** The flags that say what to fit, and the configuration they amount to. */
import { existsSync, readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import Papa from 'papaparse';
import { specError } from '../src/errors.ts';
import { PRIOR_NAMES, type PriorName } from '../src/models/prior-families.ts';
import { MODEL_NAMES, type ModelName } from '../src/models/registry.ts';
import { SAMPLER_NAMES, type SamplerName } from '../src/samplers/registry.ts';
import { PRESET_NAMES, PRESETS, type PresetName } from '../src/spec/presets.ts';
import { type FitConfig, LIKELIHOODS, mergeConfigs, parseYamlConfig } from '../src/spec/spec.ts';
import type { EngineFlags } from './engine-options.ts';
import { number, wholeFrom } from './numbers.ts';
import { size } from './units.ts';

/** A number, or auto. */
const numberOrAuto = (text: string): number | 'auto' => {
  if (text === 'auto') return text;
  try {
    return number(text);
  } catch {
    throw new InvalidArgumentError('Expected a number, or auto.');
  }
};

const list = (text: string): string[] => text.split(',').map((name) => name.trim());
/** Names as a line of CSV, so that a name may hold commas; the flag may be given again. */
const names = (text: string, earlier: readonly string[] = []): string[] => [
  ...earlier,
  ...Papa.parse<string[]>(text, { delimiter: ',' })
    .data.flat()
    .map((name) => name.trim()),
];
const numbers = (text: string): number[] => list(text).map(number);
const column = (text: string): string | number => (/^-?\d+$/.test(text) ? Number(text) : text);

/** A fraction, or else the name of a file. */
const fileOrFraction = (text: string): string | number => (/^\d*\.\d+(e-?\d+)?$/.test(text) ? Number(text) : text);

/** Of the planned gradients, for repairs. */
const USUAL_SHARE = 0.5;
/** Nats per row. */
const USUAL_PLATEAU = 0.001;
const SECONDS: Record<string, number> = { '': 1, s: 1, m: 60, h: 3600 };

/** Seconds of `90`, `90s`, `15m`, `2h`. */
function time(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)([smh]?)$/.exec(text) ?? [];
  if (amount === undefined) throw new InvalidArgumentError('Expected a time such as 90s, 15m or 2h.');
  return Number(amount) * SECONDS[unit];
}

export interface FitFlags extends EngineFlags {
  config?: string;
  preset?: PresetName;
  out?: string;
  force?: boolean;
  workers?: number;
  checkpointEvery?: number;
  prepare?: boolean;
  json?: boolean;
  quiet?: boolean;
  target?: string | number;
  task?: 'regression' | 'classification';
  delimiter?: string;
  header?: boolean;
  maxUnpacked?: number;
  categorical?: string[];
  exclude?: string[];
  decimal?: 'point' | 'comma';
  keep?: string[];
  missing?: string[];
  notMissing?: string[];
  standardise?: 'train' | 'all' | 'none';
  valid?: string | number;
  test?: string | number;
  model?: string[];
  priorAround?: boolean;
  parameters?: string[];
  context?: number;
  width?: number;
  depth?: number;
  heads?: number;
  patch?: number;
  hidden?: number[];
  activation?: 'relu' | 'tanh' | 'gelu' | 'silu';
  likelihood?: (typeof LIKELIHOODS)[number];
  prior?: PriorName;
  priorScale?: number;
  sampler?: SamplerName;
  mode?: 'sound' | 'paper';
  stepSize?: number;
  batchSize?: number;
  warmup?: number;
  steps?: number;
  thin?: number;
  epochs?: number;
  members?: string;
  chains?: number;
  seed?: number;
  drawsType?: 'float32' | 'float16';
  device?: 'cpu' | 'webgpu';
  stepping?: 'auto' | 'host' | 'device';
  threads?: number | 'auto';
  sharing?: 'auto' | 'operators' | 'rows';
  recompute?: 'auto' | 'always' | 'never';
  chainsPerGraph?: number;
  maxGradients?: number;
  maxTime?: number;
  plateau?: number | true;
  minDraws?: number;
  repair?: number | boolean;
}

/** The data file: what stands alone, or, where it was taken for one more of the models before it, the last of those. */
export function dataOf(data: string | undefined, flags: FitFlags): string {
  if (data !== undefined) return data;
  const last = flags.model && flags.model.length > 1 ? flags.model.at(-1)! : '.onnx';
  if (last.endsWith('.onnx')) throw specError('data: expected a file to fit, got none. Name it before the flags.');
  flags.model = flags.model!.slice(0, -1);
  return last;
}

/** Adds them to a command. */
export function withModelOptions(command: Command): Command {
  return command
    .addOption(new Option('-c, --config <file>', 'YAML file that says what the flags say; flags win'))
    .addOption(
      new Option('--preset <name>', "settings of the paper's experiments; paper is paper-uci").choices(PRESET_NAMES),
    )
    .option('--workers <n>', 'worker threads (default: the number of cores, or 1 on a GPU)', wholeFrom(0))
    .option('--json', 'print the result as JSON')
    .optionsGroup('Data:')
    .option('-t, --target <column>', 'name, or else index, of the target (default: the last column)', column)
    .addOption(new Option('--task <task>', 'recognised when left out').choices(['regression', 'classification']))
    .option('--delimiter <char>', 'comma, semicolon, tab, bar or space; recognised when left out')
    .addOption(
      new Option('--decimal <mark>', 'decimal mark of numbers that show none, such as 1,234').choices([
        'point',
        'comma',
      ]),
    )
    .option('--header', 'the first line names the columns; recognised when left out')
    .option('--no-header', 'the first line is data')
    .option('--max-unpacked <size>', 'what a .gz may unpack to (default: 1GB)', size)
    .option('--categorical <columns>', 'columns to read as categories: a line of CSV, again and again', names)
    .option('--exclude <columns>', 'columns to leave out, likewise', names)
    .option('--keep <columns>', 'columns to use although they look like identifiers, likewise', names)
    .option('--missing <words>', 'words that stand for a missing value besides the usual ones, likewise', names)
    .option('--not-missing <words>', 'usual ones that are categories or classes here, such as NA', names)
    .addOption(
      new Option('--standardise <rows>', "rows for mean and deviation; all is the paper's").choices([
        'train',
        'all',
        'none',
      ]),
    )
    .option(
      '--valid <rows>',
      'rows for early stopping, σ and calibration: a file of their own, or a fraction (default: 0.1)',
      fileOrFraction,
    )
    .option(
      '--test <rows>',
      'rows for the last word: a file of their own, or a fraction (default: 0.2)',
      fileOrFraction,
    )
    .optionsGroup('Model:')
    .option(
      '--model <files...>',
      `${MODEL_NAMES.join(', ')}, or a trained network (ONNX) to use; its weights are the warm start (see smile inspect). Several of one graph: chains start from each in turn`,
    )
    .option(
      '--parameters <names>',
      "which of its tensors to sample: all (default), last for the last layer's, or names",
      list,
    )
    .option('--context <n>', 'symbols that a gpt sees at a time (default: 256)', number)
    .option('--width <n>', 'of a gpt or vit (default: 384)', number)
    .option('--depth <n>', 'blocks of a gpt or vit (default: 6 and 12)', number)
    .option('--heads <n>', 'heads of attention of a gpt or vit (default: 6 and 8)', number)
    .option('--patch <n>', 'side of the patches of a vit (default: 16)', number)
    .option('--hidden <widths>', 'hidden layers (default: 16,16,16)', numbers)
    .addOption(new Option('--activation <name>', 'default: relu').choices(['relu', 'tanh', 'gelu', 'silu']))
    .addOption(
      new Option('--likelihood <name>', 'default: auto, what explains validation rows best').choices(LIKELIHOODS),
    )
    .addOption(new Option('--prior <name>', 'default: normal').choices(PRIOR_NAMES))
    .option('--prior-scale <sd>', 'scale of the prior, for those without their own (default: 1)', number)
    .option('--prior-around', "centre the prior at the given network's weights, in units of each tensor")
    .optionsGroup('Sampling:')
    .addOption(new Option('-s, --sampler <name>', 'default: psmile').choices(SAMPLER_NAMES))
    .addOption(
      new Option('--mode <mode>', "sound (default), or the paper's code to the letter").choices(['sound', 'paper']),
    )
    .option(
      '--step-size <ε>',
      "fixed, or a start value where the sampler tunes it (default: the sampler's usual)",
      number,
    )
    .option(
      '--batch-size <rows>',
      'rows per mini-batch (default: 256, or all rows if fewer or the sampler needs them)',
      number,
    )
    .option('--warmup <steps>', 'steps before the first draw (default: 10000)', number)
    .option('--steps <steps>', 'steps of sampling (default: 10000)', number)
    .option('--thin <steps>', 'steps per stored draw (default: 10)', number)
    .option('--epochs <n>', 'longest warm start (default: 200, with --model 0)', number)
    .option('--members <run>', 'take the members of an earlier run, on the same rows, as they are; none is trained')
    .option('-k, --chains <n>', 'members of the ensemble, a chain from each (default: 10)', number)
    .option('--seed <n>', 'default: 0', number)
    .addOption(
      new Option('--draws-type <type>', 'default: float32; float16 takes half the disk').choices([
        'float32',
        'float16',
      ]),
    )
    .optionsGroup('Computing:')
    .addOption(new Option('--device <name>', 'where gradients are computed (default: cpu)').choices(['cpu', 'webgpu']))
    .addOption(
      new Option('--stepping <place>', 'where the vectors of a step live (default: auto)').choices([
        'auto',
        'host',
        'device',
      ]),
    )
    .option(
      '--threads <n>',
      'threads of a worker (default: auto, one where chains use all cores or run elsewhere, else what a trial finds)',
      numberOrAuto,
    )
    .addOption(
      new Option('--sharing <what>', 'what several threads share out (default: auto, what a trial finds)').choices([
        'auto',
        'operators',
        'rows',
      ]),
    )
    .addOption(
      new Option('--recompute <when>', 'compute again rather than keep in memory (default: auto)').choices([
        'auto',
        'always',
        'never',
      ]),
    )
    .option('--chains-per-graph <n>', 'chains evaluated in one call (default: by trial)', number)
    .option(
      '--repair [share]',
      `begin chains again that drift, step too far or are stuck, with at most this share of the planned gradients (default: ${USUAL_SHARE})`,
      number,
    )
    .option('--no-repair', 'score chains as they are')
    .optionsGroup('Stopping early (smile resume goes on beyond):')
    .option('--max-gradients <n>', 'end when every chain has spent so many gradients', number)
    .option('--max-time <time>', 'end after a time such as 90s, 15m or 2h', time)
    .option(
      '--plateau [nats]',
      `end when the second half of the draws changes the running LPPD by no more (default: ${USUAL_PLATEAU} per row)`,
      number,
    )
    .option('--min-draws <n>', 'draws of every chain before a plateau may end the run (default: 200)', number);
}

/** The fields of `flags` that were given. */
export function chosen<T extends object, K extends keyof T>(flags: T, names: readonly K[]): Partial<Pick<T, K>> {
  return Object.fromEntries(
    names.flatMap((name) => (flags[name] === undefined ? [] : [[name, flags[name]]])),
  ) as Partial<Pick<T, K>>;
}

const parameterChoice = (names: string[]) =>
  names.length === 1 && (names[0] === 'all' || names[0] === 'last') ? names[0] : names;

const DELIMITERS: Record<string, string> = { comma: ',', semicolon: ';', tab: '\t', bar: '|', space: ' ', '\\t': '\t' };

/** Preset, then configuration file, then flags. */
export function configOf(flags: FitFlags): FitConfig {
  const { delimiter, sampler } = flags;
  const data = chosen(flags, [
    'target',
    'task',
    'header',
    'categorical',
    'exclude',
    'keep',
    'missing',
    'notMissing',
    'standardise',
  ]);
  const given = {
    data: {
      ...data,
      ...heldOut(flags),
      ...(delimiter !== undefined && { delimiter: DELIMITERS[delimiter] ?? delimiter }),
      ...(flags.decimal !== undefined && { decimal: flags.decimal === 'comma' ? ',' : '.' }),
    },
    model: {
      ...chosen(flags, ['hidden', 'activation', 'likelihood', 'prior', 'priorScale', 'priorAround']),
      ...modelOf(flags),
      ...chosen(flags, ['context', 'width', 'depth', 'heads', 'patch']),
      ...(flags.parameters && { parameters: parameterChoice(flags.parameters) }),
    },
    warmStart: chosen(flags, ['epochs', 'members']),
    sampler: {
      ...chosen(flags, ['mode', 'stepSize', 'batchSize', 'warmup', 'steps', 'thin']),
      ...(sampler && { name: sampler }),
    },
    stop: stopOf(flags),
    repair: repairOf(flags),
    compute: chosen(flags, ['device', 'stepping', 'threads', 'sharing', 'recompute', 'chainsPerGraph']),
    storage: flags.drawsType === undefined ? {} : { draws: flags.drawsType },
    ...chosen(flags, ['chains', 'seed']),
  } as FitConfig;
  const preset = flags.preset ? PRESETS[flags.preset] : {};
  return mergeConfigs(preset, flags.config ? readConfig(flags.config) : {}, given);
}

const heldOut = ({ valid, test }: FitFlags) => ({
  ...(valid !== undefined && { [typeof valid === 'number' ? 'valid' : 'validFile']: valid }),
  ...(test !== undefined && { [typeof test === 'number' ? 'test' : 'testFile']: test }),
});

/** A network by its name, or files of one. */
function modelOf({ model: [first, ...starts] = [] }: FitFlags): FitConfig['model'] {
  if (first === undefined) return {};
  if (starts.length === 0 && MODEL_NAMES.includes(first as ModelName)) return { name: first as ModelName };
  return { network: first, ...(starts.length > 0 && { starts }) };
}

const stopOf = ({ maxGradients, maxTime, plateau, minDraws }: FitFlags): FitConfig['stop'] => ({
  ...(maxGradients !== undefined && { gradients: maxGradients }),
  ...(maxTime !== undefined && { seconds: maxTime }),
  ...(plateau !== undefined && { plateau: plateau === true ? USUAL_PLATEAU : plateau }),
  ...(minDraws !== undefined && { minDraws }),
});

/** A bare `--repair` is `true`. */
const repairOf = ({ repair }: FitFlags): FitConfig['repair'] =>
  repair === undefined ? {} : { share: repair === true ? USUAL_SHARE : Number(repair) };

function readConfig(path: string): FitConfig {
  if (!existsSync(path)) throw specError(`${path}: expected a configuration file, got no such file. Check --config.`);
  return parseYamlConfig(readFileSync(path, 'utf8'), path);
}
