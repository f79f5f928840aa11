/** `smile bench`: the analytic benchmark, the study of the step-size tuners, and the reference posteriors. */
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { CellSpec } from '../src/bench/cell.ts';
import { METHOD_NAMES, type MethodName } from '../src/bench/methods.ts';
import { writeWhole } from '../src/store/files.ts';
import { NOISE_LAWS, NOISE_STRUCTURES, type NoiseLaw, type NoiseStructure } from '../src/targets/noise.ts';
import { BENCH_TARGETS, type BenchTarget, PAPER_TARGETS } from '../src/targets/registry.ts';
import { interruption } from './interrupt.ts';
import { progressLine } from './progress.ts';

const TARGETS = Object.keys(BENCH_TARGETS) as BenchTarget[];
const NOISES = [...NOISE_STRUCTURES, 'none'] as const;

const choices =
  <T extends string>(allowed: readonly T[]) =>
  (text: string): T[] => {
    const chosen = text.split(',').map((name) => name.trim());
    const stranger = chosen.find((name) => !(allowed as readonly string[]).includes(name));
    if (stranger !== undefined) throw new InvalidArgumentError(`Got '${stranger}'. Choose from ${allowed.join(', ')}.`);
    return chosen as T[];
  };
const count = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || text.trim() === '')
    throw new InvalidArgumentError('Expected a whole number.');
  return value;
};
const positive = (text: string): number => {
  const value = count(text);
  if (value === 0) throw new InvalidArgumentError('Expected a number above 0.');
  return value;
};
const real = (text: string): number => {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('Expected a number above 0.');
  return value;
};

interface AnalyticFlags {
  target: BenchTarget[];
  noise: (NoiseStructure | 'none')[];
  sampler: MethodName[];
  steps?: number;
  replications?: number;
  stepSizes?: number;
  source: 'limit' | 'batches' | 'injected';
  law: NoiseLaw;
  shape: number;
  protocol: 'honest' | 'paper';
  preset?: 'quick';
  workers: number;
  seed: number;
  out: string;
  json?: boolean;
  quiet?: boolean;
}

/** Budgets: the benchmark proper, the paper's replications, and a look in under a minute. */
const SIZES = {
  honest: { steps: 1_000_000, replications: 30, stepSizes: 9 },
  paper: { steps: 1_000_000, replications: 7, stepSizes: 15 },
  quick: { steps: 20_000, replications: 8, stepSizes: 5 },
};
const QUICK_SAMPLERS: MethodName[] = ['smile-naive', 'psmile-naive', 'sgld', 'psmile-auto'];

function analyticCommand(): Command {
  return new Command('analytic')
    .description("The paper's Table 1: bias of second moments under gradient noise, on targets with exact moments.")
    .option('--target <names>', `of ${TARGETS.join(', ')}`, choices(TARGETS), [...PAPER_TARGETS])
    .option('--noise <names>', `of ${NOISES.join(', ')}`, choices(NOISES), [...NOISE_STRUCTURES])
    .option('--sampler <names>', `of ${METHOD_NAMES.join(', ')}`, choices(METHOD_NAMES), METHOD_NAMES)
    .option('--steps <n>', 'steps of two gradients; every method gets as many gradients (default: 1000000)', positive)
    .option('--replications <n>', 'chains judged in a cell (default: 30)', positive)
    .option('--step-sizes <n>', 'step sizes on the pilot grid (default: 9)', positive)
    .addOption(
      new Option('--source <kind>', 'sums of mini-batches of 409,600 vectors, their Gaussian limit, or an injected law')
        .choices(['limit', 'batches', 'injected'])
        .default('limit'),
    )
    .addOption(new Option('--law <name>', 'law of injected noise').choices(NOISE_LAWS).default('normal'))
    .option('--shape <x>', 'degrees of freedom of student-t, σ of log-normal', real, 5)
    .addOption(
      new Option('--protocol <name>', 'step size chosen on other seeds, exact truths; or the way of the paper')
        .choices(['honest', 'paper'])
        .default('honest'),
    )
    .addOption(new Option('--preset <name>', 'four samplers, small budgets: under a minute').choices(['quick']))
    .option('--workers <n>', 'worker threads; 0 for none', count, availableParallelism())
    .option('--seed <n>', 'seed of the judged chains', count, 42)
    .option('-o, --out <dir>', 'directory for results.json, results.md and a figure per target', 'smile-bench')
    .option('--json', 'print the results as JSON')
    .option('--quiet', 'no progress')
    .addHelpText(
      'after',
      `
b² is the mean over coordinates of (estimate of E[θ²] − E[θ²])²/Var[θ²]: about 1/n for n independent draws. Beside every
cell stand the paper's number and the null score, which a chain gets that never moves.

Examples:
  $ smile bench analytic --preset quick
  $ smile bench analytic --target icg --noise correlated --sampler psmile-naive,psmile-full
  $ smile bench analytic --protocol paper --sampler smile-naive,psmile-naive,sgld
  $ smile bench analytic --source injected --law student-t --shape 3 --target icg`,
    )
    .action(runAnalytic);
}

