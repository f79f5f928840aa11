/** `smile status RUN`: where every chain stands. */
import { Command } from 'commander';
import { status } from '../src/control/status.ts';

export function statusCommand(): Command {
  return new Command('status')
    .description('Say where a run stands, from its directory alone: while it runs, after it was killed, or done.')
    .argument('<run>', 'run directory of a fit')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  $ smile status smile-runs/houses-psmile-0\n  $ watch smile status smile-runs/houses-psmile-0',
    )
    .action((run: string, { json }: { json?: boolean }) => {
      const report = status(run);
      if (json) {
        console.log(JSON.stringify(report, null, 2));
        return;
      }
      const rows = report.chains.map(({ chain, attempt, phase, step, of, saved }) => [
        `chain ${chain}`,
        attempt ? `${phase} (attempt ${attempt + 1})` : phase,
        `${step} of ${of}`,
        `${Math.floor((100 * step) / of)} %`,
        saved ? `saved ${saved.slice(0, 19).replace('T', ' ')}` : '',
      ]);
      const widths = rows[0].map((_, j) => Math.max(...rows.map((row) => row[j].length)));
      console.log(`${report.run}: ${report.status}, started ${report.started.slice(0, 19).replace('T', ' ')}`);
      for (const row of rows)
        console.log(
          row
            .map((cell, j) => cell.padEnd(widths[j]))
            .join('  ')
            .trimEnd(),
        );
      for (const { chain, damage = [] } of report.chains)
        for (const message of damage) console.log(`chain ${chain}: ${message} The checkpoint before it counts.`);
    });
}
