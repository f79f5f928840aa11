/** `smile fit DATA`: the main job. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Command } from 'commander';
import type { Evaluation } from '../src/answers/evaluate.ts';
import { type FitOptions, fit, prepareRun } from '../src/control/fit.ts';
import type { FitEvent } from '../src/spec/records.ts';
import type { FitConfig } from '../src/spec/spec.ts';
import { type EngineFlags, withEngine, withEngineOptions } from './engine-options.ts';
import { chosen, configOf, dataOf, type FitFlags, withModelOptions } from './fit-options.ts';
import { interruption } from './interrupt.ts';
import { seconds } from './numbers.ts';
import { progressScreen } from './progress.ts';
import { showEvaluation } from './table.ts';

export function fitCommand(): Command {
  const command = new Command('fit')
    .description('Fit a Bayesian ensemble to a table, images or a text, and score it beside the deep ensemble.')
    .argument('[data]', 'a table, images with a class each (file or folder), or a text')
    .option('-o, --out <dir>', 'run directory (default: smile-runs/<data>-<sampler>-<seed>)')
    .option('--force', 'replace an earlier run in the directory')
    .option('--prepare', 'write the run directory only: `smile chain` or `smile resume` then do the work')
    .option(
      '--checkpoint-every <seconds>',
      'seconds between checkpoints, from which `smile resume` goes on (default: 15)',
      seconds,
    )
    .option('--quiet', 'no progress and notes');
  return withModelOptions(withEngineOptions(command))
    .addHelpText(
      'after',
      `
Examples:
  $ smile fit houses.csv --target price
  $ smile fit patients.csv -t outcome --categorical ward --exclude id --seed 7
  $ smile fit flats.csv --exclude '"floor, m2",id' --missing unknown --decimal comma
  $ smile fit airfoil.data --preset paper --sampler psmile-naive
  $ smile fit train.csv --target price --valid valid.csv --test test.csv
  $ smile fit houses.csv --model trained.onnx --parameters last
  $ smile fit houses.csv --target price --likelihood student-t
  $ smile fit houses.csv --model a.onnx b.onnx c.onnx --test latest.csv
  $ smile fit houses.csv --model dollars.onnx --prior-around
  $ smile fit houses.csv --prior laplace --prior-scale 0.5
  $ smile fit pixels.csv --model large.onnx --device webgpu --stepping device
  $ smile fit train-images-idx3-ubyte.gz --test t10k-images-idx3-ubyte.gz --preset paper-lenet-small
  $ smile fit plays.txt --model gpt --context 64 --width 128 --depth 2 --heads 4
  $ smile fit sales.csv --config fit.yaml --json > result.json
  $ smile fit sales.csv --engine bullmq --redis redis://queue-host:6379 --secret-file smile.secret

Ctrl-C ends the chains at their next step and scores what was drawn; a second Ctrl-C leaves at once. Either way, and after a
crash, smile resume goes on.`,
    )
    .action(async (named: string | undefined, flags: FitFlags) => {
      const data = dataOf(named, flags);
      const config = configOf(flags);
      const out = flags.out ?? defaultFolder(data, config);
      const { checkpointEvery: checkpointSeconds } = flags;
      if (flags.prepare) {
        const onEvent = (event: FitEvent) => event.type === 'note' && !flags.quiet && console.error(event.message);
        await prepareRun({ data, out, config, onEvent, ...chosen(flags, ['force', 'maxUnpacked']) }, false);
        console.log(flags.json ? JSON.stringify({ run: out }) : out);
        return;
      }
      const more = chosen(flags, ['force', 'workers', 'maxUnpacked']);
      await runFit({ data, out, config, checkpointSeconds, ...more }, flags);
    });
}

/** Runs a fit with progress, Ctrl-C, output and exit code. */
export const runFit = (options: FitOptions, flags: OutputFlags & EngineFlags): Promise<Evaluation> =>
  withProgress(flags, (signal, onEvent) =>
    withEngine(flags, options.out, noteTo(onEvent), (engine) => fit({ ...options, engine, signal, onEvent })),
  );

export const noteTo = (onEvent: (event: FitEvent) => void) => (message: string) => onEvent({ type: 'note', message });

interface OutputFlags {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Does long work with progress on the screen; Ctrl-C asks it to stop, its evaluation is shown. */
export async function withProgress(
  flags: OutputFlags,
  work: (signal: AbortSignal, onEvent: (event: FitEvent) => void) => Promise<Evaluation>,
): Promise<Evaluation> {
  const signal = interruption('\nstopping: the draws so far are being stored and scored (Ctrl-C again leaves at once)');
  const screen = progressScreen(flags.quiet ?? false);
  try {
    const evaluation = await work(signal, screen.show);
    screen.end();
    showEvaluation(evaluation, flags.json ?? false);
    return evaluation;
  } finally {
    screen.end();
  }
}

/** A folder that is not taken yet. */
function defaultFolder(data: string, config: FitConfig): string {
  const stem = basename(data)
    .replace(/\.(gz)$/, '')
    .replace(/\.[^.]+$/, '');
  const name = join('smile-runs', `${stem}-${config.sampler?.name ?? 'psmile'}-${config.seed ?? 0}`);
  for (let i = 1; ; i++) {
    const folder = i === 1 ? name : `${name}-${i}`;
    if (!existsSync(folder)) return folder;
  }
}
