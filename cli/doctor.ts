/** `smile doctor`: what this machine has, and whether it will do. */
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { type DeviceReport, inexact } from '../src/engine/devices.ts';
import { DEVICES, type Device, inspectDevice } from '../src/engine/session.ts';
import { type Check, checkRedis } from '../src/queue/doctor.ts';
import { writeWhole } from '../src/store/files.ts';
import { bytes } from './units.ts';

export function doctorCommand(): Command {
  return new Command('doctor')
    .description(
      'Check this machine: cores, memory, disk, devices for gradients and how exact they are, and the Redis of a queue. Exit code 2 where something is not fine.',
    )
    .option('--redis <url>', 'also check that this Redis keeps its jobs')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExamples:\n  $ smile doctor\n  $ smile doctor --redis redis://queue-host:6379')
    .action(async ({ redis, json }: { redis?: string; json?: boolean }) => {
      const devices: Check[] = [];
      for (const device of DEVICES) devices.push(judged(await inspectDevice(device)));
      const checks = [...machine(), disk('.'), ...devices, ...(redis ? await checkRedis(redis) : [])];
      if (json) console.log(JSON.stringify(checks, null, 2));
      else
        for (const { name, fine, finding } of checks) console.log(`${fine ? 'fine' : 'NOT FINE'}  ${name}: ${finding}`);
      if (checks.some(({ fine }) => !fine)) process.exitCode = 2;
    });
}

function machine(): Check[] {
  const cores = availableParallelism();
  return [
    { name: 'Node', fine: true, finding: `${process.version} on ${process.platform}-${process.arch}` },
    { name: 'cores', fine: true, finding: `${cores}, so ${cores} worker threads unless told otherwise` },
    { name: 'memory', fine: true, finding: `${bytes(freemem())} free of ${bytes(totalmem())}` },
  ];
}

/** A device that is not there is no fault, one that computes wrongly is. */
function judged(report: DeviceReport<Device>): Check {
  const name = `device ${report.device}`;
  if (report.fault) return { name, fine: report.device !== 'cpu', finding: report.fault };
  const wrong = inexact(report);
  const shown = Object.entries(report.errors)
    .map(([of, error]) => `${of} ${error.toExponential(0)}`)
    .join(', ');
  if (wrong.length === 0) return { name, fine: true, finding: `relative errors: ${shown}` };
  return { name, fine: false, finding: `wrong: ${wrong.join(', ')} (errors: ${shown}). Use another.` };
}

/** Writes a file the way a run does. */
function disk(folder: string): Check {
  const name = 'disk here';
  try {
    const trial = mkdtempSync(join(folder, 'smile-doctor-'));
    const began = performance.now();
    writeWhole(join(trial, 'trial'), new Uint8Array(1 << 20));
    const milliseconds = performance.now() - began;
    rmSync(trial, { recursive: true });
    const { bavail, bsize } = statfsSync(folder);
    return {
      name,
      fine: true,
      finding: `${bytes(bavail * bsize)} free; a synced megabyte takes ${milliseconds.toFixed(1)} ms`,
    };
  } catch (error) {
    return { name, fine: false, finding: `${(error as Error).message} Run where you may write.` };
  }
}
