/** A page as Markdown. */
import type { Page, Table } from './text.ts';

const table = ({ head, rows }: Table): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

export function pageMarkdown({ title, headline, reasons, findings, tables, facts }: Page): string {
  return [
    `# ${title}`,
    `**${headline}**`,
    ...(reasons.length > 0 ? [reasons.map((reason) => `- ${reason}`).join('\n')] : []),
    ...findings,
    ...tables.flatMap(([name, content]) => [`## ${name}`, table(content)]),
    '## Configuration',
    facts.map(([name, value]) => `- ${name}: ${value}`).join('\n'),
    '',
  ].join('\n\n');
}
