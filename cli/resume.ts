/** `smile resume RUN`: goes on where a run was stopped or killed, or makes it longer. */
import { Command, InvalidArgumentError } from 'commander';
import { resume } from '../src/control/resume.ts';
import { type EngineFlags, withEngine, withEngineOptions } from './engine-options.ts';
import { noteTo, withProgress } from './fit.ts';
import { seconds, wholeFrom } from './numbers.ts';

const more = (text: string): number => {
  const value = Number(text.replace(/^\+/, ''));
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('Expected a number of more, such as +1000.');
  return value;
};

interface ResumeFlags extends EngineFlags {
  draws?: number;
  chains?: number;
  workers?: number;
  checkpointEvery?: number;
  json?: boolean;
  quiet?: boolean;
}

export function resumeCommand(): Command {
  const command = new Command('resume')
    .description('Go on with a run that was stopped or killed, to the bit as if it never had been; or make it longer.')
    .argument('<run>', 'run directory of a fit')
    .option('--draws <+n>', 'more draws of every chain than the run has', more)
    .option('--chains <+n>', 'more chains than the run has', more)
    .option('--workers <n>', 'worker threads (default: the number of cores, or 1 on a GPU)', wholeFrom(0))
    .option('--checkpoint-every <seconds>', 'seconds between checkpoints (default: 15)', seconds)
    .option('--json', 'print the result as JSON')
    .option('--quiet', 'no progress and notes');
  return withEngineOptions(command)
    .addHelpText(
      'after',
      `
Chains go on from their last checkpoint, whatever the number of workers; a damaged checkpoint is named and the one
before it used. Draws are the same as of a run that was never disturbed.

Examples:
  $ smile resume smile-runs/houses-psmile-0
  $ smile resume smile-runs/houses-psmile-0 --draws +1000
  $ smile resume smile-runs/houses-psmile-0 --chains +2`,
    )
    .action(async (run: string, flags: ResumeFlags) => {
      const { checkpointEvery: checkpointSeconds, draws, chains, workers } = flags;
      await withProgress(flags, (signal, onEvent) =>
        withEngine(flags, run, noteTo(onEvent), (engine) =>
          resume(run, { draws, chains, workers, engine, checkpointSeconds, signal, onEvent }),
        ),
      );
    });
}
