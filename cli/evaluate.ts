/** `smile evaluate RUN`: the table of scores again. */
import { Command } from 'commander';
import { evaluateRows } from '../src/answers/evaluate.ts';
import { outOfDistribution } from '../src/answers/ood.ts';
import { withRun } from '../src/spec/opened-run.ts';
import { showEvaluation } from './table.ts';

export function evaluateCommand(): Command {
  return new Command('evaluate')
    .description('Score a run on its validation and test rows: deep ensemble beside Bayesian ensemble.')
    .argument('<run>', 'run directory of a fit')
    .option('--ood <file>', 'rows from elsewhere, with the input columns: does the run find them strange?')
    .option('--seed <n>', 'accepted for symmetry: scores use every draw and no random numbers')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  $ smile evaluate smile-runs/houses-psmile-0\n  $ smile evaluate smile-runs/houses-psmile-0 --json\n  $ smile evaluate smile-runs/houses-psmile-0 --ood castles.csv',
    )
    .action(async (run: string, { ood, json = false }: { ood?: string; json?: boolean }) => {
      const { evaluation, strange } = await withRun(run, async (opened) => ({
        evaluation: (await evaluateRows(opened)).evaluation,
        strange: ood === undefined ? undefined : await outOfDistribution(opened, ood),
      }));
      showEvaluation({ ...evaluation, ...(strange && { outOfDistribution: strange }) }, json);
      for (const warning of strange?.warnings ?? []) console.error(`warning: ${warning}`);
      if (!strange || json) return;
      const { strangeSentence } = await import('../src/report/text.ts');
      console.log(strangeSentence(strange));
    });
}