async function runAnalytic(flags: AnalyticFlags, command: Command): Promise<void> {
  const [{ runCells }, { cellLine, cellsMarkdown, targetFigure }] = await Promise.all([
    import('../src/bench/pool.ts'),
    import('../src/bench/report.ts'),
  ]);
  const size = SIZES[flags.preset ?? flags.protocol];
  const asked = command.getOptionValueSource('sampler') !== 'default';
  const samplers = flags.preset === 'quick' && !asked ? QUICK_SAMPLERS : flags.sampler;
  const specs: CellSpec[] = flags.target.flatMap((target) =>
    flags.noise.flatMap((structure) =>
      samplers.map((method) => ({
        target,
        noise: { structure, source: flags.source, law: flags.law, shape: flags.shape },
        method,
        protocol: flags.protocol,
        gradients: 2 * (flags.steps ?? size.steps),
        replications: flags.replications ?? size.replications,
        stepSizes: flags.stepSizes ?? size.stepSizes,
        seed: flags.seed,
      })),
    ),
  );
  const line = progressLine(flags.quiet ?? false);
  const signal = interruption();
  const results = await runCells(specs, {
    workers: flags.workers,
    signal,
    onProgress: (share, ended) => line.show(share, ended && cellLine(ended)),
  });
  line.end();
  mkdirSync(flags.out, { recursive: true });
  writeWhole(join(flags.out, 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
  writeWhole(join(flags.out, 'results.md'), `${cellsMarkdown(results)}\n`);
  for (const target of new Set(results.map((cell) => cell.target))) {
    writeWhole(join(flags.out, `${target}.svg`), targetFigure(target, results));
  }
  console.log(flags.json ? JSON.stringify(results, null, 2) : cellsMarkdown(results));
  if (!flags.json) console.log(`results: ${flags.out}`);
  if (signal.aborted) process.exitCode = 2;
}

function tunerCommand(): Command {
  return new Command('tuner')
    .description("Step sizes over time: the paper's quantile rule drifts, the set-point controller arrives.")
    .option('--steps <n>', 'steps of warm-up', positive, 15_000)
    .option('--chains <n>', 'chains of a setting', positive, 16)
    .option('--seed <n>', 'seed', count, 42)
    .option('--json', 'print the results as JSON')
    .addHelpText('after', '\nExamples:\n  $ smile bench tuner\n  $ smile bench tuner --steps 50000 --json')
    .action(async (flags: { steps: number; chains: number; seed: number; json?: boolean }) => {
      const { runTunerStudy, TUNER_STEP_SIZES, tunerMarkdown } = await import('../src/bench/tuner.ts');
      const rows = runTunerStudy({ ...flags, stepSizes: TUNER_STEP_SIZES });
      console.log(flags.json ? JSON.stringify(rows, null, 2) : tunerMarkdown(rows));
    });
}

function referencesCommand(): Command {
  return new Command('references')
    .description('MCLMC, tuned automatically, against reference posteriors (posteriordb, inference-gym).')
    .option(
      '--data-dir <dir>',
      'folder with posteriordb/ and inference-gym/',
      process.env.SMILE_DATA ?? '../shared/data',
    )
    .option('--chains <n>', 'chains', positive, 8)
    .option('--steps <n>', 'steps of sampling of each chain, after half as many of warm-up', positive, 20_000)
    .option('--seed <n>', 'seed', count, 42)
    .option('--json', 'print the results as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  $ smile bench references --data-dir data\n  $ smile bench references --chains 16 --json',
    )
    .action(async (flags: { dataDir: string; chains: number; steps: number; seed: number; json?: boolean }) => {
      const { referencesTable, runReferences } = await import('../src/bench/references.ts');
      const rows = runReferences(flags);
      console.log(flags.json ? JSON.stringify(rows, null, 2) : referencesTable(rows));
      if (rows.some(({ passed }) => !passed)) process.exitCode = 2;
    });
}

export function benchCommand(): Command {
  return new Command('bench')
    .description('Benchmarks of the samplers on targets with known answers.')
    .addCommand(analyticCommand())
    .addCommand(tunerCommand())
    .addCommand(referencesCommand());
}
