/** `smile demo`: the main job on a small generated data set. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { demoCsv } from '../src/data/demo.ts';
import { writeWhole } from '../src/store/files.ts';
import { runFit } from './fit.ts';
import { wholeFrom } from './numbers.ts';

export function demoCommand(): Command {
  return new Command('demo')
    .description('Fit generated data whose noise grows along x and that leave a gap: a first result in half a minute.')
    .option('-o, --out <dir>', 'folder for the data and the run', 'smile-runs/demo')
    .option('--seed <n>', 'seed of data and fit', wholeFrom(0), 0)
    .option('--quick', 'a tenth of the steps, to see that everything works')
    .option('--json', 'print the result as JSON')
    .option('--quiet', 'no progress and notes')
    .addHelpText('after', '\nExamples:\n  $ smile demo\n  $ smile predict smile-runs/demo/run smile-runs/demo/data.csv')
    .action(async (flags: { out: string; seed: number; quick?: boolean; json?: boolean; quiet?: boolean }) => {
      const data = join(flags.out, 'data.csv');
      const run = join(flags.out, 'run');
      writeWhole(data, demoCsv(flags.seed));
      if (existsSync(run)) rmSync(run, { recursive: true });
      const steps = flags.quick ? 1000 : 10_000;
      const config = {
        model: { likelihood: 'gaussian-per-input' as const },
        sampler: { warmup: steps, steps },
        chains: flags.quick ? 4 : 10,
        seed: flags.seed,
      };
      await runFit({ data, out: run, config }, flags);
      if (!flags.json) console.log(`next: smile predict ${run} ${data}`);
    });
}
