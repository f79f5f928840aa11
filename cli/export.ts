/** `smile export RUN`: predictions and draws for other tools. */
import { join } from 'node:path';
import { Command, Option } from 'commander';
import type { DrawFormat } from '../src/answers/export.ts';
import { specError } from '../src/errors.ts';

const DRAW_FORMATS = ['safetensors', 'npz'] as const satisfies readonly DrawFormat[];

export function exportCommand(): Command {
  return new Command('export')
    .description('Write predictions as Parquet and draws as safetensors or npz.')
    .argument('<run>', 'run directory of a fit')
    .option('-o, --out <dir>', 'folder (default: export in the run)')
    .option('--only <parts>', 'some of predictions, draws, separated by commas')
    .addOption(new Option('--draws <format>', 'format of the draws').choices(DRAW_FORMATS).default('safetensors'))
    .option('--json', 'print the paths as JSON')
    .addHelpText(
      'after',
      `
predictions.parquet  validation and test rows: observed, mean, deviations and quantiles, or class probabilities
draws.safetensors    draws [members, parameters] and chain [members]; the metadata says where each parameter lies
draws.npz            every parameter under its name [members, shape], and chain [members]; for numpy.load

For xarray and ArviZ a run has posterior.zarr already: docs/formats.md.

Examples:
  $ smile export smile-runs/houses-psmile-0
  $ smile export smile-runs/houses-psmile-0 --only predictions -o tables
  $ smile export smile-runs/houses-psmile-0 --only draws --draws npz`,
    )
    .action(async (run: string, flags: { out?: string; only?: string; draws: DrawFormat; json?: boolean }) => {
      const { EXPORTS, exportRun } = await import('../src/answers/export.ts');
      const asked = flags.only?.split(',').map((name) => name.trim()) ?? EXPORTS;
      const kinds = EXPORTS.filter((kind) => asked.includes(kind));
      const stranger = asked.find((name) => !(EXPORTS as readonly string[]).includes(name));
      if (stranger !== undefined) {
        throw specError(`--only: expected some of ${EXPORTS.join(', ')}, got ${stranger}. Correct it.`);
      }
      const paths = await exportRun(run, flags.out ?? join(run, 'export'), kinds, flags.draws);
      console.log(flags.json ? JSON.stringify(paths) : paths.join('\n'));
    });
}
