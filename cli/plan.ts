/** `smile plan DATA`: what the fit that these flags ask for will cost. */
import { Command } from 'commander';
import { type Plan, plan } from '../src/control/plan.ts';
import { chosen, configOf, dataOf, type FitFlags, withModelOptions } from './fit-options.ts';
import { bytes, duration } from './units.ts';

export function planCommand(): Command {
  const command = new Command('plan')
    .description('Probe for two seconds and say what a fit will cost: time, memory, disk. Takes the flags of fit.')
    .argument('[data]', 'the file to fit');
  return withModelOptions(command)
    .addHelpText(
      'after',
      '\nExamples:\n  $ smile plan houses.csv --target price --hidden 64,64 --steps 100000 --chains 20',
    )
    .action(async (named: string | undefined, flags: FitFlags) => {
      const data = dataOf(named, flags);
      const found = await plan({ data, config: configOf(flags), ...chosen(flags, ['workers', 'maxUnpacked']) });
      if (flags.json) {
        console.log(JSON.stringify(found, null, 2));
        return;
      }
      const lines: [string, string][] = [
        ['likelihood', found.likelihood],
        ['parameters', String(found.parameters)],
        ['chains', `${found.chains}, ${found.chainsPerBlock} in each of ${found.workers} workers`],
        ['a step of a block', `${found.millisecondsPerStep.toPrecision(3)} ms`],
        ['reading and choosing', duration(found.preparationSeconds)],
        ['warm start', `${duration(found.warmStartSeconds)} or less`],
        ['warm-up and sampling', duration(found.seconds)],
        ['repairs', repairs(found)],
        ['a draw', bytes(found.bytesPerDraw)],
        ['all draws on disk', `${bytes(found.disk)} (${found.draws} draws)`],
        ['checkpoints on disk', `about ${bytes(found.checkpoints)}`],
        ['memory of a worker', `about ${bytes(found.memory)}, the data and the runtime aside`],
      ];
      for (const [name, value] of lines) console.log(`${name.padEnd(22)}${value}`);
    });
}

const repairs = ({ repairs: most, chains }: Plan): string =>
  most === 0
    ? 'none'
    : `at most ${most} of ${chains} chains begun again: ${Math.round((100 * most) / chains)} % more gradients`;
