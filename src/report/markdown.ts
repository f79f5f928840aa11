/** A report as Markdown. */
import type { Report } from './collect.ts';
import { chainTable, findings, scoreTable, type Table, verdictOf } from './text.ts';

const table = ({ head, rows }: Table): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

export function reportMarkdown(report: Report): string {
  const { headline, reasons } = verdictOf(report);
  return [
    `# ${report.evaluation.target}: can this posterior be trusted?`,
    `**${headline}**`,
    ...(reasons.length > 0 ? [reasons.map((reason) => `- ${reason}`).join('\n')] : []),
    findings(report).join('\n\n'),
    '## Scores',
    table(scoreTable(report)),
    '## Chains',
    table(chainTable(report)),
    '## Configuration',
    report.facts.map(([name, value]) => `- ${name}: ${value}`).join('\n'),
    '',
  ].join('\n\n');
}
