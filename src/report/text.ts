/** The words and tables of a report, the same for Markdown and HTML. */

import type { Convergence } from '../answers/convergence.ts';
import type { Evaluation } from '../answers/evaluate.ts';
import type { RecalibratedRun } from '../answers/recalibrate.ts';
import type { Scores } from '../answers/scores.ts';
import { noiseMatters } from '../answers/verdict/sampling.ts';
import type { Verdict } from '../answers/verdict/types.ts';
import { headline, questions, told } from '../answers/verdict/words.ts';
import { adaptiveCalibrationError } from '../infer/calibration.ts';
import type { Agreement } from '../infer/function-space.ts';
import { binomialInterval, type Difference } from '../infer/intervals.ts';
import { aurc, auroc, type StrangerAuroc } from '../infer/rejection.ts';
import { meanOf } from '../math/moments.ts';
import type { Report } from './collect.ts';
import { type Figure, figures } from './figures.ts';
import { count, digits, percent } from './numbers.ts';

/** A report before it has a form: verdict first. */
export interface Page {
  readonly title: string;
  readonly trusted: boolean;
  readonly headline: string;
  readonly answers: readonly AnsweredQuestion[];
  readonly findings: readonly string[];
  readonly figures: readonly Figure[];
  readonly tables: readonly (readonly [string, Table])[];
  readonly facts: readonly (readonly [string, string])[];
}

/** A question with its answer; reasons speak for the answer, notes do not change it. */
export interface AnsweredQuestion {
  readonly question: string;
  readonly answer: string;
  readonly reasons: readonly string[];
  readonly notes: readonly string[];
}

export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The page of a run. */
export function runPage(report: Report): Page {
  const { evaluation, facts } = report;
  const { convergence } = evaluation;
  return {
    title: `${evaluation.target}: can this posterior be trusted?`,
    ...verdictOf(evaluation.verdict),
    findings: findings(report),
    figures: figures(report),
    tables: [
      ['Scores', scoreTable(report)],
      ['Chains', chainTable(report)],
      ...(convergence ? [['Convergence', convergenceTable(convergence)] as const] : []),
    ],
    facts,
  };
}

/** The verdict as a headline and its answers. */
export function verdictOf(verdict: Verdict): Pick<Page, 'trusted' | 'headline' | 'answers'> {
  const answers = questions(verdict).map(([question, { answer, findings }]) => {
    const speaks = findings.map(({ turns, few }) => turns || few === true);
    return {
      question,
      answer,
      reasons: findings.filter((_, i) => speaks[i]).map(told),
      notes: findings.filter((_, i) => !speaks[i]).map(told),
    };
  });
  return { trusted: verdict.trusted, headline: sentence(headline(verdict)), answers };
}

/** With a capital and a full stop. */
const sentence = (text: string) => `${text[0].toUpperCase()}${text.slice(1)}.`;

/** What the numbers say, a sentence each. */
function findings(report: Report): string[] {
  const { evaluation, gain, gainOverSingle, regression, classification, recalibration, ood } = report;
  const { bayesianEnsemble, deepEnsemble, convergence } = evaluation;
  const sentences: string[] = [];
  if (gain && gainOverSingle) {
    sentences.push(
      `On the test rows the Bayesian ensemble is ${compared(gain)} the deep ensemble it started from, and ${compared(gainOverSingle)} a single network of it: LPPD differences ${interval(gain)} and ${interval(gainOverSingle)} nats per row, with 95 % bootstrap intervals.`,
    );
  }
  sentences.push(...absences(report));
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
    const wrong = correct.map((c) => 1 - c);
    const doubt = confidence.map((p) => 1 - p);
    sentences.push(
      `Its doubt tells wrong from right with AUROC ${digits(auroc(doubt, wrong))}. Adaptive calibration error ${digits(adaptiveCalibrationError(confidence, correct))}.`,
    );
  }
  const measured = evaluation.chains.filter(({ noise }) => noise !== undefined);
  if (measured.length > 0 && !measured.some(noiseMatters)) {
    sentences.push(
      'The gradient noise is too weak to turn any chain within its path: it does nothing to this posterior.',
    );
  }
  if (report.rejection) sentences.push(rejectionSentence(report.rejection, evaluation.task));
  if (recalibration) sentences.push(recalibrationSentence(recalibration));
  if (ood) sentences.push(strangeSentence(ood), ...ood.warnings.map((warning) => `Of ${ood.source}: ${warning}.`));
  if (convergence) {
    sentences.push(
      `Validation log likelihood per draw: R-hat ${digits(convergence.rhat)} over chains (they start in different modes, so this need not be 1), ${largest(convergence.chainRhat)} at most within a chain, effective draws ${count(convergence.essBulk)}.`,
    );
    if (Number.isNaN(convergence.rhat)) sentences.push(UNDEFINED);
  }
  return sentences;
}

/** The largest of what is defined. */
const largest = (values: readonly number[]) => {
  const defined = values.filter((value) => !Number.isNaN(value));
  return digits(defined.length > 0 ? Math.max(...defined) : Number.NaN);
};
const UNDEFINED =
  'R-hat and effective draws are not defined where a draw is not finite there, or all draws are the same.';

const compared = ({ interval: [low, high] }: Difference) =>
  low > 0 ? 'better than' : high < 0 ? 'worse than' : 'not distinguishable from';
