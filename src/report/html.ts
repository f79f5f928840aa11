/** A page as one HTML file that needs nothing else: light and dark, printable. */
import type { Figure } from './figures.ts';
import type { AnsweredQuestion, Page, Table } from './text.ts';

const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? c);

const STYLE = `
:root { color-scheme: light dark; --page: #fbfbf9; --text: #1c1f24; --faint: #5d6570; --line: #d9dce1; --card: #ffffff;
  --accent: #2f6db3; --soft: #b9c3d0; --warn: #c2452d; --good: #22763a; }
@media (prefers-color-scheme: dark) { :root { --page: #14171c; --text: #e7e9ec; --faint: #9aa3af; --line: #333a44;
  --card: #1b2027; --accent: #6aa9ee; --soft: #4a5563; --warn: #ef7f66; --good: #69c98a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 4rem; background: var(--page); color: var(--text);
  font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .5rem 0 1rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
h3 { font-size: 1rem; margin: 0 0 .2rem; }
.verdict { border-left: 5px solid var(--good); background: var(--card); padding: .8rem 1rem; }
.verdict.no { border-color: var(--warn); } .verdict p { font-weight: 600; margin: 0; } .verdict h3 { margin: .7rem 0 0; } .verdict ul { margin: .2rem 0 0; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1rem; }
figure { margin: 0; padding: .8rem; background: var(--card); border: 1px solid var(--line); break-inside: avoid; min-width: 0; }
figure svg { width: 100%; height: auto; max-width: 560px; display: block; } figcaption { color: var(--faint); font-size: .875rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { white-space: normal; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; } dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem;
  font-size: .875rem; } dt { color: var(--faint); } dd { margin: 0; overflow-wrap: anywhere; }
@media print { body { max-width: none; } figure, .verdict { border: 1px solid #bbb; } }`;

const table = ({ head, rows }: Table): string => {
  const line = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`;
  return `<div class="scroll"><table><thead>${line(head, 'th')}</thead><tbody>${rows.map((row) => line(row, 'td')).join('')}</tbody></table></div>`;
};

const figureHtml = ({ title, says, svg }: Figure): string =>
  `<figure><h3>${escaped(title)}</h3>${svg}<figcaption>${escaped(says)}</figcaption></figure>`;

const answerHtml = ({ question, answer, reasons, notes }: AnsweredQuestion): string => {
  const items = [...reasons, ...notes.map((note) => `note: ${note}`)].map((item) => `<li>${escaped(item)}</li>`);
  return `<h3>${escaped(question)} ${escaped(answer)}</h3>${items.length > 0 ? `<ul>${items.join('')}</ul>` : ''}`;
};

export function pageHtml({ title, trusted, headline, answers, findings, figures, tables, facts }: Page): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title><style>${STYLE}</style></head><body>
<h1>${escaped(title)}</h1>
<section class="verdict${trusted ? '' : ' no'}"><p>${escaped(headline)}</p>${answers.map(answerHtml).join('')}</section>
${findings.map((sentence) => `<p>${escaped(sentence)}</p>`).join('\n')}
<h2>Figures</h2><div class="figures">${figures.map(figureHtml).join('\n')}</div>
${tables.map(([name, content]) => `<h2>${escaped(name)}</h2>${table(content)}`).join('\n')}
<h2>Configuration</h2><dl>${facts.map(([name, value]) => `<dt>${escaped(name)}</dt><dd>${escaped(value)}</dd>`).join('')}</dl>
</body></html>
`;
}
