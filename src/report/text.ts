/** The words and tables of a report, the same for Markdown and HTML. */
import { adaptiveCalibrationError } from '../infer/calibration.ts';
import type { Agreement } from '../infer/function-space.ts';
import { binomialInterval, type Difference } from '../infer/intervals.ts';
import { aurc, auroc, type StrangerAuroc } from '../infer/rejection.ts';
import type { Convergence, Scores } from '../run/evaluate.ts';
import type { RecalibratedRun } from '../run/recalibrate.ts';
import { noiseMatters } from '../run/verdict/sampling.ts';
import type { Verdict } from '../run/verdict/types.ts';
import { headline, questions, told } from '../run/verdict/words.ts';
import type { Report } from './collect.ts';
import { type Figure, figures } from './figures.ts';

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

export const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
export const digits = (value: number | undefined | null) =>
  value === undefined || value === null ? '–' : value.toPrecision(3);

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
export const sentence = (text: string) => `${text[0].toUpperCase()}${text.slice(1)}.`;

/** What the numbers say, a sentence each. */
function findings(report: Report): string[] {
  const { evaluation, gain, gainOverSingle, regression, classification, recalibration, ood } = report;
  const { bayesianEnsemble, deepEnsemble, convergence } = evaluation;
  const sentences = [
    `On the test rows the Bayesian ensemble is ${compared(gain)} the deep ensemble it started from, and ${compared(gainOverSingle)} a single network of it: LPPD differences ${interval(gain)} and ${interval(gainOverSingle)} nats per row, with 95 % bootstrap intervals.`,
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
  sentences.push(rejectionSentence(report));
  if (recalibration) sentences.push(recalibrationSentence(recalibration));
  if (ood) sentences.push(strangeSentence(ood));
  if (convergence) {
    sentences.push(
      `Validation log likelihood per draw: R-hat ${digits(convergence.rhat)} over chains (they start in different modes, so this need not be 1), ${digits(Math.max(...convergence.chainRhat))} at most within a chain, effective draws ${convergence.essBulk.toFixed(0)}.`,
    );
  }
  return sentences;
}

const compared = ({ interval: [low, high] }: Difference) =>
  low > 0 ? 'better than' : high < 0 ? 'worse than' : 'not distinguishable from';
const interval = ({ mean, interval: [low, high] }: Difference) =>
  `${mean.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;

export const strangeSentence = ({ source, auroc: area }: { source: string; auroc: StrangerAuroc }): string =>
  `Rows of ${source} look strange to it with AUROC ${digits(area.epistemic)} by its epistemic, ${digits(area.aleatoric)} by its aleatoric and ${digits(area.total)} by its total uncertainty; 0.5 would be blind.`;

/** What is gained by answering only where the ensemble is sure. */
function rejectionSentence({ rejection: { uncertainty, loss }, evaluation }: Report): string {
  const sure = uncertainty
    .map((_, i) => i)
    .sort((a, b) => uncertainty[a] - uncertainty[b])
    .slice(0, Math.ceil(uncertainty.length / 2));
  const mean = (rows: readonly number[]) => rows.reduce((sum, v) => sum + v, 0) / rows.length;
  const [all, half] = [mean(loss), mean(sure.map((i) => loss[i]))];
  const change =
    evaluation.task === 'regression'
      ? `the RMSE from ${digits(Math.sqrt(all))} to ${digits(Math.sqrt(half))}`
      : `the errors from ${percent(all)} to ${percent(half)}`;
  return `Answering only the surer half of the test rows changes ${change}; area under the risk–coverage curve ${digits(aurc(uncertainty, loss))}.`;
}

function recalibrationSentence({ scale, calibrationRows, before, after }: RecalibratedRun): string {
  const what = before.coverage90 === undefined ? 'Dividing its logits by' : 'Multiplying its deviations by';
  return `${what} ${digits(scale)}, as suits the ${calibrationRows} validation rows best, would change the test LPPD from ${before.lppd.toFixed(3)} to ${after.lppd.toFixed(3)}.`;
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
    digits(Math.max(...chainRhat)),
    essBulk.toFixed(0),
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
