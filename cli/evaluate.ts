/** `smile evaluate RUN`: the table of scores again. */
import { Command } from 'commander';
import { evaluate } from '../src/run/evaluate.ts';
import { showEvaluation } from './table.ts';

export function evaluateCommand(): Command {
  return new Command('evaluate')
    .description('Score a run on its validation and test rows: deep ensemble beside Bayesian ensemble.')
    .argument('<run>', 'run directory of a fit')
    .option('--seed <n>', 'accepted for symmetry: scores use every draw and no random numbers')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  $ smile evaluate smile-runs/houses-psmile-0\n  $ smile evaluate smile-runs/houses-psmile-0 --json',
    )
    .action(async (run: string, flags: { json?: boolean }) => showEvaluation(await evaluate(run), flags.json ?? false));
}
