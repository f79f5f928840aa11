/** A page as Markdown. */
import type { AnsweredQuestion, Page, Table } from './text.ts';

const table = ({ head, rows }: Table): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

const answer = ({ question, answer, reasons, notes }: AnsweredQuestion): string =>
  [`- ${question} **${answer}**`, ...reasons.map((r) => `  - ${r}`), ...notes.map((note) => `  - note: ${note}`)].join(
    '\n',
  );

export function pageMarkdown({ title, headline, answers, findings, tables, facts }: Page): string {
  return [
    `# ${title}`,
    `**${headline}**`,
    ...answers.map(answer),
    ...findings,
    ...tables.flatMap(([name, content]) => [`## ${name}`, table(content)]),
    '## Configuration',
    facts.map(([name, value]) => `- ${name}: ${value}`).join('\n'),
    '',
  ].join('\n\n');
}
