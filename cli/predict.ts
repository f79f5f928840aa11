/** `smile predict RUN DATA`: a row of prediction per row of data. */
import { Command, InvalidArgumentError, Option } from 'commander';
import Papa from 'papaparse';
import { type Calibration, CONFORMAL_METHODS, type ConformalMethod } from '../src/answers/conformal.ts';
import { generate } from '../src/answers/generate.ts';
import { type Predictions, predict } from '../src/answers/predict.ts';
import type { PredictedRow } from '../src/answers/predict-rows.ts';
import type { RecalibratedRun, RecalibrationScores } from '../src/answers/recalibrate.ts';
import { specError } from '../src/errors.ts';
import { writeWhole } from '../src/store/files.ts';
import { wholeFrom } from './numbers.ts';
import { progressLine } from './progress.ts';
import { size } from './units.ts';

const probabilities = (text: string): number[] =>
  text.split(',').map((part) => {
    const value = Number(part);
    if (!(value > 0 && value < 1)) throw new InvalidArgumentError('Expected numbers between 0 and 1.');
    return value;
  });

const level = (text: string): number => {
  const [value, ...more] = probabilities(text);
  if (more.length > 0) throw new InvalidArgumentError('Expected one number between 0 and 1.');
  return value;
};

const significant = (text: string): number => {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 17) return value;
  throw new InvalidArgumentError('Expected a whole number from 1 to 17.');
};

/** Seconds of prediction before progress is shown. */
const PATIENCE = 2;

interface PredictFlags {
  out?: string;
  quantiles?: number[];
  conformal?: number;
  conformalMethod?: ConformalMethod;
  conformalGroup?: string;
  recalibrate?: boolean;
  ensemble?: 'bayesian' | 'deep';
  maxUnpacked?: number;
  id: string[];
  digits: number;
  json?: boolean;
  quiet?: boolean;
  generate?: number;
  prompt?: string;
  seed?: number;
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

/** What the calibration is worth, overall and by group. */
function calibrationText({ task, calibration }: Pick<Predictions, 'task'> & { calibration: Calibration }): string {
  const { method, level: asked, calibrationRows, testCoverage, testSize, groups = [] } = calibration;
  const lines = groups.map(({ group, calibrationRows: rows, own, testRows, testCoverage: held }) => {
    const note = own ? '' : ' (too few: common threshold)';
    const holds = testRows > 0 ? `holds ${percent(held)} of its ${testRows} test rows` : 'no test rows';
    return `  ${group}: ${rows} calibration rows${note}; ${holds}`;
  });
  const size =
    task === 'regression'
      ? `intervals of mean width ${testSize.toPrecision(3)}`
      : `sets of ${testSize.toFixed(2)} classes`;
  const more =
    task === 'classification' && testCoverage > asked + NOTABLE
      ? ' (more than asked: a set always holds the most probable class)'
      : '';
  return [
    `${method} at ${asked}: ${calibrationRows} calibration rows; ${size} hold ${percent(testCoverage)} of the test rows${more}`,
    ...lines,
  ].join('\n');
}

/** A coverage so far above what was asked deserves a reason. */
const NOTABLE = 0.05;

/** What the scale does to rows that it was not learned from. */
function recalibrationText(found: RecalibratedRun): string {
  const { scale, calibrationRows, testRows, crossFitted, helps, before, after } = found;
  const [what, measure] =
    before.coverage90 === undefined
      ? ['log probabilities divided by', 'expected calibration error']
      : ['deviations times', 'share inside the 90 % interval'];
  const number = (scores: RecalibrationScores) => (scores.coverage90 ?? scores.ece ?? Number.NaN).toFixed(3);
  const change = (from: RecalibrationScores, to: RecalibrationScores) =>
    `LPPD ${from.lppd.toFixed(4)} → ${to.lppd.toFixed(4)}, ${measure} ${number(from)} → ${number(to)}`;
  const judged = `on the ${calibrationRows} validation rows, each scaled by what the others teach, ${change(crossFitted.before, crossFitted.after)}`;
  const gain = `a gain of ${crossFitted.gain.toFixed(4)} ± ${crossFitted.error.toFixed(4)} nats per row`;
  return helps
    ? `${what} ${scale.toFixed(3)}: ${judged}, ${gain}; on ${testRows} test rows ${change(before, after)}`
    : `not recalibrated, it would not help: ${what} ${scale.toFixed(3)}, ${judged}, ${gain}. The predictions are as they were`;
}

/** CSV of the rows; a number that is none is an empty cell. */
function csvOf(rows: readonly PredictedRow[], digits: number): string {
  const cell = (value: number | string) => {
    if (typeof value === 'string') return value;
    return Number.isNaN(value) ? '' : Number(value.toPrecision(digits));
  };
  const lines = rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, cell(value)])));
  return `${Papa.unparse(lines, { newline: '\n' })}\n`;
}

