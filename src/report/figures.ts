/** The figures of a report: SVG text whose colours follow the page's. */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import type { OutOfDistribution } from '../answers/ood.ts';
import { noiseMatters } from '../answers/verdict/sampling.ts';
import type { Reliability } from '../infer/calibration.ts';
import { median } from '../infer/function-space.ts';
import { binomialInterval } from '../infer/intervals.ts';
import type { Report } from './collect.ts';
import { digits } from './numbers.ts';
import type { Running } from './running.ts';

export interface Figure {
  readonly title: string;
  /** What to see. */
  readonly says: string;
  readonly svg: string;
}

const ACCENT = 'var(--accent)';
const SOFT = 'var(--soft)';
const WARN = 'var(--warn)';

function draw(options: Plot.PlotOptions): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const figure = Plot.plot({
    document: document as unknown as NonNullable<Plot.PlotOptions['document']>,
    width: 500,
    height: 270,
    marginLeft: 56,
    marginBottom: 42,
    style: { background: 'transparent', color: 'currentColor', fontSize: '12px', fontFamily: 'inherit' },
    ...options,
  });
  figure.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  figure.setAttribute('role', 'img');
  return figure.outerHTML;
}

/** All figures that the run has numbers for. */
export function figures(report: Report): Figure[] {
  const { regression, classification } = report;
  return [
    ...(regression ? [predictions(report), coverage(regression.pit), transforms(regression.pit)] : []),
    ...(classification ? [confidences(classification.reliability)] : []),
    ...(report.overDraws.length > 0 ? [runningScore(report), chainScores(report)] : []),
    ...noise(report),
    ...(report.ood ? [strangeness(report.ood)] : []),
    ...energyErrors(report),
    trace(report, 'stepSize'),
    trace(report, 'logDensity'),
  ];
}

function predictions({ regression, evaluation }: Report): Figure {
  const rows = (regression?.rows ?? []).map((row, i) => ({
    ...row,
    i,
    inside: row.observed >= row.lower && row.observed <= row.upper,
  }));
  const missed = rows.filter(({ inside }) => !inside).length;
  return {
    title: 'Predictions on test rows',
    says: `Bars are 90 % intervals of ${rows.length} test rows in the order of their predicted mean; dots are what was observed, ${missed} of them outside.`,
    svg: draw({
      x: { label: 'test rows, by predicted mean', ticks: [] },
      y: { label: evaluation.target, grid: true },
      marks: [
        Plot.ruleX(rows, { x: 'i', y1: 'lower', y2: 'upper', stroke: ACCENT, strokeWidth: 3, strokeOpacity: 0.45 }),
        Plot.dot(rows, { x: 'i', y: 'mean', r: 1.6, fill: ACCENT }),
        Plot.dot(
          rows.filter(({ inside }) => inside),
          { x: 'i', y: 'observed', r: 2.2, fill: 'currentColor' },
        ),
        Plot.dot(
          rows.filter(({ inside }) => !inside),
          { x: 'i', y: 'observed', r: 3, fill: WARN },
        ),
      ],
    }),
  };
}

/** Observed against nominal coverage of equal-tailed intervals: y is inside ⇔ |u − ½| ≤ level/2. */
export function coverage(pit: readonly number[]): Figure {
  const points = Array.from({ length: 19 }, (_, k) => {
    const level = (k + 1) / 20;
    const inside = pit.filter((u) => Math.abs(u - 0.5) <= level / 2).length;
    const [low, high] = binomialInterval(inside, pit.length);
    return { level, observed: inside / pit.length, low, high };
  });
  const off = points.filter(({ level, low, high }) => level < low || level > high).length;
  return {
    title: 'Reliability of intervals',
    says: `How often intervals hold the observation against how often they should; above the diagonal they are too wide. ${off} of ${points.length} levels lie outside their 95 % binomial interval.`,
    svg: draw({
      x: { label: 'nominal coverage', domain: [0, 1], tickFormat: '.0%' },
      y: { label: 'observed coverage', domain: [0, 1], tickFormat: '.0%', grid: true },
      marks: [
        Plot.line(
          [
            [0, 0],
            [1, 1],
          ],
          { stroke: 'currentColor', strokeDasharray: '4,4', strokeOpacity: 0.6 },
        ),
        Plot.areaY(points, { x: 'level', y1: 'low', y2: 'high', fill: ACCENT, fillOpacity: 0.18 }),
        Plot.line(points, { x: 'level', y: 'observed', stroke: ACCENT, strokeWidth: 2 }),
      ],
    }),
  };
}

