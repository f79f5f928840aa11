/** The result as people read it, or as JSON; sets the exit code. */
import type { Evaluation } from '../src/answers/evaluate.ts';
import type { Scores } from '../src/answers/scores.ts';
import type { Verdict } from '../src/answers/verdict/types.ts';
import { headline, questions, told } from '../src/answers/verdict/words.ts';
import { paint } from './paint.ts';

/** Prints the evaluation. Exit code 2 says that the result should not be trusted. */
export function showEvaluation(evaluation: Evaluation, json: boolean): void {
  console.log(json ? JSON.stringify(evaluation, null, 2) : evaluationText(evaluation));
  if (!evaluation.verdict.trusted) process.exitCode = 2;
}

type Column = [title: string, cell: (scores: Scores) => string];

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const decimals = (value: number | undefined): string => (value === undefined ? '' : value.toPrecision(4));

const REGRESSION: Column[] = [
  ['RMSE', ({ rmse }) => decimals(rmse)],
  ['LPPD', ({ lppd }) => lppd.toFixed(4)],
  ...[0.5, 0.8, 0.9, 0.95].map(
    (level): Column => [
      `in ${100 * level} %`,
      ({ coverage }) => percent(coverage?.find((entry) => entry.level === level)?.observed ?? Number.NaN),
    ],
  ),
];
const CLASSIFICATION: Column[] = [
  ['accuracy', ({ accuracy }) => percent(accuracy ?? Number.NaN)],
  ['LPPD', ({ lppd }) => lppd.toFixed(4)],
  ['Brier', ({ brier }) => decimals(brier)],
  ['ECE', ({ ece }) => decimals(ece)],
];

const TOKENS: Column[] = [['perplexity', ({ perplexity }) => decimals(perplexity)], ...CLASSIFICATION];

function evaluationText(evaluation: Evaluation): string {
  const { kind, task, target, deepEnsemble, bayesianEnsemble, sampler, mode, verdict, run } = evaluation;
  const columns = kind === 'text' ? TOKENS : task === 'regression' ? REGRESSION : CLASSIFICATION;
  const rows = (['valid', 'test'] as const).flatMap((split) => {
    const line = (name: string, scores: Scores) => [
      name,
      split,
      String(scores.members),
      ...columns.map(([, cell]) => cell(scores)),
    ];
    const deep = line('deep ensemble', deepEnsemble[split]);
    return bayesianEnsemble ? [deep, line(`${sampler} (${mode})`, bayesianEnsemble[split])] : [deep];
  });
  const table = [['ensemble', 'rows', 'members', ...columns.map(([title]) => title)], ...rows];
  const widths = table[0].map((_, j) => Math.max(...table.map((row) => row[j].length)));
  const lines = table.map((row) =>
    row.map((cell, j) => (j < 2 ? cell.padEnd(widths[j]) : cell.padStart(widths[j]))).join('  '),
  );
  const unit =
    task === 'regression'
      ? `RMSE in units of ${target}; LPPD in nats per row of the standardised ${target}`
      : `LPPD in nats per ${kind === 'text' ? 'token, each of the held-out text once' : 'row'}`;
  return [
    '',
    paint.strong(lines[0]),
    ...lines.slice(1),
    paint.faint(unit),
    '',
    ...verdictLines(verdict),
    `run: ${run}`,
  ].join('\n');
}

/** The verdict in lines: its sum, then each question with what was found. */
export function verdictLines(verdict: Verdict): string[] {
  const asked = questions(verdict);
  const wide = Math.max(...asked.map(([question]) => question.length));
  const shade = (answer: string) => (answer === 'yes' ? paint.good : paint.bad)(answer);
  return [
    `verdict: ${(verdict.trusted ? paint.good : paint.bad)(headline(verdict))}`,
    ...asked.flatMap(([question, { answer, findings }]) => [
      `  ${question.padEnd(wide)}  ${shade(answer)}`,
      ...findings.map((found) =>
        found.turns || found.few ? `    - ${told(found)}` : paint.faint(`    note: ${told(found)}`),
      ),
    ]),
  ];
}
