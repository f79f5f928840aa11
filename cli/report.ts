/** `smile report RUN`: can this posterior be trusted? One HTML file and its Markdown. */
import { join } from 'node:path';
import { Command } from 'commander';
import { pageHtml } from '../src/report/html.ts';
import { pageMarkdown } from '../src/report/markdown.ts';
import type { Page } from '../src/report/text.ts';
import { writeWhole } from '../src/store/files.ts';

/** Writes HTML and, beside it, Markdown; returns both paths. */
export function writePage(html: string, page: Page): string {
  const markdown = `${html.replace(/\.html?$/, '')}.md`;
  writeWhole(html, pageHtml(page));
  writeWhole(markdown, pageMarkdown(page));
  return `${html}\n${markdown}`;
}

export function reportCommand(): Command {
  return new Command('report')
    .description('Write the honest report of a run: verdict, predictions, calibration, chains, noise, configuration.')
    .argument('<run>', 'run directory of a fit')
    .option('-o, --out <file>', 'HTML file (default: report.html in the run); Markdown goes beside it')
    .option('--ood <file>', 'rows from elsewhere, with the input columns: does the run find them strange?')
    .option('--json', "print the report's numbers as JSON")
    .addHelpText(
      'after',
      '\nExamples:\n  $ smile report smile-runs/houses-psmile-0\n  $ smile report smile-runs/houses-psmile-0 -o houses.html',
    )
    .action(async (run: string, flags: { out?: string; ood?: string; json?: boolean }) => {
      // The chart library takes a while to load: other commands should not wait for it.
      const [{ collectReport }, { runPage }] = await Promise.all([
        import('../src/report/collect.ts'),
        import('../src/report/text.ts'),
      ]);
      const report = await collectReport(run, flags);
      const written = writePage(flags.out ?? join(run, 'report.html'), runPage(report));
      console.log(flags.json ? JSON.stringify(report, null, 2) : written);
      if (!report.evaluation.verdict.trusted) process.exitCode = 2;
    });
}