const PIT_BINS = 20;

export function transforms(pit: readonly number[]): Figure {
  const bins = Array.from({ length: PIT_BINS }, (_, k) => ({
    from: k / PIT_BINS,
    to: (k + 1) / PIT_BINS,
    share: pit.filter((u) => Math.min(PIT_BINS - 1, Math.floor(u * PIT_BINS)) === k).length / pit.length,
  }));
  const [low, high] = binomialInterval(pit.length / PIT_BINS, pit.length);
  return {
    title: 'Probability integral transform',
    says: 'Where observations fall within their predictive distribution: flat within the band is calibrated, a hill is too wide, a bowl too narrow, a slope biased.',
    svg: draw({
      x: { label: 'predictive distribution function at the observation', domain: [0, 1] },
      y: { label: 'share of test rows', grid: true },
      marks: [
        Plot.rectY(bins, { x1: 'from', x2: 'to', y: 'share', fill: ACCENT, fillOpacity: 0.6, inset: 0.5 }),
        Plot.rect([{}], { x1: 0, x2: 1, y1: low, y2: high, fill: SOFT, fillOpacity: 0.5 }),
        Plot.ruleY([1 / PIT_BINS], { stroke: 'currentColor', strokeDasharray: '4,4' }),
      ],
    }),
  };
}

export function confidences({ bins, ece }: Reliability): Figure {
  const points = bins.map((bin) => {
    const [low, high] = binomialInterval(bin.accuracy * bin.count, bin.count);
    return { ...bin, low, high };
  });
  return {
    title: 'Reliability of probabilities',
    says: `Accuracy of the predicted class against its probability; below the diagonal the ensemble is over-confident. Expected calibration error over these bins ${digits(ece)}.`,
    svg: draw({
      x: { label: 'probability of the predicted class', domain: [0, 1] },
      y: { label: 'accuracy', domain: [0, 1], grid: true },
      marks: [
        Plot.line(
          [
            [0, 0],
            [1, 1],
          ],
          { stroke: 'currentColor', strokeDasharray: '4,4', strokeOpacity: 0.6 },
        ),
        Plot.ruleX(points, {
          x: 'confidence',
          y1: 'low',
          y2: 'high',
          stroke: ACCENT,
          strokeOpacity: 0.5,
          strokeWidth: 3,
        }),
        Plot.dot(points, { x: 'confidence', y: 'accuracy', r: 4, fill: ACCENT }),
      ],
    }),
  };
}

function runningScore({ overDraws, overChains, evaluation, singleLppd }: Report): Figure {
  const deep = evaluation.deepEnsemble.test.lppd;
  const best = Math.max(...singleLppd);
  const finite = (points: readonly Running[]) => points.filter(({ lppd }) => Number.isFinite(lppd));
  return {
    title: 'Score against effort',
    says: `Test LPPD as draws are added, in turns from all chains (line), and as whole chains are added (dots). Dashed: the deep ensemble, ${deep.toFixed(3)}; dotted: the best single network, ${best.toFixed(3)}. A line still rising asks for more draws.`,
    svg: draw({
      x: { type: 'log', label: 'draws (line), chains (dots)', tickFormat: '~s' },
      y: { label: 'test LPPD, nats per row', grid: true },
      marks: [
        Plot.ruleY([deep].filter(Number.isFinite), { stroke: 'currentColor', strokeDasharray: '6,4' }),
        Plot.ruleY([best].filter(Number.isFinite), { stroke: 'currentColor', strokeDasharray: '1,4' }),
        Plot.line(finite(overDraws), { x: 'count', y: 'lppd', stroke: ACCENT, strokeWidth: 2 }),
        Plot.dot(finite(overChains), { x: 'count', y: 'lppd', fill: WARN, r: 3 }),
      ],
    }),
  };
}

