/** `smile watch RUN`: looks at a run from outside, whatever process or machines work on it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { heartbeats } from '../src/chains/heartbeat.ts';
import { readManifest } from '../src/store/rundir.ts';
import { outputLost } from './interrupt.ts';
import { number } from './numbers.ts';
import { progressScreen } from './progress.ts';
import { duration } from './units.ts';

interface WatchFlags {
  every: number;
  once?: boolean;
  json?: boolean;
}

/** Seconds without a heartbeat after which a block is said to be silent. */
const SILENCE = 90;

export function watchCommand(): Command {
  return new Command('watch')
    .description(
      'Watch a run: per chain its phase, step, ETA, step size, resets, non-finite steps, energy error, running LPPD.',
    )
    .argument('<run>', 'run directory of a fit')
    .option('--every <seconds>', 'between two looks', number, 1)
    .option('--once', 'look once')
    .option('--json', 'print what is new as lines of JSON')
    .addHelpText(
      'after',
      `
Only looks: Ctrl-C leaves the run alone (smile stop ends it).

Examples:
  $ smile watch smile-runs/houses-psmile-0
  $ smile watch smile-runs/houses-psmile-0 --once --json`,
    )
    .action(async (run: string, { every, once, json }: WatchFlags) => {
      const unread = outputLost();
      const screen = progressScreen(false);
      const seen = new Map<number, string>();
      const silent = new Set<number>();
      for (let status = readManifest(run).status; ; status = readManifest(run).status) {
        for (const { block, at } of heartbeats(run)) {
          const [first] = block.chains;
          const age = (Date.now() - Date.parse(at)) / 1000;
          if (status === 'running' && age > SILENCE && block.step < block.total && !silent.has(first)) {
            silent.add(first);
            console.error(
              `chains ${block.chains.join(', ')}: no sign of life for ${duration(age)}; smile resume takes over`,
            );
          }
          if (seen.get(first) === at) continue;
          seen.set(first, at);
          silent.delete(first);
          if (json) console.log(JSON.stringify({ at, ...block }));
          else screen.show({ type: 'progress', block });
        }
        if (once || unread.aborted || status !== 'running') {
          screen.end();
          if (!json) console.error(`${run}: ${status}`);
          return;
        }
        await sleep(1000 * every, undefined, { signal: unread }).catch(() => {});
      }
    });
}