const interval = ({ mean, interval: [low, high] }: Difference) =>
  `${mean.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;

export const strangeSentence = ({ source, auroc: area }: { source: string; auroc: StrangerAuroc }): string =>
  `Rows of ${source} look strange to it with AUROC ${digits(area.epistemic)} by its epistemic, ${digits(area.aleatoric)} by its aleatoric and ${digits(area.total)} by its total uncertainty; 0.5 would be blind.`;

/** What a report lacks, and why. */
function absences({ evaluation: { bayesianEnsemble, deepEnsemble }, gain }: Report): string[] {
  const { test } = bayesianEnsemble ?? {};
  if (!test)
    return ['There are no draws: the run stopped before its first. What follows is the deep ensemble it started from.'];
  if (test.members === 0)
    return [
      'No draw predicts finite numbers: the sampler diverged. What follows is the deep ensemble it started from.',
    ];
  const { emptyRows = 0, predictions = 0, rows = 0 } = test.leftOut ?? {};
  const lacking =
    predictions > 0
      ? [
          `Of the test rows ${rows} lack draws that predict nothing finite there (${predictions} predictions in all)${emptyRows > 0 ? `, and ${emptyRows} have none at all: they count as missed` : ''}.`,
        ]
      : [];
  const impossible = [
    ...(test.lppd === Number.NEGATIVE_INFINITY ? ['the Bayesian'] : []),
    ...(deepEnsemble.test.lppd === Number.NEGATIVE_INFINITY ? ['the deep'] : []),
  ];
  return gain
    ? lacking
    : [
        ...lacking,
        `To ${impossible.join(' and ')} ensemble some test row is impossible, so that LPPD has no differences.`,
      ];
}

/** What is gained by answering only where the ensemble is sure. */
function rejectionSentence({ uncertainty, loss }: NonNullable<Report['rejection']>, task: Evaluation['task']): string {
  const sure = uncertainty
    .map((_, i) => i)
    .sort((a, b) => uncertainty[a] - uncertainty[b])
    .slice(0, Math.ceil(uncertainty.length / 2));
  const [all, half] = [meanOf(loss), meanOf(sure.map((i) => loss[i]))];
  const change =
    task === 'regression'
      ? `the RMSE from ${digits(Math.sqrt(all))} to ${digits(Math.sqrt(half))}`
      : `the errors from ${percent(all)} to ${percent(half)}`;
  return `Answering only the surer half of the test rows changes ${change}; area under the risk–coverage curve ${digits(aurc(uncertainty, loss))}.`;
}

function recalibrationSentence({ scale, calibrationRows, crossFitted, helps, before, after }: RecalibratedRun): string {
  const [what, name] =
    before.coverage90 === undefined
      ? ['dividing its logits by a temperature', 'temperature']
      : ['multiplying its deviations by a factor', 'factor'];
  const { before: own, after: own2 } = crossFitted;
  const cross = `On the ${calibrationRows} validation rows, each scaled by what the others teach, ${what} changes the LPPD from ${own.lppd.toFixed(3)} to ${own2.lppd.toFixed(3)}`;
  return helps
    ? `${cross}: recalibration helps. With the ${name} of all of them, ${digits(scale)}, the test LPPD would go from ${before.lppd.toFixed(3)} to ${after.lppd.toFixed(3)}.`
    : `${cross}, which is no gain beyond chance: predictions are best left as they are.`;
}

function scoreTable({ evaluation }: Report): Table {
  const regression = evaluation.task === 'regression';
  const cells = ({ members, lppd, rmse, coverage, accuracy, brier, ece, ...paper }: Scores) => [
    String(members),
    lppd.toFixed(4),
    ...(regression
      ? [digits(rmse), ...(coverage ?? []).map(({ observed }) => percent(observed))]
      : [percent(accuracy ?? Number.NaN), digits(brier), digits(ece), percent(paper.accuracyVote ?? Number.NaN)]),
    digits(paper.paperCalibrationError),
  ];
  const rows = (['valid', 'test'] as const).flatMap((split) => [
    ['single network, mean', split, ...cells(evaluation.singleNetwork[split])],
    ['deep ensemble', split, ...cells(evaluation.deepEnsemble[split])],
    ...(evaluation.bayesianEnsemble
      ? [[`${evaluation.sampler} (${evaluation.mode})`, split, ...cells(evaluation.bayesianEnsemble[split])]]
      : []),
  ]);
  const columns = regression
    ? ['RMSE', 'in 50 %', 'in 80 %', 'in 90 %', 'in 95 %']
    : ['accuracy', 'Brier', 'ECE', 'accuracy by vote (paper)'];
  return { head: ['ensemble', 'rows', 'members', 'LPPD', ...columns, 'calibration error (paper)'], rows };
}

/** Agreement of the chains about what they say and how large their layers are. */
function convergenceTable(convergence: Convergence): Table {
  const { probes, layers, chainMeans } = convergence;
  const line = (name: string, { rhat, chainRhat, essBulk }: Agreement, norms: readonly number[] = []) => [
    name,
    digits(rhat),
    largest(chainRhat),
    count(essBulk),
    norms.length > 0 ? `${digits(Math.min(...norms))} to ${digits(Math.max(...norms))}` : '–',
  ];
  return {
    head: ['quantity', 'R-hat over chains', 'largest R-hat within a chain', 'effective draws', 'range of chain means'],
    rows: [
      line('validation log likelihood', convergence, chainMeans),
      line('prediction at a probe row (median)', probes),
      ...layers.map((layer) => line(`root mean square of ${layer.name}`, layer, layer.chainNorms)),
    ],
  };
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