function chainScores({ chainLppd, singleLppd }: Report): Figure {
  const known = (lppd: number) => (Number.isFinite(lppd) ? lppd : Number.NaN);
  const rows = chainLppd.map((lppd, chain) => ({
    chain: String(chain),
    lppd: known(lppd),
    start: known(singleLppd[chain]),
  }));
  return {
    title: 'Chain by chain',
    says: 'Test LPPD of each chain alone (dot) and of the network it started from (ring). A chain far below the others found another mode, or none.',
    svg: draw({
      height: 60 + 22 * rows.length,
      x: { label: 'test LPPD, nats per row', grid: true },
      y: { label: 'chain', domain: rows.map(({ chain }) => chain) },
      marks: [
        Plot.ruleY(rows, { y: 'chain', x1: 'start', x2: 'lppd', stroke: SOFT, strokeWidth: 2 }),
        Plot.dot(rows, { x: 'start', y: 'chain', r: 4, stroke: 'currentColor' }),
        Plot.dot(rows, { x: 'lppd', y: 'chain', r: 4, fill: ACCENT }),
      ],
    }),
  };
}

/** Ticks of a scale that is linear near 0 and logarithmic outside. */
const ENERGY_TICKS = [-100, -10, -1, -0.1, -0.01, 0, 0.01, 0.1, 1, 10, 100];

function energyErrors({ energy, evaluation }: Report): Figure[] {
  const rows = energy.flatMap((found, c) =>
    found
      ? [{ ...found, chain: String(evaluation.chains[c].chain), low: found.quantiles[0], high: found.quantiles[2] }]
      : [],
  );
  if (rows.length === 0) return [];
  const extremes = rows.flatMap(({ chain, extremes: errors }) => errors.map((error) => ({ chain, error })));
  const errors = extremes.map(({ error }) => error);
  const [least, most] = [Math.min(...errors), Math.max(...errors)];
  const ticks = ENERGY_TICKS.filter((tick) => tick >= least && tick <= most);
  const kurtosis = median(rows.map((row) => row.kurtosis));
  return [
    {
      title: 'Energy errors',
      says: `What single steps do to the energy, 5 to 95 % of them (bar), the median and the five most extreme on each side (dots). A sound step size keeps the bars short and centred; far dots are steps that rare batches spoil. Kurtosis ${kurtosis.toFixed(1)} (3 would be normal).`,
      svg: draw({
        height: 60 + 22 * rows.length,
        x: { type: 'symlog', constant: 0.01, label: 'ΔE / √d of a step', grid: true, ticks, tickFormat: '~g' },
        y: { label: 'chain', domain: rows.map(({ chain }) => chain) },
        marks: [
          Plot.ruleX([0], { stroke: 'currentColor', strokeDasharray: '4,4' }),
          Plot.ruleY(rows, { y: 'chain', x1: 'low', x2: 'high', stroke: ACCENT, strokeWidth: 6, strokeOpacity: 0.6 }),
          Plot.dot(rows, { y: 'chain', x: (row) => row.quantiles[1], fill: 'currentColor', r: 2.5 }),
          Plot.dot(extremes, { y: 'chain', x: 'error', stroke: WARN, r: 2 }),
        ],
      }),
    },
  ];
}

