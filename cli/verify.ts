/** `smile verify RUN`: kills and replays a piece of a run and compares it to the bit. */
import { Command } from 'commander';
import { describeKill, verify } from '../src/control/verify.ts';
import { wholeFrom } from './numbers.ts';
import { paint } from './paint.ts';

export function verifyCommand(): Command {
  return new Command('verify')
    .description('Prove on this machine that a run is reproducible: replay a piece, killed on the way, and compare.')
    .argument('<run>', 'run directory of a fit')
    .option('--chains <n>', 'chains to replay, from the first', wholeFrom(1), 2)
    .option('--kills <n>', 'times to kill the replay, in its phases in turn', wholeFrom(0), 3)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
The warm start, the warm-up and the first stored block of draws are replayed in a temporary folder, killed within each of
them, and it is said from where each kill was gone on. Exit code 2: they differ.

Examples:
  $ smile verify smile-runs/houses-psmile-0
  $ smile verify smile-runs/houses-psmile-0 --chains 10 --kills 20`,
    )
    .action(async (run: string, { json, ...asked }: { chains: number; kills: number; json?: boolean }) => {
      const result = await verify(run, { ...asked, onNote: (message) => console.error(message) });
      const { compared, different, kills, untried } = result;
      const word = different.length === 0 ? paint.good('the same to the bit') : paint.bad('different');
      const lines = [
        ...different.map((file) => `  - ${file}`),
        ...kills.map((kill) => `  ${describeKill(kill)}`),
        ...(untried.length > 0 ? [`  not tried: a resume from within the ${untried.join(', the ')}`] : []),
      ];
      if (json) console.log(JSON.stringify(result, null, 2));
      else console.log([`${compared.length} files after ${kills.length} kills: ${word}`, ...lines].join('\n'));
      if (different.length > 0) process.exitCode = 2;
    });
}
