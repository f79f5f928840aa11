/** `smile stop RUN`: asks a running fit to store where it stands and end. */
import { Command } from 'commander';
import { requestStop, withdrawStop } from '../src/chains/stop.ts';
import { readManifest } from '../src/store/rundir.ts';

export function stopCommand(): Command {
  return new Command('stop')
    .description('Ask a running fit, on whatever machines, to write checkpoints and end. `smile resume` goes on.')
    .argument('<run>', 'run directory of a fit')
    .option('--withdraw', 'take the wish back: for chains of an array, which smile resume does not start')
    .addHelpText('after', '\nExamples:\n  $ smile stop smile-runs/houses-psmile-0')
    .action((run: string, { withdraw }: { withdraw?: boolean }) => {
      const { status } = readManifest(run);
      if (withdraw) {
        withdrawStop(run);
        console.log(`${run}: may go on`);
        return;
      }
      if (status === 'running') requestStop(run);
      console.log(
        status === 'running'
          ? `${run}: asked to stop; its chains end within a second or two`
          : `${run}: is not running, but ${status}`,
      );
    });
}