/** Prints text that was drawn; with `json`, what is known of each token too. */
async function generated(
  run: string,
  {
    count,
    prompt = '',
    seed,
    ensemble,
  }: Pick<PredictFlags, 'prompt' | 'seed' | 'ensemble'> & { readonly count: number },
  { out, json }: { readonly out: string | undefined; readonly json: boolean | undefined },
): Promise<void> {
  const drawn = await generate({ run, prompt, count, seed, ensemble });
  const text = `${json ? JSON.stringify(drawn, null, 2) : drawn.text}\n`;
  if (out) writeWhole(out, text);
  else process.stdout.write(text);
}

export function predictCommand(): Command {
  return new Command('predict')
    .description('Predict new rows with every draw of a run.')
    .argument('<run>', 'run directory of a fit')
    .argument('[data]', 'data as those of training: a table, whose target column is ignored, images, or a text')
    .option('-o, --out <file>', 'write here instead of to standard output')
    .option(
      '-q, --quantiles <p,…>',
      'quantiles of a regression (default: 0.025,0.05,0.25,0.5,0.75,0.95,0.975)',
      probabilities,
    )
    .option(
      '--conformal <level>',
      'add an interval or set of classes that holds the truth with this probability',
      level,
    )
    .addOption(
      new Option('--conformal-method <name>', 'default: cqr for regression, aps for classes').choices(
        CONFORMAL_METHODS,
      ),
    )
    .option('--conformal-group <column>', 'input column whose groups get coverage of their own')
    .option(
      '--recalibrate',
      'scale deviations, or temper probabilities, as suits the validation rows best, if that helps on rows it was not learned from',
    )
    .addOption(
      new Option(
        '--ensemble <name>',
        "whose predictions: the draws' (default), or those of the deep ensemble they started from",
      ).choices(['bayesian', 'deep']),
    )
    .option('--max-unpacked <size>', 'what a .gz may unpack to (default: 1GB)', size)
    .option(
      '--id <column>',
      'pass a column of the data through; may be repeated',
      (name: string, names: string[]) => [...names, name],
      [],
    )
    .option('--digits <n>', 'significant digits of the numbers in CSV, 1 to 17', significant, 6)
    .option('--generate <n>', 'run of a text: draw so many tokens that go on from --prompt', wholeFrom(1))
    .option('--prompt <text>', 'what generated text begins with')
    .option('--quiet', 'no progress')
    .option(
      '--seed <n>',
      "of --generate (default: the run's); other predictions use every draw and no random numbers",
      wholeFrom(0),
    )
    .option('--json', 'print JSON instead of CSV')
    .addHelpText(
      'after',
      `
Columns of a regression: mean, aleatoric and epistemic standard deviation, quantiles; in the units of the target.
Columns of a classification: predicted class, probabilities, aleatoric and epistemic entropy in nats.
Rows of a text: token, the most probable one in its place, its log probability, entropies in nats; perplexity goes to standard error.
Then outside, the columns by which a row lies outside what the training rows showed, and unusable, the draws that predict nothing
finite there. Every row of the data has a line; where no draw predicts anything its cells are empty.
With --conformal: conformalLower and conformalUpper, or the set of classes, calibrated on the run's validation rows.

Examples:
  $ smile predict smile-runs/houses-psmile-0 new-houses.csv > predictions.csv
  $ smile predict smile-runs/houses-psmile-0 new-houses.csv -q 0.1,0.5,0.9 -o predictions.csv
  $ smile predict smile-runs/houses-psmile-0 new-houses.csv --id street --id number --digits 4
  $ smile predict smile-runs/houses-psmile-0 new-houses.csv --conformal 0.9
  $ smile predict smile-runs/houses-psmile-0 new-houses.csv --recalibrate
  $ smile predict smile-runs/houses-psmile-0 new-houses.csv --ensemble deep
  $ smile predict smile-runs/digits-psmile-0 t10k-images-idx3-ubyte.gz > predictions.csv
  $ smile predict smile-runs/plays-psmile-0 --generate 200 --prompt 'To be'`,
    )
    .action(async (run: string, data: string | undefined, { out, json, id, digits, quiet, ...asked }: PredictFlags) => {
      if (asked.generate !== undefined) {
        await generated(run, { ...asked, count: asked.generate }, { out, json });
        return;
      }
      if (data === undefined) throw specError('data: expected a file to predict, got none. Name it after the run.');
      const line = progressLine(quiet ?? false, PATIENCE);
      const predictions = await predict({ run, data, ids: id, onShare: (share) => line.show(share), ...asked });
      line.end();
      if (predictions.calibration)
        console.error(calibrationText({ ...predictions, calibration: predictions.calibration }));
      if (predictions.recalibration) console.error(recalibrationText(predictions.recalibration));
      for (const warning of predictions.warnings) console.error(`warning: ${warning}`);
      if (predictions.perplexity !== undefined)
        console.error(`perplexity ${predictions.perplexity.toPrecision(5)} over ${predictions.rows.length} tokens`);
      const text = json ? `${JSON.stringify(predictions, null, 2)}\n` : csvOf(predictions.rows, digits);
      if (out) writeWhole(out, text);
      else process.stdout.write(text);
      if (predictions.ensemble === 'deep' && asked.ensemble !== 'deep') process.exitCode = 2;
    });
}
