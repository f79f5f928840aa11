/** `smile stop RUN`: asks a running fit to store where it stands and end. */
import { Command } from 'commander';
import { requestStop } from '../src/run/stop.ts';

export function stopCommand(): Command {
  return new Command('stop')
    .description(
      'Ask a running fit, in whatever process or machine, to write checkpoints and end. `smile resume` goes on.',
    )
    .argument('<run>', 'run directory of a fit')
    .addHelpText('after', '\nExamples:\n  $ smile stop smile-runs/houses-psmile-0')
    .action((run: string) => {
      requestStop(run);
      console.log(`${run}: asked to stop; its chains end within a second`);
    });
}
