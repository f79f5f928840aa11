/** The commands of `smile`, put together. */
import { Command, CommanderError } from 'commander';
import { VERSION } from '../src/spec/version.ts';
import { assessCommand } from './assess.ts';
import { benchCommand } from './bench.ts';
import { chainCommand } from './chain.ts';
import { dataCommand } from './data.ts';
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
  .addCommand(dataCommand())
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

/** Runs what the command line asks for; what it refuses of it is an exit code, all else is thrown. */
export async function runProgram(): Promise<void> {
  try {
    await program.parseAsync();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode;
  }
}
