#!/usr/bin/env node
/** The `smile` command. Exit codes: 0 fine, 1 error, 2 ran but the result should not be trusted. */
import { explained, watchOutput } from './ending.ts';
import { leaveClosedTerminal } from './interrupt.ts';

watchOutput();
try {
  // Loaded here, so that a system which cannot open all its files is told of as any fault is.
  const { runProgram } = await import('./program.ts');
  await runProgram();
} catch (error) {
  process.exitCode = 1;
  const said = explained(error);
  if (said === undefined) console.error(error);
  else console.error(`smile: ${said}`);
}
leaveClosedTerminal();
