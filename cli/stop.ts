/** `smile stop RUN`: asks a running fit to store where it stands and end. */
import { Command } from 'commander';
import { requestStop } from '../src/run/stop.ts';
import { openRun } from '../src/store/rundir.ts';

export function stopCommand(): Command {
  return new Command('stop')
    .description('Ask a running fit, on whatever machines, to write checkpoints and end. `smile resume` goes on.')
    .argument('<run>', 'run directory of a fit')
    .addHelpText('after', '\nExamples:\n  $ smile stop smile-runs/houses-psmile-0')
    .action((run: string) => {
      const { status } = openRun(run);
      if (status === 'running') requestStop(run);
      console.log(
        status === 'running'
          ? `${run}: asked to stop; its chains end within a second or two`
          : `${run}: is not running, but ${status}`,
      );
    });
}
