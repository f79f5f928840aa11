#!/usr/bin/env node
/** The `smile` command. Exit codes: 0 fine, 1 error, 2 ran but the result should not be trusted. */
import { Command, CommanderError } from 'commander';
import { SmileError } from '../src/errors.ts';
import { VERSION } from '../src/run/version.ts';
import { assessCommand } from './assess.ts';
import { benchCommand } from './bench.ts';
import { chainCommand } from './chain.ts';
import { demoCommand } from './demo.ts';
import { doctorCommand } from './doctor.ts';
import { evaluateCommand } from './evaluate.ts';
import { exportCommand } from './export.ts';
import { fitCommand } from './fit.ts';
import { inspectCommand } from './inspect.ts';
import { planCommand } from './plan.ts';
import { predictCommand } from './predict.ts';
import { reportCommand } from './report.ts';
import { resumeCommand } from './resume.ts';
import { sensitivityCommand } from './sensitivity.ts';
import { statusCommand } from './status.ts';
import { stopCommand } from './stop.ts';
import { verifyCommand } from './verify.ts';
import { watchCommand } from './watch.ts';
import { workerCommand } from './worker.ts';

const program = new Command('smile')
  .description('Bayesian ensembles with uncertainty you can trust, by stochastic microcanonical Langevin dynamics.')
  .version(VERSION)
  .addHelpText('after', '\nExit codes: 0 fine, 1 error, 2 ran but the result should not be trusted.\n')
  .addCommand(fitCommand())
  .addCommand(inspectCommand())
  .addCommand(resumeCommand())
  .addCommand(statusCommand())
  .addCommand(watchCommand())
  .addCommand(stopCommand())
  .addCommand(chainCommand())
  .addCommand(planCommand())
  .addCommand(verifyCommand())
  .addCommand(workerCommand())
  .addCommand(doctorCommand())
  .addCommand(predictCommand())
  .addCommand(evaluateCommand())
  .addCommand(reportCommand())
  .addCommand(assessCommand())
  .addCommand(exportCommand())
  .addCommand(sensitivityCommand())
  .addCommand(demoCommand())
  .addCommand(benchCommand());
const family = (command: Command): Command[] => [command, ...command.commands.flatMap(family)];
for (const command of family(program)) command.exitOverride().showSuggestionAfterError();

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = 1;
  if (error instanceof CommanderError) process.exitCode = error.exitCode;
  else if (error instanceof SmileError) console.error(`smile: ${error.message}`);
  else console.error(error);
}
