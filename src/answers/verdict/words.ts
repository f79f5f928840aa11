/** The verdict in words, the same on the screen and in a report. */
import type { Answer, Finding, Verdict } from './types.ts';

/** Each question that was answered, and its answer. */
export const questions = ({ predictions, sampling, table }: Verdict): readonly (readonly [string, Answer])[] => [
  ['Do the predictions hold?', predictions],
  ...(sampling ? ([['Has the sampling converged?', sampling]] as const) : []),
  ...(table ? ([['Is the table what it seems?', table]] as const) : []),
];

/** What was found, and what to do about it. */
export const told = ({ message, cure }: Finding): string => (cure ? `${message}; ${cure}` : message);

/** One line: the first answer, and the others where they are not yes. */
export function headline({ predictions, sampling, table }: Verdict): string {
  const doubts = [
    ...(sampling?.answer === 'no' ? ['the sampling has not converged'] : []),
    ...(sampling?.answer === 'too few draws to tell'
      ? ['there are too few draws to tell whether it has converged']
      : []),
    ...(table?.answer === 'no' ? ['the table is not what it seems'] : []),
    ...(table?.answer === 'too few rows to tell' ? ['the table has fewer rows than it takes'] : []),
  ];
  if (predictions.answer === 'no') return ['do not trust the predictions', ...doubts].join('; ');
  if (predictions.answer !== 'yes') return ['too few rows to tell whether the predictions hold', ...doubts].join('; ');
  const held = 'the predictions hold on rows that were not trained on';
  return doubts.length > 0 ? `${held}, but ${doubts.join(' and ')}` : `trust it: ${held}`;
}
