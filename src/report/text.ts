/** The words and tables of a report, the same for Markdown and HTML. */
import { adaptiveCalibrationError } from '../infer/calibration.ts';
import { binomialInterval } from '../infer/intervals.ts';
import { auroc } from '../infer/rejection.ts';
import type { Scores } from '../run/evaluate.ts';
import type { Verdict } from '../run/trust.ts';
import type { Report } from './collect.ts';
import { type Figure, figures } from './figures.ts';

/** A report before it has a form: verdict first. */
export interface Page {
  readonly title: string;
  readonly trusted: boolean;
  readonly headline: string;
  readonly reasons: readonly string[];
  readonly findings: readonly string[];
  readonly figures: readonly Figure[];
  readonly tables: readonly (readonly [string, Table])[];
  readonly facts: readonly (readonly [string, string])[];
}

export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
export const digits = (value: number | undefined | null) =>
  value === undefined || value === null ? '–' : value.toPrecision(3);

/** The page of a run. */
export function runPage(report: Report): Page {
  const { evaluation, facts } = report;
  return {
    title: `${evaluation.target}: can this posterior be trusted?`,
    ...verdictOf(evaluation.verdict, 'posterior'),
    findings: findings(report),
    figures: figures(report),
    tables: [
      ['Scores', scoreTable(report)],
      ['Chains', chainTable(report)],
    ],
    facts,
  };
}

/** The verdict as a headline and its reasons. */
export function verdictOf({ trusted, reasons }: Verdict, what: string): Pick<Page, 'trusted' | 'headline' | 'reasons'> {
  return trusted
    ? { trusted, headline: `This ${what} can be trusted as far as we can see: no check failed.`, reasons: [] }
    : { trusted, headline: `Do not trust this ${what}.`, reasons };
}

/** What the numbers say, a sentence each. */
function findings({ evaluation, gain, regression, classification }: Report): string[] {
  const { bayesianEnsemble, deepEnsemble, convergence } = evaluation;
  const [low, high] = gain.interval;
  const sure = low > 0 ? 'better than' : high < 0 ? 'worse than' : 'not distinguishable from';
  const sentences = [
    `On the test rows the Bayesian ensemble is ${sure} the deep ensemble it started from: LPPD difference ${gain.mean.toFixed(3)} nats per row, 95 % bootstrap interval ${low.toFixed(3)} to ${high.toFixed(3)}.`,
  ];
  const ninety = bayesianEnsemble?.test.coverage?.find(({ level }) => level === 0.9);
  if (ninety && bayesianEnsemble) {
    const rows = bayesianEnsemble.test.rows;
    const [from, to] = binomialInterval(ninety.observed * rows, rows);
    const judgement = from > 0.9 ? 'too wide' : to < 0.9 ? 'too narrow' : 'as wide as they should be';
    sentences.push(
      `Its 90 % intervals hold ${percent(ninety.observed)} of the test rows (95 % interval ${percent(from)} to ${percent(to)}): they are ${judgement}.`,
    );
  }
  if (regression) {
    const [noise, within, between] = regression.variance;
    const total = noise + within + between;
    sentences.push(
      `Of the predictive variance ${percent(noise / total)} is noise, ${percent(within / total)} disagreement within chains and ${percent(between / total)} between chains. CRPS ${digits(regression.crps)}, mean width of the 90 % interval ${digits(regression.sharpness)} ${evaluation.target}.`,
    );
  }
  if (deepEnsemble.test.ece !== undefined && bayesianEnsemble?.test.ece !== undefined) {
    sentences.push(
      `Expected calibration error ${digits(bayesianEnsemble.test.ece)}, of the deep ensemble ${digits(deepEnsemble.test.ece)}.`,
    );
  }
  if (classification) {
    const { confidence, correct } = classification;
    const doubt = confidence.map((p) => 1 - p);
    const wrong = correct.map((c) => 1 - c);
    const half = doubt
      .map((_, i) => i)
      .sort((a, b) => doubt[a] - doubt[b])
      .slice(0, Math.ceil(doubt.length / 2));
    const error = half.reduce((sum, i) => sum + wrong[i], 0) / half.length;
    sentences.push(
      `Its doubt tells wrong from right with AUROC ${digits(auroc(doubt, wrong))}; rejecting the more doubtful half of the rows leaves ${percent(error)} errors. Adaptive calibration error ${digits(adaptiveCalibrationError(confidence, correct))}.`,
    );
  }
  if (convergence) {
    sentences.push(
      `Validation log likelihood per draw: R-hat ${digits(convergence.rhat)} over chains (they start in different modes, so this need not be 1), ${digits(Math.max(...convergence.chainRhat))} at most within a chain, effective draws ${convergence.essBulk.toFixed(0)}.`,
    );
  }
  return sentences;
}

function scoreTable({ evaluation }: Report): Table {
  const regression = evaluation.task === 'regression';
  const cells = ({ members, lppd, rmse, coverage, accuracy, brier, ece }: Scores) =>
    regression
      ? [String(members), lppd.toFixed(4), digits(rmse), ...(coverage ?? []).map(({ observed }) => percent(observed))]
      : [String(members), lppd.toFixed(4), percent(accuracy ?? Number.NaN), digits(brier), digits(ece)];
  const rows = (['valid', 'test'] as const).flatMap((split) => [
    ['deep ensemble', split, ...cells(evaluation.deepEnsemble[split])],
    ...(evaluation.bayesianEnsemble
      ? [[`${evaluation.sampler} (${evaluation.mode})`, split, ...cells(evaluation.bayesianEnsemble[split])]]
      : []),
  ]);
  const columns = regression ? ['RMSE', 'in 50 %', 'in 80 %', 'in 90 %', 'in 95 %'] : ['accuracy', 'Brier', 'ECE'];
  return { head: ['ensemble', 'rows', 'members', 'LPPD', ...columns], rows };
}

function chainTable({ evaluation, chainLppd }: Report): Table {
  return {
    head: [
      'chain',
      'draws',
      'test LPPD',
      'step size',
      'E[ΔE²]/d',
      'moved per step',
      'travelled',
      'rejected',
      'non-finite',
      'gradients',
      'R-hat',
      'L_eff',
    ],
    rows: evaluation.chains.map((c) => [
      String(c.chain),
      String(c.draws),
      digits(chainLppd[c.chain]),
      digits(c.stepSize),
      digits(c.sampling.energyVariance),
      digits(c.sampling.meanMoved),
      digits(c.travelled),
      percent(c.sampling.resets / Math.max(1, c.sampling.steps)),
      String(c.sampling.nonFinite),
      String(c.gradients),
      digits(evaluation.convergence?.chainRhat[c.chain]),
      digits(c.noise?.decoherence),
    ]),
  };
}
