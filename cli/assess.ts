/** `smile assess FILE`: the same honesty for predictions made elsewhere. */
import { Command, InvalidArgumentError } from 'commander';
import { wholeFrom } from './numbers.ts';
import { progressLine } from './progress.ts';
import { writePage } from './report.ts';
import { verdictLines } from './table.ts';

const share = (text: string): number => {
  const value = Number(text);
  if (!(value > 0 && value < 1)) throw new InvalidArgumentError('Expected a number between 0 and 1.');
  return value;
};

interface AssessFlags {
  out: string;
  conformal: number;
  calibration: number;
  seed: number;
  ood?: string;
  json?: boolean;
  quiet?: boolean;
}

export function assessCommand(): Command {
  return new Command('assess')
    .description('Score, calibrate and judge the predictions of any ensemble, from a Parquet or CSV file.')
    .argument('<file>', 'a row per observation; columns below')
    .option('-o, --out <file>', 'HTML report; Markdown goes beside it', 'assessment.html')
    .option('--conformal <level>', 'level of the conformal intervals or sets', share, 0.9)
    .option('--calibration <part>', 'part of the rows that calibrates, the others test', share, 0.5)
    .option('--seed <n>', 'seed of that cut', wholeFrom(0), 0)
    .option('--ood <file>', 'predictions of the same members for rows from elsewhere, without y')
    .option('--json', 'print the scores as JSON')
    .option('--quiet', 'no progress')
    .addHelpText(
      'after',
      `
Columns of a regression: y, and for every member k mean_<k> and sd_<k> (or one column sd for all).
Columns of a classification: y, and for every member k and class p_<k>_<class>.
Parquet is read a column at a time: memory does not grow with the members.

Examples:
  $ smile assess predictions.parquet
  $ smile assess members.csv --conformal 0.95 -o members.html
  $ smile assess members.parquet --ood elsewhere.parquet`,
    )
    .action(async (file: string, flags: AssessFlags) => {
      const [{ assessmentPage }, { assess }] = await Promise.all([
        import('../src/report/assessment.ts'),
        import('../src/answers/assess.ts'),
      ]);
      const line = progressLine(flags.quiet ?? false);
      const { onMember, ...options } = {
        level: flags.conformal,
        calibration: flags.calibration,
        seed: flags.seed,
        ood: flags.ood,
        onMember: (done: number, total: number) => line.show(done / total),
      };
      const result = await assess(file, { ...options, onMember });
      line.end();
      const page = assessmentPage(result);
      const written = writePage(flags.out, page);
      const { source, task, rows, members, notes, verdict, recalibration, outOfDistribution } = result;
      const [[, { rows: scores }]] = page.tables;
      const about = { source, task, rows, members, scores: Object.fromEntries(scores) };
      const summary = { ...about, notes, recalibration, outOfDistribution, verdict };
      if (flags.json) console.log(JSON.stringify(summary, null, 2));
      else {
        for (const [name, value] of scores) console.log(`${name.padEnd(32)} ${value}`);
        console.log(['', ...verdictLines(verdict), ...page.findings, written].join('\n'));
      }
      if (!verdict.trusted) process.exitCode = 2;
    });
}
