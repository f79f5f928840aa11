/** The page of an ensemble that was made elsewhere. */
import type { Assessment } from '../answers/assess.ts';
import { confidences, coverage, transforms } from './figures.ts';
import { digits, percent } from './numbers.ts';
import { type Page, strangeSentence, verdictOf } from './text.ts';

export function assessmentPage(a: Assessment): Page {
  const { recalibration: r, scores, rows, members } = a;
  const common = [
    ['rows', String(rows)],
    ['members', String(members)],
    ['LPPD, nats per row', scores.lppd.toFixed(4)],
    ['Gibbs negative log likelihood', scores.gibbs.toFixed(4)],
  ];
  const own =
    a.task === 'regression'
      ? [
          ['RMSE', digits(a.scores.rmse)],
          ...a.scores.coverage.map(({ level, observed }) => [
            `inside the ${100 * level} % interval`,
            percent(observed),
          ]),
        ]
      : [
          ['accuracy', percent(a.scores.accuracy)],
          ['Brier', digits(a.scores.brier)],
          ['ECE', digits(a.scores.ece)],
        ];
  const pit = a.task === 'regression' ? [...a.scores.pit].filter(Number.isFinite) : [];
  const what = a.task === 'regression' ? 'intervals of mean width' : 'sets of mean size';
  const scale = a.task === 'regression' ? 'all standard deviations times' : 'logits divided by a temperature of';
  return {
    title: `${a.source}: can this ensemble be trusted?`,
    ...verdictOf(a.verdict),
    findings: [
      ...a.notes.map((note) => `Note: ${note}.`),
      ...(r
        ? [
            `Conformal ${what} ${digits(r.size)}, calibrated on ${r.calibrationRows} rows at ${percent(r.level)}, hold ${percent(r.coverage)} of the other ${r.testRows}.`,
            `The calibration rows are met best with ${scale} ${digits(r.scale)}.`,
          ]
        : []),
      ...(a.outOfDistribution ? [strangeSentence(a.outOfDistribution)] : []),
    ],
    figures: members === 0 ? [] : a.task === 'regression' ? [coverage(pit), transforms(pit)] : [confidences(a.scores)],
    tables: [['Scores', { head: ['score', 'value'], rows: [...common, ...own] }]],
    facts: [['file', a.source]],
  };
}
