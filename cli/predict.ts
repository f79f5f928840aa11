/** `smile predict RUN DATA`: a row of prediction per row of data. */
import { Command, InvalidArgumentError } from 'commander';
import Papa from 'papaparse';
import { type PredictOptions, predict } from '../src/run/predict.ts';
import { writeWhole } from '../src/store/files.ts';

const probabilities = (text: string): number[] =>
  text.split(',').map((part) => {
    const value = Number(part);
    if (!(value > 0 && value < 1)) throw new InvalidArgumentError('Expected numbers between 0 and 1.');
    return value;
  });

export function predictCommand(): Command {
  return new Command('predict')
    .description('Predict new rows with every draw of a run.')
    .argument('<run>', 'run directory of a fit')
    .argument('<data>', 'file with the columns of the training data; a target column is ignored')
    .option('-o, --out <file>', 'write here instead of to standard output')
    .option(
      '-q, --quantiles <p,…>',
      'quantiles of a regression (default: 0.025,0.05,0.25,0.5,0.75,0.95,0.975)',
      probabilities,
    )
    .option('--seed <n>', 'accepted for symmetry: predictions use every draw and no random numbers')
    .option('--json', 'print JSON instead of CSV')
    .addHelpText(
      'after',
      `
Columns of a regression: mean, aleatoric and epistemic standard deviation, quantiles; in the units of the target.
Columns of a classification: predicted class, probabilities, aleatoric and epistemic entropy in nats.

Examples:
  $ smile predict smile-runs/houses-psmile-0 new-houses.csv > predictions.csv
  $ smile predict smile-runs/houses-psmile-0 new-houses.csv -q 0.1,0.5,0.9 -o predictions.csv`,
    )
    .action(async (run: string, data: string, flags: { out?: string; quantiles?: number[]; json?: boolean }) => {
      const options: PredictOptions = { run, data, ...(flags.quantiles && { quantiles: flags.quantiles }) };
      const predictions = await predict(options);
      for (const warning of predictions.warnings) console.error(`warning: ${warning}`);
      const text = flags.json
        ? `${JSON.stringify(predictions, null, 2)}\n`
        : `${Papa.unparse([...predictions.rows], { newline: '\n' })}\n`;
      if (flags.out) writeWhole(flags.out, text);
      else process.stdout.write(text);
    });
}
