/** `smile sensitivity RUN`: do step size and batch size show in the predictions? */
import { Command, InvalidArgumentError } from 'commander';
import type { Shift } from '../src/control/sensitivity.ts';
import { interruption } from './interrupt.ts';
import { progressScreen } from './progress.ts';

/** A shift beyond so many times its Monte Carlo error, and at least so large, is one. */
const SIGNIFICANT = 2;
const RELEVANT = 0.1;

const whole = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || text.trim() === '')
    throw new InvalidArgumentError('Expected a whole number.');
  return value;
};

const shiftText = ({ variation, shift, expected, lppd }: Shift): string =>
  `${variation.padEnd(12)} shift ${shift.toFixed(3)} (Monte Carlo error alone ${expected.toFixed(3)}), test LPPD ${lppd >= 0 ? '+' : ''}${lppd.toFixed(3)}`;

export function sensitivityCommand(): Command {
  return new Command('sensitivity')
    .description('Sample a run again with half the step and with a larger batch, and compare the predictions.')
    .argument('<run>', 'run directory of a fit')
    .option('--workers <n>', 'worker threads (default: the number of cores)', whole)
    .option('--json', 'print JSON')
    .option('--quiet', 'no progress')
    .addHelpText(
      'after',
      `
Shifts are root mean squares over the test rows, in predictive standard deviations, beside what Monte Carlo error alone would
give. The batch is doubled, or all training rows where there are fewer; a batch of all rows, as hmc has, stays. The varied runs stay in <run>/sensitivity. Costs about three times the sampling of the fit.

Example:
  $ smile sensitivity smile-runs/houses-psmile-0`,
    )
    .action(async (run: string, flags: { workers?: number; json?: boolean; quiet?: boolean }) => {
      const { sensitivity } = await import('../src/control/sensitivity.ts');
      const signal = interruption();
      const screen = progressScreen(flags.quiet ?? false);
      const shifts = await sensitivity(run, {
        workers: flags.workers,
        signal,
        onProgress: (_variation, block) => screen.show({ type: 'progress', block }),
        onShift: (shift) => screen.show({ type: 'note', message: shiftText(shift) }),
      });
      screen.end();
      const moved = shifts.filter(({ shift, expected }) => shift > SIGNIFICANT * expected && shift > RELEVANT);
      if (flags.json) console.log(JSON.stringify(shifts, null, 2));
      else {
        for (const shift of shifts) console.log(shiftText(shift));
        console.log(
          moved.length === 0
            ? `verdict: ${shifts.length > 1 ? 'neither shows' : 'the step size does not show'} beyond its Monte Carlo error`
            : `verdict: ${moved.map(({ variation }) => variation).join(' and ')} changes the predictions; lower the step size or raise the batch`,
        );
      }
      if (moved.length > 0 || signal.aborted) process.exitCode = 2;
    });
}
