/** `smile chain RUN --index I`: one chain of a prepared run, for job arrays. */
import { Command } from 'commander';
import { runBlock } from '../src/chains/block.ts';
import { standingOf } from '../src/chains/checkpoint.ts';
import { isFinished, unfinishedChains } from '../src/chains/goal.ts';
import { specError } from '../src/errors.ts';
import { loadRun } from '../src/spec/loaded-run.ts';
import { setStatus } from '../src/store/rundir.ts';
import { interruption } from './interrupt.ts';
import { seconds, wholeFrom } from './numbers.ts';
import { progressScreen } from './progress.ts';

interface ChainFlags {
  index: number;
  checkpointEvery?: number;
  quiet?: boolean;
}

export function chainCommand(): Command {
  return new Command('chain')
    .description('Run one chain of a run, from its checkpoint if it has one: for job arrays of many machines.')
    .argument('<run>', 'run directory, made by `smile fit --prepare`')
    .requiredOption('--index <i>', 'chain, from 0', wholeFrom(0))
    .option('--checkpoint-every <seconds>', 'seconds between checkpoints (default: 15)', seconds)
    .option('--quiet', 'no progress')
    .addHelpText(
      'after',
      `
Every machine sees the run directory; smile resume scores the run when all chains are done. Draws are those of smile fit.
Exit code 2: stopped by a signal or smile stop, with a checkpoint; run it again.

Examples:
  $ smile fit houses.csv --target price --chains 20 --prepare -o run
  $ sbatch --array=0-19 --wrap 'smile chain run --index $SLURM_ARRAY_TASK_ID'
  $ smile resume run`,
    )
    .action(async (run: string, { index: chain, checkpointEvery, quiet }: ChainFlags) => {
      const prepared = loadRun(run);
      const { chains } = prepared.spec;
      if (chain >= chains) throw specError(`--index: expected one of 0 to ${chains - 1}, got ${chain}. Correct it.`);
      standingOf(prepared, chain, (damage) =>
        console.error(`chain ${chain}: ${damage} The checkpoint before it is used.`),
      );
      const signal = interruption();
      const screen = progressScreen(quiet ?? false);
      await runBlock(run, {
        chains: [chain],
        stopped: () => signal.aborted,
        onProgress: (block) => screen.show({ type: 'progress', block }),
        checkpointSeconds: checkpointEvery,
      });
      screen.end();
      const loaded = loadRun(run);
      if (unfinishedChains(loaded).length === 0) setStatus(run, 'done');
      if (isFinished(loaded, chain)) return;
      console.error(`chain ${chain}: stopped before its end; the same command goes on`);
      process.exitCode = 2;
    });
}