/** Epistemic uncertainty of test rows beside that of rows from elsewhere, as distribution functions. */
function strangeness({ epistemic, auroc, source }: OutOfDistribution): Figure {
  const steps = (values: readonly number[]) =>
    values
      .toSorted((a, b) => a - b)
      .map((value, i) => ({ value, share: (i + 1) / values.length }))
      .filter(({ value }) => value > 0);
  const line = (values: readonly number[], stroke: string) =>
    Plot.line(steps(values), { x: 'value', y: 'share', stroke, strokeWidth: 2, curve: 'step-after' });
  return {
    title: 'Rows from elsewhere',
    says: `Epistemic uncertainty of the test rows (blue) and of ${source} (red), as cumulative shares: the red line should lie to the right. AUROC ${auroc.epistemic.toFixed(3)}.`,
    svg: draw({
      x: { type: 'log', label: 'epistemic uncertainty', tickFormat: '~g', ticks: 5 },
      y: { label: 'share of rows below', domain: [0, 1], grid: true },
      marks: [line(epistemic.test, ACCENT), line(epistemic.strange, WARN)],
    }),
  };
}

const TRACES = {
  stepSize: {
    title: 'Step size over the run',
    label: 'ε',
    says: 'The step size of every chain; the dashed line ends warm-up, after which it is frozen. A line that still moves there asks for a longer warm-up.',
  },
  logDensity: {
    title: 'Log density over the run',
    label: 'log density (estimate)',
    says: 'The log density estimate of every chain on its mini-batches. After warm-up (dashed) the lines should be level; a jump is a chain that found another mode.',
  },
} as const;

function trace({ traces, warmup }: Report, what: keyof typeof TRACES): Figure {
  const points = traces.flatMap((chain, k) =>
    chain.step.map((step, i) => ({ step, value: chain[what][i], chain: String(k) })),
  );
  const settled = points.filter(({ step, value }) => step > 0 && Number.isFinite(value));
  const { title, label, says } = TRACES[what];
  return {
    title,
    says,
    svg: draw({
      x: { label: 'step', tickFormat: '~s' },
      y: {
        type: what === 'stepSize' ? 'log' : 'linear',
        label,
        grid: true,
        tickFormat: what === 'stepSize' ? '~g' : 's',
      },
      marks: [
        Plot.ruleX([warmup], { stroke: 'currentColor', strokeDasharray: '4,4' }),
        Plot.line(settled, { x: 'step', y: 'value', z: 'chain', stroke: ACCENT, strokeOpacity: 0.55, strokeWidth: 1 }),
      ],
    }),
  };
}

function noise({ evaluation }: Report): Figure[] {
  const rows = evaluation.chains.filter(noiseMatters).flatMap(({ chain, noise: measured }) =>
    measured
      ? (['plain', 'sampled'] as const).map((how) => ({
          chain: String(chain),
          how: how === 'plain' ? 'without preconditioner' : 'as sampled',
          low: measured[how][0],
          middle: measured[how][1],
          high: measured[how][2],
        }))
      : [],
  );
  if (rows.length === 0) return [];
  const positive = rows.flatMap(({ low, middle, high }) => [low, middle, high]).filter((t) => t > 0);
  const least = Math.min(1, ...positive) / 2;
  // A logarithmic axis has no 0.
  for (const row of rows) for (const what of ['low', 'middle', 'high'] as const) row[what] = Math.max(row[what], least);
  return [
    {
      title: 'Gradient noise',
      says: 'Predicted effective temperature of the parameters, 5 to 95 % of them, from the measured noise: 1 is unbiased, above 1 too wide, below too narrow; 0 is drawn at the left end. The preconditioner should bring the bars to 1.',
      svg: draw({
        height: 60 + 16 * rows.length,
        marginLeft: 155,
        marginRight: 40,
        x: { type: 'log', label: 'effective temperature', grid: true, ticks: 4, tickFormat: '~e' },
        y: { label: null },
        fy: { label: 'chain' },
        marks: [
          Plot.ruleX([1], { stroke: 'currentColor', strokeDasharray: '4,4' }),
          Plot.ruleY(rows, {
            fy: 'chain',
            y: 'how',
            x1: 'low',
            x2: 'high',
            stroke: (row) => (row.how === 'as sampled' ? ACCENT : SOFT),
            strokeWidth: 6,
          }),
          Plot.dot(rows, { fy: 'chain', y: 'how', x: 'middle', fill: 'currentColor', r: 2.5 }),
        ],
      }),
    },
  ];
}
